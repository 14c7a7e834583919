"""What the screens say, worked out without a browser."""

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.reader import Recorded
from alerts.transition import Transition, What
from batches.batch import Signed
from batches.lineage import Lineage
from batches.placement import Refused
from batches.vial import Place
from console import alarm_list, now, trends, words
from console.alarm_list import Wanted
from console.glance import for_wall
from console.speech import Speech
from console.trends import COUNT, WIDTH_MS, Trend, Trends, path
from console.view import Equipment, SiteView, Viewer
from devices.quality import Quality
from devices.scan import Scan, absent
from storage.wall import wall_ms
from tests.unit.console.lab import (
    EQUIPMENT,
    INC1,
    RULE,
    core,
    freezer_is_silent,
    incubator,
    ledger_of,
    ledger_url,
    put_batch_into,
)

pytestmark = pytest.mark.long

VIENNA = ZoneInfo("Europe/Vienna")
ENGLISH, GERMAN = Speech("en"), Speech("de")
NOON = 1_767_956_400_000
"""2026-01-09 12:00 in Vienna, a whole number of buckets."""


async def seen(data: Path, *scans: Scan) -> SiteView:
    """The site after ``scans``, as its files tell it."""
    async with core(data) as running:
        await running.hear(*scans)
        return Viewer(data, ledger_url(data), EQUIPMENT).look()


