"""Who hears of an alarm under another one, of one that flaps, and of one that pages nobody."""

import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm
from alerts.engine.moment import Moment
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import Duration, parse
from devices.quality import Quality
from devices.scan import Source
from tests.unit.alerts.engine.lab import CHAIN, HOT, START, Lab, rulebook  # a test's own

BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0))
POWER = Rule(id="power", channel="inc1.power", kind="discrete", severity="high")


def test_what_is_set_again_under_its_cause_pages_nobody_although_its_escalation_runs() -> None:
    room = Lab(
        rulebook(
            [replace(BRIEF, inhibited_by="power"), POWER],
            channels=("inc1.temperature", "inc1.power"),
        )
    )
    room.sample("0:10", 39.0)
    # A critical alarm that returned by itself goes on until somebody acknowledges it.
    room.sample("0:20", 36.0)
    room.sample("6:00", 1.0, of="inc1.power")
    assert room.said(What.QUEUED, rule="hot") == ["0:00:10 queued hot A", "0:05:10 queued hot B"]
    seen = room.engine.view("hot")
    assert (seen.state, seen.escalation, seen.under) == ("R", "RUN", "")
    room.sample("20:00", 39.0)
    assert room.said(What.INHIBITED, rule="hot") == ["0:20:00 inhibited hot"]
    assert room.engine.view("hot").under == "power"
    assert room.said(What.QUEUED, rule="hot")[2:] == []


def test_occurrences_that_were_closed_in_between_are_counted_as_flapping() -> None:
    room = Lab(rulebook([replace(BRIEF, flapping=3, flapping_window=parse("1h"))]))
    for minute in range(3):
        room.sample(f"{minute}:10", 39.0)
        room.order(f"{minute}:20", "ack")
        room.sample(f"{minute}:30", 37.0)
    assert room.engine.view("hot").occurrence == 3
    assert room.said(What.FLAPPING) == ["0:02:10 flapping hot"]


def test_an_excursion_that_late_samples_tell_of_is_kept_where_nobody_would_be_paged() -> None:
    room = Lab(rulebook([replace(BRIEF, on_delay=parse("20s"), policy="")]))
    room.sample("0:10", 37.0)
    room.sample("10:00", 37.0)
    for taken, value in (("5:00", 39.0), ("5:20", 39.5), ("5:40", 37.0)):
        room.sample("11:00", value, taken=taken, source=Source.BACKFILL)
    told = room.last(What.CORRECTION)
    assert (told.since, told.value) == (room.wall("5:00"), 39.5)
    assert room.count(What.NOTICE) == 0


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moment]:
    """The start, on a machine whose time zone is another one."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield Moment(now=0, offset=START, rule=HOT)
    monkeypatch.undo()
    time.tzset()


def test_times_are_told_in_utc_wherever_it_runs(in_tokyo: Moment) -> None:
    assert in_tokyo.clock(60_000) == "2026-01-05 08:01:00 UTC"


def test_who_was_paged_is_put_down_once() -> None:
    now = Moment(now=7, offset=START, rule=HOT, policy=CHAIN)
    alarm = replace(Alarm(), page_due=9)
    now.page(alarm, ("A", "B"), 0, "hot")
    paged = now.book(alarm)
    assert (paged.paged, paged.paged_at, paged.page_due) == (("A", "B"), 7, None)
    waiting = replace(alarm, occurrence=2)
    assert now.book(waiting) is waiting


def test_what_was_measured_for_a_while_is_told_without_a_value_of_the_channel() -> None:
    names = ("inc1.temperature", "inc2.temperature")
    apart = replace(BRIEF, kind="difference", limit=1.0, on_delay=parse("1m"), against=names[1:])
    room = Lab(rulebook([apart], channels=names))
    room.sample("0:10", 37.0, of="inc2.temperature")
    room.sample("0:11", 39.0)
    room.sample("0:20", 37.1)
    told = room.last(What.NEAR_MISS)
    assert (told.why, told.value) == ("over the limit for less than 1m", None)


def test_a_fault_that_was_over_in_time_is_told_without_a_value() -> None:
    faulty = replace(BRIEF, kind="out-of-range", limit=None, deadband=0.0, on_delay=parse("5m"))
    room = Lab(rulebook([faulty]))
    room.sample("1:00", None, quality=Quality.SENSOR_FAULT)
    room.sample("1:10", 37.0)
    told = room.last(What.NEAR_MISS)
    assert (told.since, told.value) == (room.wall("1:00"), None)
