"""When people are told that a site does not beat, and when that it does again."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturewatch.beat import OUTBOX_S
from culturewatch.watchdog.settings import LONGEST_AFTER, load
from culturewatch.watchdog.vigil import Outage, Patience, Vigil, Word, acknowledged, heard, look

PATIENCE = Patience(after_s=120, grace_s=300, repeat_s=60)
WALL = 1_767_614_400_000


def told(beats: set[int], until_s: int, *, ack_at: int | None = None) -> list[tuple[int, Word]]:
    """What is told, second by second."""
    vigil, found = Vigil(awaited_s=0.0), []
    for second in range(until_s + 1):
        at = WALL + second * 1_000
        words = []
        if second in beats:
            vigil, word = heard(vigil, now_s=second, now=at)
            words.append(word)
        if second == ack_at and vigil.outage:
            vigil, why = acknowledged(vigil, began=vigil.outage.began, by="Ada")
            assert why == ""
        vigil, word = look(vigil, PATIENCE, now_s=second, now=at)
        words.append(word)
        found += [(second, word) for word in words if word]
    return found


def test_a_site_that_beats_is_nothing_to_tell() -> None:
    assert told(set(range(0, 1_000, 30)), 1_000) == []


def test_one_that_stops_is_told_two_minutes_after_its_last_beat_and_each_minute_after() -> None:
    assert told({10, 40}, 300) == [
        (160, Word.SILENT),
        (220, Word.AGAIN),
        (280, Word.AGAIN),
    ]


def test_one_that_was_never_heard_is_told_after_the_grace() -> None:
    assert told(set(), 330) == [(300, Word.SILENT)]


def test_its_return_is_told_once() -> None:
    assert told({0, 130, 160}, 200) == [(120, Word.SILENT), (130, Word.BACK)]


def test_who_has_it_stops_the_reminders_and_is_told_of_the_return() -> None:
    assert told({0, 600}, 700, ack_at=200) == [
        (120, Word.SILENT),
        (180, Word.AGAIN),
        (600, Word.BACK),
    ]


def test_another_outage_begins_anew() -> None:
    words = told({0, 200}, 400, ack_at=130)
    assert words == [(120, Word.SILENT), (200, Word.BACK), (320, Word.SILENT), (380, Word.AGAIN)]


def test_a_link_to_an_older_outage_acknowledges_nothing() -> None:
    vigil = Vigil(awaited_s=0, outage=Outage(began=WALL, told_s=0))
    assert acknowledged(vigil, began=WALL - 1, by="Ada") == (vigil, "that outage is over")
    taken, _ = acknowledged(vigil, began=WALL, by="Ada")
    assert acknowledged(taken, began=WALL, by="Ben") == (taken, "Ada has it already")


@given(st.sets(st.integers(0, 900), max_size=40))
def test_no_silence_of_two_minutes_is_untold_and_no_shorter_one_is_told(beats: set[int]) -> None:
    words = told(beats | {0}, 1_200)
    silent = [at for at, word in words if word is Word.SILENT]
    ordered = [*sorted(beats | {0}), 1_321]
    expected = [
        earlier + 120
        for earlier, later in pairwise(ordered)
        if later - earlier > 120 and earlier + 120 <= 1_200
    ]
    assert silent == expected


def test_the_longest_patience_still_tells_of_a_dead_sender_within_three_minutes() -> None:
    # Goal C3 5: the sender does not turn, no beat goes, and this one waits.
    assert OUTBOX_S + LONGEST_AFTER.seconds <= 180


def test_the_example_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CULTUREWATCH_BEAT_SECRET", "s")
    monkeypatch.setenv("WATCHDOG_MAIL_PASSWORD", "p")
    settings = load(Path(__file__).parents[4] / "examples" / "watchdog.toml")
    assert settings.public_url == "https://watch.elsewhere.example"
    assert settings.file.watchdog.after.seconds == 100
