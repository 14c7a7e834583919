"""Who has proven lately that an alarm reaches them, and what follows when they have not."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.drills import Drilled, Drills, Standing, Word, overdue_text, standings, wanted
from alerts.policy import Person
from devices.duration import parse

VIENNA = ZoneInfo("Europe/Vienna")
A = Person(id="A", channels=("sms", "mail"))
HOUR, DAY = 3_600_000, 86_400_000
WANTS = Drills(manager="M")


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = utc("2026-06-10T10:00")


def drill(
    at: int, *, answered: int | None = None, state: str = "delivered", channel: str = "sms"
) -> Drilled:
    return Drilled(at, f"drill-{at}", "A", channel, "M", answered, state, "")


def word(*drills: Drilled, now: int = NOW) -> Word:
    return standings([A], drills, WANTS, now=now)[0].word


def test_every_person_stands_for_every_channel() -> None:
    found = standings([A], [], WANTS, now=NOW)
    assert [(one.person, one.channel, one.word) for one in found] == [
        ("A", "sms", Word.NEVER),
        ("A", "mail", Word.NEVER),
    ]


def test_a_drill_waits_then_is_not_answered() -> None:
    assert word(drill(NOW)) is Word.WAITING
    assert word(drill(NOW - 30 * 60_000 + 1)) is Word.WAITING
    assert word(drill(NOW - 30 * 60_000)) is Word.UNANSWERED
    assert word(drill(NOW, state="failed")) is Word.UNANSWERED


def test_an_answer_is_good_for_31_days() -> None:
    at = NOW - 31 * DAY
    assert word(drill(at, answered=at + 1)) is Word.ANSWERED
    assert word(drill(at - 1, answered=at)) is Word.OVERDUE
    # A newer one that nobody answered says more than an older one that somebody did.
    assert word(drill(at, answered=at + 1), drill(NOW - HOUR)) is Word.UNANSWERED


def repeats(at: str, *, now: str) -> list[str]:
    found = standings([A], [drill(utc(at))], WANTS, now=utc(now))
    return [one.channel for one in wanted(found, WANTS, VIENNA, now=utc(now))]


@pytest.mark.parametrize(
    ("at", "now", "expected"),
    [
        ("2026-06-10T08:00", "2026-06-10T14:00", []),
        ("2026-06-10T08:00", "2026-06-11T06:59", []),
        ("2026-06-10T08:00", "2026-06-11T07:00", ["sms"]),
        ("2026-06-10T08:00", "2026-06-11T15:00", []),
        ("2026-06-10T08:00", "2026-06-12T08:00", ["sms"]),
    ],
)
def test_97_what_was_not_answered_comes_again_the_next_day_in_daytime(
    at: str, now: str, expected: list[str]
) -> None:
    assert repeats(at, now=now) == expected


def test_97_the_manager_is_told_of_who_did_not_answer() -> None:
    drills = [drill(NOW - 2 * HOUR), drill(NOW - DAY, answered=NOW - DAY + 1, channel="mail")]
    found = standings([A], drills, WANTS, now=NOW)
    assert overdue_text(found, VIENNA) == (
        "drills: A by sms: not answered, last on 2026-06-10 10:00"
    )
    well = standings([A], [drill(NOW), drills[1]], WANTS, now=NOW)
    assert overdue_text(well, VIENNA) == ""


NIGHTLY = Drills(day=29, at="02:30")


def monthly(now: str, day: int, newest: Drilled | None = None) -> list[str]:
    wants = Drills(day=day, at="02:30", overdue=parse("31d"))
    found = [Standing(person="A", channel="sms", word=Word.ANSWERED, is_open=False, newest=newest)]
    return [one.id for one in wanted(found, wants, VIENNA, now=utc(now))]


@pytest.mark.parametrize(
    ("day", "before", "first", "later"),
    [
        pytest.param(
            28,
            "2026-03-28T01:29",
            "2026-03-28T01:30",
            "2026-03-29T01:00",
            id="the night before the change, for what is usual",
        ),
        pytest.param(
            29, "2026-03-29T00:59", "2026-03-29T01:00", "2026-03-29T01:30", id="02:30 is skipped"
        ),
        pytest.param(
            25, "2026-10-25T00:29", "2026-10-25T00:30", "2026-10-25T01:30", id="02:30 comes twice"
        ),
    ],
)
def test_65_a_drill_at_02_30_runs_once(day: int, before: str, first: str, later: str) -> None:
    earlier = drill(utc(before) - 30 * DAY, answered=utc(before) - 30 * DAY + 1)
    assert monthly(before, day, earlier) == []
    (sent,) = monthly(first, day, earlier)
    assert sent == f"drill-{first[:10]}-A-sms"
    assert monthly(later, day, earlier) == [sent]
    assert monthly(later, day, drill(utc(first), answered=utc(first) + 1)) == []


def test_a_monthly_drill_that_could_not_run_for_a_day_waits_for_the_next_month() -> None:
    assert monthly("2026-06-11T00:29", 10) == ["drill-2026-06-10-A-sms"]
    assert monthly("2026-06-11T00:30", 10) == []