async def test_a_card_says_value_quality_batches_and_alarm(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    view = await seen(tmp_path, incubator(38.5, door=1.0))
    card = now.card(view.devices[0], {"inc1.temperature": (37.0, None, 38.5)}, ENGLISH)
    assert (card.silent, card.inside, card.alarm) == (False, ("B-2026-0001",), "asks")
    temperature, door = card.rows
    assert (temperature.value, temperature.quality, temperature.is_good) == (
        "38.50 °C",
        "good",
        True,
    )
    assert temperature.says == "CRITICAL, unacknowledged"
    assert temperature.told == "last 30 min: 37.00 °C to 38.50 °C"
    assert (door.value, door.alarm) == ("open", "")


async def test_a_device_that_is_silent_shows_no_value(tmp_path: Path) -> None:
    view = await seen(tmp_path, freezer_is_silent(), incubator(37.0))
    card = now.card(view.devices[1], {}, ENGLISH)
    assert card.silent
    assert [(row.value, row.quality) for row in card.rows] == [(words.NOTHING, "no answer")]
    told = now.facts(view)
    assert (told.devices, told.silent, told.core_alive) == (2, 1, False)


async def test_a_device_that_was_never_heard_says_so(tmp_path: Path) -> None:
    view = await seen(tmp_path, incubator(37.0))
    card = now.card(view.devices[1], {}, ENGLISH)
    assert (card.silent, card.never) == (True, True)


def test_rooms_are_in_the_order_of_the_file_and_what_watches_comes_last() -> None:
    own = Equipment(id="own", name="own", location="", period_ms=1, is_system=True)
    stray = Equipment(id="stray", name="", location="", period_ms=1)
    found = now.rooms((own, stray, *EQUIPMENT), ENGLISH)
    assert {room: [one.id for one in those] for room, those in found.items()} == {
        "Elsewhere": ["stray"],
        "Culture room": ["inc1"],
        "Cryo room": ["ln2a"],
        "The watch itself": ["own"],
    }
    assert list(found)[-1] == "The watch itself"


async def test_of_what_watches_only_that_is_shown_which_is_wrong(tmp_path: Path) -> None:
    view = await seen(tmp_path, incubator(38.5), freezer_is_silent())
    asks = now.watching(view.devices[0], {}, ENGLISH)
    assert [row.says for row in asks.rows] == ["CRITICAL, unacknowledged"]
    assert (asks.alarm, asks.fine, asks.holds) == ("asks", 1, False)
    silent = now.watching(view.devices[1], {}, ENGLISH)
    assert (silent.silent, silent.fine, len(silent.rows)) == (True, 0, 1)


async def test_cards_speak_german(tmp_path: Path) -> None:
    view = await seen(tmp_path, incubator(38.5, door=1.0))
    card = now.card(view.devices[0], {}, GERMAN)
    assert [(row.name, row.value) for row in card.rows] == [
        ("Temperatur", "38.50 °C"),
        ("Tür", "offen"),
    ]
    assert card.rows[0].says == "KRITISCH, unquittiert"


async def test_an_alarm_says_what_must_be_known_and_what_may_be_done(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    view = await seen(tmp_path, incubator(37.0), incubator(38.5))
    (line,) = lines(view)
    assert (line.mark, line.severity, line.where) == ("asks", "critical", "Incubator 1")
    assert line.value == "38.50 °C (limit ≥\N{NO-BREAK SPACE}38.00 °C)"
    assert line.inside == ("B-2026-0001",)
    assert line.does == ("ack", "shelve")
    assert ("Action", "close the door; move the plates to inc2") in line.guidance
    assert ("Time to respond", "30m") in line.guidance
    assert line.since.endswith(("+01:00", "+02:00"))
    assert alarm_list.acknowledgement(line, "seen") == {
        "occurrence": "1",
        "severity": "critical",
        "note": "seen",
    }


async def test_a_silent_device_shows_no_old_value_as_if_it_were_one_of_now(tmp_path: Path) -> None:
    at = wall_ms()
    silent = absent(INC1, at=at + 1, quality=Quality.NO_ANSWER)
    view = await seen(tmp_path, incubator(38.5, at=at), silent)
    (line,) = lines(view)
    assert line.value == (
        f"{words.NOTHING} (limit ≥\N{NO-BREAK SPACE}38.00 °C), "
        f"last good 38.50 °C, {words.moment(at, VIENNA)}"
    )


async def test_a_freezer_of_vials_is_not_empty(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    lineage, act = Lineage(ledger_of(tmp_path)), Signed(by="olga")
    slots = [Place(device="ln2a", rack="1", box="A", slot=str(number)) for number in (1, 2)]
    lineage.passage("B-2026-0001", act=act)
    lineage.freeze("B-2026-0001", slots, act=act)
    view = await seen(tmp_path, incubator(37.0), freezer_is_silent())
    assert [one.vials for one in view.devices] == [0, 2]
    card = now.card(view.devices[1], {}, GERMAN)
    assert card.inside == ("2 Röhrchen",)
    lineage.take_out("B-2026-0001-V001", act=act)
    again = Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT).look()
    assert now.card(again.devices[1], {}, ENGLISH).inside == ("1 vial",)
    assert [one.vials for one in for_wall(again).devices] == [None, None]


@pytest.mark.parametrize(
    ("batches", "vials", "said"),
    [
        (None, None, None),
        ((), 0, ()),
        (("B-2026-0001",), 12, ("B-2026-0001", "12 vials")),
    ],
)
def test_what_is_inside_is_batches_and_vials_or_not_known(
    batches: tuple[str, ...] | None, vials: int | None, said: tuple[str, ...] | None
) -> None:
    assert words.inside(batches, vials) == said


def lines(view: SiteView, wanted: Wanted = alarm_list.ALL) -> tuple[alarm_list.AlarmLine, ...]:
    return alarm_list.lines(
        view,
        {RULE.id: RULE},
        zone=VIENNA,
        say=ENGLISH,
        name_of=str.upper,
        wanted=wanted,
    )


async def test_filters_leave_what_is_wanted(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    view = await seen(tmp_path, incubator(38.5))
    for wanted, count in (
        (Wanted(), 1),
        (Wanted(text="  INCUBATOR "), 1),
        (Wanted(text="B-2026-0001"), 1),
        (Wanted(text="freezer"), 0),
        (Wanted(severity="critical", asking=True), 1),
        (Wanted(severity="low"), 0),
    ):
        assert len(lines(view, wanted)) == count, wanted


@pytest.mark.parametrize(
    ("reason", "span", "one_shot"), [(" ", "1h", False), ("cleaning", "", False)]
)
def test_shelving_needs_a_reason_and_an_end(reason: str, span: str, *, one_shot: bool) -> None:
    with pytest.raises(Refused):
        alarm_list.shelving(reason, span, one_shot=one_shot)


def test_shelving_until_it_returned_once_may_leave_the_end_to_the_rule() -> None:
    assert alarm_list.shelving("cleaning", "", one_shot=True) == {
        "reason": "cleaning",
        "for": "",
        "one_shot": "true",
    }


def test_silenced_today_begins_at_midnight_of_the_site() -> None:
    midnight = NOON - 12 * 3_600_000
    history = [
        Recorded(n, n, Transition(at=at, what=what, rule="r"))
        for n, (at, what) in enumerate(
            [
                (NOON, What.SHELVED),
                (midnight, What.OUT_OF_SERVICE),
                (midnight - 1, What.SHELVED),
                (NOON, What.ACK),
            ]
        )
    ]
    found = alarm_list.silenced_today(history, NOON, VIENNA)
    assert [one.number for one in found] == [0, 1]
    # An hour earlier it was yesterday still in London.
    assert [one.number for one in alarm_list.silenced_today(history, NOON, UTC)] == [0]


def test_a_trend_has_means_and_holes() -> None:
    trend = Trend()
    for at, value in ((0, 1.0), (WIDTH_MS - 1, 3.0), (3 * WIDTH_MS, 5.0)):
        trend.add(at, value)
    line = trend.line(3 * WIDTH_MS)
    assert line == (*(None,) * (COUNT - 4), 2.0, None, None, 5.0)


def test_a_path_is_broken_where_there_was_no_value_and_lies_in_its_box() -> None:
    assert path((1.0, 2.0, None, 3.0, 1.0), width=8.0, height=10.0) == (
        "M0.0 10.0L2.0 5.0M6.0 0.0L8.0 10.0"
    )
    assert path((None, 5.0), width=8.0, height=10.0) == ""
    assert path((5.0, 5.0), width=8.0, height=10.0) == "M0.0 5.0L8.0 5.0"


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_no_point_of_a_path_lies_outside(values: list[float | None]) -> None:
    numbers = path(tuple(values), width=90.0, height=20.0).replace("M", " ").replace("L", " ")
    points = [float(number) for number in numbers.split()]
    assert all(0 <= x <= 90 for x in points[::2])
    assert all(-0.05 <= y <= 20.05 for y in points[1::2])


async def test_trends_follow_the_journal_and_invent_nothing(tmp_path: Path) -> None:
    follower = Trends(tmp_path)
    assert follower.look() == {}
    async with core(tmp_path) as running:
        await running.hear(_at(37.0, NOON), _at(38.0, NOON + 2 * WIDTH_MS))
        line = follower.look()["inc1.temperature"]
        assert line[-3:] == (37.0, None, 38.0)
        await running.hear(_at(39.0, NOON + 3 * WIDTH_MS))
        assert follower.look()["inc1.temperature"][-4:] == (37.0, None, 38.0, 39.0)
        await running.hear(freezer_is_silent())
        assert "ln2a.level" not in follower.look()
    follower.close()


def _at(temperature: float, at: int) -> Scan:
    return Scan(INC1, at, at, (temperature, 0.0), bytes(2))


def test_the_look_back_covers_the_line_of_a_site_of_twenty_devices_a_second() -> None:
    assert trends.LOOK_BACK >= 20 * COUNT * WIDTH_MS / 1000
