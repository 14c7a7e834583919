"""What the engine does with each entry: once, at its time, and with everything that is due then."""

import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.entry import Tick
from tests.unit.alerts.engine.lab import (  # a test's own
    BRIEF,
    DUE,
    HOT,
    SILENT,
    START,
    Lab,
    rulebook,
)

OTHER = "inc2.temperature"
SOON = replace(HOT, on_delay=parse("20s"))


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules, channels=(HOT.channel, OTHER)))


def scan(at: int, value: float, *, received: int | None = None) -> Scan:
    layout = Layout("inc1", ("temperature",), ("temperature",))
    arrived = START + (at if received is None else received)
    return Scan(layout, START + at, arrived, (value,), bytes(1))


def test_an_entry_is_taken_once() -> None:
    room = lab(BRIEF)
    room.sample("0:00", 39.0)
    told, stored = len(room.told), room.engine.dump()
    assert room.engine.cursor == 1
    assert room.engine.advance(1, scan(10_000, 37.0)) == ()
    assert room.engine.advance(0, Tick(START + 3_600_000)) == ()
    assert (len(room.told), room.engine.dump(), room.engine.cursor) == (told, stored, 1)
    assert room.engine.advance(2, scan(10_000, 37.0))


@pytest.mark.parametrize(("at", "set_"), [(20_000, False), (20_001, True), (20_002, True)])
def test_what_is_due_in_the_very_millisecond_before_a_sample_is_done_before_it(
    at: int, *, set_: bool
) -> None:
    room = lab(SOON)
    room.feed(scan(0, 38.5))
    room.feed(scan(at, 37.0))
    assert bool(room.count(What.SET)) is set_


def test_a_sample_that_arrives_late_sets_no_clock_back() -> None:
    room = lab(SOON)
    room.feed(scan(10_000, 37.0))
    room.feed(scan(11_000, 38.5, received=5_000))
    assert room.engine.view("hot").value == 38.5
    room.feed(Tick(START + 30_999))
    assert room.count(What.SET) == 0
    room.feed(Tick(START + 31_000))
    assert room.count(What.SET) == 1


def test_times_are_told_by_the_clock_as_it_was_set() -> None:
    room = lab(BRIEF, DUE)
    room.clock_step("0:00", "1:00:00")
    room.sample("0:10", 37.0)
    room.sample("0:20", 39.0)
    told = next(one for one in room.told if one.what is What.SET and one.rule == "hot")
    assert (told.at, told.since) == (room.wall("0:20"), room.wall("0:20"))
    view = room.engine.view("hot")
    assert (view.value_at, view.since) == (room.wall("0:20"), room.wall("0:20"))
    due = room.wall("0:30") + 86_400_000
    room.ledger_says("0:30", at=str(due))
    assert room.engine.due_of("due") == due
    assert room.engine.due_of("hot") is None
    assert room.engine.due_of("cold") is None


def test_a_view_knows_of_calm_samples() -> None:
    room = lab(BRIEF)
    room.hold("0:00", "0:30", 37.0)
    room.sample("0:40", 37.5)
    assert [(one.value, one.value_at) for one in room.engine.views()] == [(37.5, room.wall("0:40"))]


def test_all_that_is_due_in_one_instant_is_done() -> None:
    other = replace(SOON, id="other", channel=OTHER)
    room = lab(SOON, other)
    for name in (HOT.channel, OTHER):
        room.sample("0:00", 38.5, of=name)
    room.feed(Tick(room.wall("0:20")))
    assert room.said(What.SET) == ["0:00:20 set hot", "0:00:20 set other"]
    room.feed(Tick(room.wall("0:30")))
    told = [(one.channel, one.why) for one in room.told if one.what is What.QUALITY]
    assert told[-2:] == [(HOT.channel, "no sample"), (OTHER, "no sample")]


def test_silence_is_stored_and_waited_for_no_more() -> None:
    room = lab(SILENT)
    room.sample("0:00", 37.0)
    room.engine.changed()
    room.feed(Tick(room.wall("0:30")))
    assert {"device:inc1", "rule:silent"} <= set(room.engine.changed())
    assert room.engine.view("silent").quality == "STALE"
    assert room.engine.next_due() == room.wall("5:30")
    room.order("0:40", "ack", target="silent")
    assert room.engine.next_due() is None


