"""What the engine does from its first entry on and after a start, and one millisecond apart."""

import pytest
from msgspec.structs import replace

from alerts.engine import gauge
from alerts.engine.alarm import Alarm, Phase
from alerts.engine.annunciator import Annunciator
from alerts.engine.clock import Clock
from alerts.engine.engine import Engine
from alerts.engine.gauge import Frame, Measured, Seen, State, Still
from alerts.engine.monitor import Monitor
from alerts.engine.timers import Timers
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from devices.scan import Layout, Scan
from storage.entry import ClockStep, Tick
from tests.unit.alerts.engine.lab import (  # a test's own
    BRIEF,
    CHAIN,
    HOT,
    SILENT,
    START,
    Lab,
    rulebook,
)

OTHER = "inc2.temperature"
POWER = replace(BRIEF, id="power", channel=OTHER, kind="low", limit=10.0, deadband=1.0)
SERVICE = Rule(
    id="service", channel=OTHER, kind="overdue", every=parse("90d"), severity="low", policy="chain"
)
UNMOVED = Rule(id="still", channel=HOT.channel, kind="stuck", window=parse("20s"), policy="chain")
STILL = 37.25


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules, channels=(HOT.channel, OTHER)))


def scan(at: int) -> Scan:
    """A calm one of the first device."""
    layout = Layout("inc1", ("temperature",), ("temperature",))
    return Scan(layout, START + at, START + at, (37.0,), bytes(1))


def test_from_the_first_entry_on_every_device_is_waited_for() -> None:
    engine = Engine(rulebook([HOT, POWER], channels=(HOT.channel, OTHER)))
    engine.advance(0, scan(0))
    engine.advance(1, scan(20_000))
    # The second one has never reported: three periods of ten seconds.
    assert engine.next_due() == START + 30_000
    assert {"device:inc1", "device:inc2"} <= set(engine.changed())


def test_what_was_never_done_is_waited_for_from_the_first_entry_on_and_stored() -> None:
    engine = Engine(rulebook([HOT, SERVICE], channels=(HOT.channel, OTHER)))
    engine.advance(0, scan(0))
    assert "rule:service" in engine.changed()
    assert engine.next_due() == START
    told = engine.advance(1, Tick(START))
    assert [one.rule for one in told if one.what is What.SET] == ["service"]


def test_what_a_start_brings_and_was_never_done_is_said_at_that_start() -> None:
    room = lab(HOT)
    room.sample("0:00", 37.0)
    room.book = rulebook([HOT, SERVICE], channels=(HOT.channel, OTHER))
    room.reload()
    room.started("1:00")
    assert room.said(What.SET) == ["0:01:00 set service"]


@pytest.mark.parametrize(("at", "done"), [(19_999, False), (20_000, False), (20_001, True)])
def test_what_is_due_in_the_instant_in_which_the_clock_is_set_waits_for_samples_of_it(
    at: int, *, done: bool
) -> None:
    room = lab(replace(HOT, on_delay=parse("20s")))
    room.sample(0, 38.1)
    room.feed(ClockStep(at=room.wall(at) + 5_000, step=5_000))
    assert bool(room.count(What.SET)) is done


def test_a_silence_that_is_judged_long_after_it_was_due_is_marked_late() -> None:
    for at, late in ((35_000, False), (35_001, True)):
        room = lab(SILENT)
        room.sample("0:00", 37.0)
        room.feed(Tick(room.wall(at)))
        told = [one for one in room.told if one.what in {What.SET, What.QUEUED}]
        assert [one.late for one in told] == [late, late]


def too_much(_frame: Frame, _state: State | None, seen: Seen) -> Measured:
    if seen.value > STILL:
        raise OverflowError("too much")
    return Still(seen.value, seen.at), 0.0


def test_a_rule_that_cannot_be_judged_says_so_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gauge, "MEASURES", {"stuck": too_much})
    room = lab(UNMOVED)
    room.sample("0:00", STILL)
    room.sample("0:10", STILL + 1)
    why = "cannot be judged: OverflowError: too much"
    told = [one for one in room.told if one.what in {What.SYSTEM, What.SET, What.QUEUED}]
    assert [one.what for one in told] == [What.SYSTEM, What.SET, What.QUEUED]
    assert {(one.rule, one.why, one.value, one.late) for one in told} == {
        ("still", why, None, False)
    }
    assert told[1].since == START + 10_000
    room.sample("0:20", STILL)
    mended = room.last(What.CLEAR)
    assert mended.why == "it can be judged again, and its condition does not hold"
    assert mended.value is None
    assert mended.since == START + 20_000


def test_the_value_that_is_told_of_a_measure_is_that_of_its_channel() -> None:
    room = lab(UNMOVED)
    room.hold("0:00", "0:20", STILL)
    assert room.last(What.SET).value == STILL


def test_what_a_cause_newly_explains_is_stored() -> None:
    room = lab(POWER, replace(BRIEF, inhibited_by="power"))
    room.sample("0:00", 39.0)
    room.engine.changed()
    room.sample("0:10", 5.0, of=OTHER)
    assert room.engine.view("hot").under == "power"
    assert {"rule:hot", "rule:power"} <= set(room.engine.changed())


def test_a_reminder_that_nobody_wants_any_more_is_taken_off() -> None:
    room = lab(HOT)
    monitor = Monitor(HOT, room.book.channels[0], CHAIN, 0)
    monitor.alarm = Alarm(phase=Phase.U, occurrence=1, activation=1, remind_due=1_000)
    made = Annunciator(Clock(None), Timers(), {})
    made.work_off(monitor, 999, late=False)
    assert monitor.part().alarm.remind_due == 1_000
    made.work_off(monitor, 1_000, late=False)
    assert monitor.part().alarm.remind_due is None
    assert made.said == []


def test_the_rules_as_they_run_keep_what_suppresses_and_inhibits_them() -> None:
    hot = replace(BRIEF, inhibited_by="power", suppress_by="power", suppress_cap=parse("10m"))
    room = lab(hot, POWER)
    (kept, _) = room.engine.rulebook.rules
    assert (kept.inhibited_by, kept.suppress_by) == ("power", "power")
    room.order("0:05", "remove", target="power")
    (kept,) = room.engine.rulebook.rules
    assert (kept.inhibited_by, kept.suppress_by) == (None, None)