def test_a_start_judges_all_channels_again_and_stores_them() -> None:
    other = replace(BRIEF, id="other", channel=OTHER)
    room = lab(replace(BRIEF, limit=39.0), replace(other, limit=39.0))
    for name in (HOT.channel, OTHER):
        room.sample("0:00", 38.5, of=name)
    room.book = rulebook([BRIEF, other], channels=(HOT.channel, OTHER))
    room.reload()
    room.started("1:00")
    assert room.said(What.SET) == ["0:01:00 set hot", "0:01:00 set other"]
    stored = set(room.engine.changed())
    assert {"device:inc1", "device:inc2", "rule:hot", "rule:other"} <= stored
    # Silence is allowed anew from the start.
    assert room.engine.next_due() == room.wall("1:30")


def test_what_fell_due_while_nothing_ran_is_late_and_what_comes_after_is_not() -> None:
    room = lab(SOON)
    room.sample("0:00", 38.5)
    room.reload()
    room.started(20_001)
    assert [one.late for one in room.told if one.what is What.SET] == [True]
    again = lab(SOON)
    again.sample("0:00", 38.5)
    again.reload()
    again.started("0:10")
    again.feed(Tick(again.wall(20_001)))
    assert [one.late for one in again.told if one.what is What.SET] == [False]


def test_a_clock_that_was_set_back_a_little_while_nothing_ran_is_not_told() -> None:
    for back, told in ((5_000, 0), (5_001, 1)):
        room = lab(BRIEF)
        room.sample("1:00", 37.0)
        room.reload()
        room.shift = -back
        room.started("1:00")
        assert room.count(What.SYSTEM) == told
        if told:
            assert room.last(What.SYSTEM).at == room.wall("1:00")


def test_an_edit_that_no_longer_fits_gives_way_to_the_file() -> None:
    room = lab(BRIEF)
    room.order("0:05", "edit", steps='[{"limit": 40.0, "severity": "critical"}]')
    assert len(room.engine.rule("hot").steps) == 1
    low = replace(BRIEF, kind="low", limit=30.0)
    room.book = rulebook([low], channels=(HOT.channel, OTHER))
    room.reload()
    assert room.engine.rule("hot") == low
    room.started("1:00")
    assert room.last(What.EDITED).by == "configuration"
    room.reload()
    room.started("2:00")
    assert room.count(What.EDITED) == 2


def test_an_edit_is_worked_by_after_a_start_and_its_policy_pages() -> None:
    room = lab(BRIEF)
    room.order("0:05", "edit", limit="39")
    room.reload()
    room.started("1:00")
    room.sample("1:10", 38.5)
    assert room.count(What.SET) == 0
    room.sample("1:20", 39.0)
    assert room.said(What.QUEUED) == ["0:01:20 queued hot A"]
    assert [rule.limit for rule in room.engine.rulebook.rules] == [39.0]
    assert room.count(What.EDITED) == 1


def test_a_device_without_rules_moves_the_clock_and_nothing_else() -> None:
    room = lab(SOON)
    room.sample("0:00", 38.5)
    room.engine.changed()
    room.feed(Scan(Layout("x", ("y",), ("z",)), START, START + 20_001, (1.0,), bytes(1)))
    assert room.count(What.SET) == 1
    room.engine.changed()
    room.feed(Scan(Layout("x", ("y",), ("z",)), START, START + 20_002, (1.0,), bytes(1)))
    assert set(room.engine.changed()) == {"clock"}


def test_a_calm_engine_waits_for_silence_alone() -> None:
    engine = Engine(rulebook([BRIEF], channels=(HOT.channel, OTHER)))
    for place, at in enumerate((0, 10_000, 20_000)):
        assert [one.what for one in engine.advance(place, scan(at, 37.0))] == (
            [What.QUALITY] if not at else []
        )
        assert engine.next_due() == START + at + 30_000
    bad = Scan(scan(0, 1.0).layout, START, START + 25_000, (None,), bytes((Quality.NO_ANSWER,)))
    engine.advance(3, bad)
    assert engine.next_due() == START + 50_000
