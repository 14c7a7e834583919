"""One rule at work: its timers, its measure, its screen, its errors, and what of it is stored."""

from math import inf

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.filter import Delays, Event, Found, Sample
from alerts.engine.filter_state import Filter, Past, Stage
from alerts.engine.gauge import Frame, Jumping, Still
from alerts.engine.limits import Side
from alerts.engine.monitor import Monitor, RulePart, Touched
from alerts.engine.signal import Signal, Trust
from alerts.engine.trend import Trend
from alerts.rule import Limit, Rule, Severity
from alerts.transition import What
from devices.duration import parse

SPEC = ChannelSpec(id="inc1.x", quantity="temperature", period_ms=10_000, resolution=0.01)
HIGH = Rule(id="r", channel=SPEC.id, kind="high", limit=38.0, deadband=0.2, on_delay=parse("5m"))
AT_ONCE = replace(HIGH, on_delay=parse("0s"))
SERVICE = replace(AT_ONCE, kind="overdue", limit=None, deadband=0.0, every=parse("1h"))
SPIKE = replace(AT_ONCE, kind="spike", limit=5.0, deadband=0.0)
ODD = replace(AT_ONCE, kind="disagreement", limit=3.0, deadband=1.0, against=("b.x", "c.x"))
STUCK = replace(AT_ONCE, kind="stuck", limit=None, deadband=0.0, window=parse("30m"))
HOUR = 3_600_000
SET = Filter(stage=Stage.F2, latest=Side.TRUE)


def monitor(rule: Rule = HIGH) -> Monitor:
    others = tuple(replace(SPEC, id=name, period_ms=20_000) for name in rule.against)
    return Monitor(rule, SPEC, None, 7, others=others)


def sample(at: int, value: float = 0.0) -> Sample:
    return Sample(at=at, now=at, value=value)


def test_a_monitor_begins_with_nothing() -> None:
    made = monitor()
    assert made.part() == RulePart("", (Filter(),), Alarm(), {})
    assert (made.order, made.scheduled, made.level) == (7, None, -1)
    flags = (made.foreign, made.changed, made.removed, made.failed, made.error)
    assert flags == (False, False, False, False, "")
    assert (made.cause, made.suppressor, made.channel, made.siblings) == (None, None, None, ())
    assert (made.consequences, made.suppresses) == ([], [])


@pytest.mark.parametrize(
    ("fields", "delays"),
    [
        ({}, Delays(300_000, 0, None, None, 1, 30_000)),
        (
            {"off_delay": parse("2m"), "kind": "low"},
            Delays(300_000, 120_000, None, None, -1, 30_000),
        ),
        ({"kind": "silence"}, Delays(0, 0, None, None, 1, 30_000)),
        ({"kind": "overdue"}, Delays(0, 0, None, None, 1, 30_000)),
        ({"count": 3, "window": parse("1m")}, Delays(300_000, 0, 3, 60_000, 1, 30_000)),
        (
            {"kind": "count", "count": 3, "window": parse("1m")},
            Delays(300_000, 0, 3, 60_000, 1, 30_000),
        ),
        (
            {"kind": "count", "count": 3, "window": parse("1m"), "on_delay": parse("0s")},
            Delays(None, 0, 3, 60_000, 1, 30_000),
        ),
        (
            {"kind": "spike", "count": 3, "window": parse("1m"), "on_delay": parse("0s")},
            Delays(None, 0, 3, 60_000, 1, 30_000),
        ),
        ({"kind": "spike", "on_delay": parse("0s")}, Delays(0, 0, None, None, 1, 30_000)),
        (
            {"count": 3, "window": parse("1m"), "on_delay": parse("0s")},
            Delays(0, 0, 3, 60_000, 1, 30_000),
        ),
    ],
)
def test_delays_are_those_of_the_rule(fields: dict[str, object], delays: Delays) -> None:
    assert monitor(replace(HIGH, **fields)).delays == delays


def test_silence_is_allowed_for_the_delay_or_for_three_periods() -> None:
    assert monitor(replace(HIGH, kind="silence")).allowance == 300_000
    assert monitor(replace(AT_ONCE, kind="silence")).allowance == 30_000


def test_a_definition_that_changes_keeps_the_filters_that_remain() -> None:
    stepped = replace(HIGH, steps=(Limit(limit=40.0, severity="critical"),))
    made = monitor(stepped)
    made.filters = (SET, replace(SET, anchor=5))
    made.define(HIGH, None)
    assert made.part().filters == (SET,)
    made.define(stepped, None)
    assert made.part().filters == (SET, Filter())
    assert (made.severity(0), made.severity(1)) == (Severity.HIGH, Severity.CRITICAL)


def test_what_a_measure_must_know_is_the_rule_and_the_period_of_each_channel() -> None:
    assert monitor(ODD).frame == Frame(ODD, 0.01, (10_000, 20_000, 20_000))


def test_a_measure_is_never_calm_beforehand() -> None:
    assert (monitor(STUCK).low, monitor(STUCK).high) == (inf, -inf)
    assert monitor().is_unmoved_by(37.79)
    assert not monitor().is_unmoved_by(37.81)
    assert not monitor(STUCK).is_unmoved_by(0.0)


@pytest.mark.parametrize(
    "state",
    [
        Filter(stage=Stage.F1),
        SET,
        Filter(past=Past(1, 2, 3.0)),
        Filter(latest=Side.INSIDE),
    ],
)
def test_what_has_begun_or_is_remembered_is_not_calm(state: Filter) -> None:
    made = monitor()
    made.filters = (state,)
    assert not made.calm
    assert not made.is_unmoved_by(37.0)


def test_what_cannot_be_judged_is_active_and_not_calm() -> None:
    made = monitor()
    made.error = "no"
    assert (made.level, made.calm) == (0, False)


@pytest.mark.parametrize(
    ("states", "level"),
    [
        ((Filter(), Filter()), -1),
        ((SET, Filter()), 0),
        ((SET, SET), 1),
        ((Filter(), replace(SET, stage=Stage.F3)), 1),
    ],
)
def test_the_level_is_that_of_the_highest_limit_set(states: tuple[Filter, ...], level: int) -> None:
    made = monitor()
    made.filters = states
    assert made.level == level


class Heard:
    def __init__(self, trust: Trust) -> None:
        self.signal = Signal(trust=trust)


@pytest.mark.parametrize(
    ("channel", "stage", "holds"),
    [
        (Heard(Trust.GOOD), Stage.F1, True),
        (Heard(Trust.GOOD), Stage.F3, True),
        (Heard(Trust.GOOD), Stage.F0, False),
        (Heard(Trust.BAD), Stage.F2, False),
        (None, Stage.F2, False),
    ],
)
def test_what_suppresses_others_must_be_known_to_hold(
    channel: Heard | None, stage: Stage, *, holds: bool
) -> None:
    made = monitor()
    made.channel = channel
    made.filters = (Filter(stage=stage),)
    assert made.holds is holds


def test_the_earliest_of_all_timers_is_due() -> None:
    made = monitor(SERVICE)
    assert made.due() is None
    made.awaited_at = 900
    assert made.due() == 900
    made.done_at = 1_000
    assert made.due() == 1_000 + HOUR
    made.filters = (Filter(stage=Stage.F1, due=700),)
    assert made.due() == 700
    made.alarm = Alarm(escalation=Escalation(Status.RUN, 0, 0, 600))
    assert made.due() == 600
    made.filters = (Filter(),)
    made.removed = True
    assert made.due() == 600


def test_what_is_waited_for_is_due_once() -> None:
    made = monitor(SERVICE)
    made.awaited_at = 900
    assert made.show_due(899, 899, late=False) == Touched(made, -1, ())
    shown = made.show_due(950, 900, late=True)
    assert shown == Touched(made, -1, ((0, Found(What.SET, 900, 0.0, late=True)),))
    assert (made.overdue_from, made.level, made.changed) == (None, 0, True)


def test_what_was_done_ends_it_from_then() -> None:
    made = monitor(SERVICE)
    made.filters = (SET,)
    shown = made.note_done(5_000, 6_000)
    assert shown == Touched(made, 0, ((0, Found(What.CLEAR, 6_000, 0.0)),))
    assert (made.done_at, made.changed, made.level) == (5_000, True, -1)
    assert made.note_done(4_000, 6_000) == Touched(made, -1, ())
    assert made.done_at == 5_000


@pytest.mark.parametrize(("now", "ends"), [(5_000 + HOUR, False), (4_999 + HOUR, True)])
def test_what_was_done_too_long_ago_ends_nothing(now: int, *, ends: bool) -> None:
    made = monitor(SERVICE)
    made.filters = (SET,)
    assert bool(made.note_done(5_000, now).found) is ends


def test_what_failed_is_waited_for_anew() -> None:
    made = monitor(SERVICE)
    made.done_at = 5_000
    shown = made.note_failed(7_000)
    assert shown == Touched(made, -1, ((0, Found(What.SET, 7_000, 0.0)),))
    assert (made.part().done_at, made.part().awaited_at, made.changed) == (None, 7_000, True)
    made.changed = False
    assert made.note_failed(8_000) == Touched(made, 0, ())
    assert (made.part().awaited_at, made.changed) == (8_000, True)


def test_filter_timers_are_worked_off_up_to_the_limit() -> None:
    made = monitor()
    running = Filter(stage=Stage.F1, anchor=100, due=300, latest=Side.TRUE, peak=38.5)
    made.filters = (running,)
    assert made.show_due(299, 299, late=False) == Touched(made, -1, ())
    assert made.changed is False
    shown = made.show_due(400, 300, late=True)
    assert shown == Touched(made, -1, ((0, Found(What.SET, 100, 38.5, late=True)),))
    assert (made.changed, made.filters[0].stage) == (True, Stage.F2)


def test_what_one_limit_found_stays_when_another_one_waits_on() -> None:
    made = monitor(replace(HIGH, steps=(Limit(limit=40.0, severity="critical"),)))
    running = Filter(stage=Stage.F1, anchor=100, due=300, latest=Side.TRUE, peak=38.5)
    made.filters = (running, replace(running, latest=Side.INSIDE))
    shown = made.show_due(300, 300, late=False)
    assert shown == Touched(made, -1, ((0, Found(What.SET, 100, 38.5)),))
    assert [state.due for state in made.filters] == [None, None]


def test_a_false_sample_at_the_end_of_the_delay_ends_it() -> None:
    made = monitor()
    made.filters = (SET,)
    shown = made.show_value(sample(300_000, 37.0), late=False)
    assert shown == Touched(made, 0, ((0, Found(What.CLEAR, 300_000, 37.0)),))


def test_only_a_value_that_was_judged_mends_what_could_not_be_judged() -> None:
    made = monitor(AT_ONCE)
    made.error = "no"
    made.show(Event.BAD, sample(10))
    assert (made.error, made.changed) == ("no", False)
    shown = made.show_value(sample(20, 38.5), late=False)
    assert shown == Touched(made, 0, ((0, Found(What.SET, 20, 38.5)),))
    assert (made.error, made.level, made.changed) == ("", 0, True)


def test_what_a_screen_remembers_is_stored() -> None:
    made = monitor(SPIKE)
    assert made.screen(sample(10, 37.0)) == ("", Touched(made, -1, ()))
    assert made.part().gauge == Jumping(37.0)
    assert made.changed is True


def test_the_course_alone_is_stored_as_well() -> None:
    made = monitor(replace(AT_ONCE, re_alarm=parse("1h")))
    made.filters = (SET,)
    made.alarm = Alarm(phase=Phase.A)
    made.show_value(sample(10, 38.5), late=False)
    assert made.filters == (SET,)
    assert made.changed is True


@pytest.mark.parametrize(
    ("at", "state", "event"),
    [
        (299_999, SET, "void"),
        (300_000, SET, ""),
        (299_999, replace(SET, counted=True), ""),
    ],
)
def test_a_false_sample_taken_before_the_delay_was_over_disproves_it(
    at: int, state: Filter, event: str
) -> None:
    made = monitor(replace(HIGH, off_delay=parse("1m")))
    made.filters = (state,)
    shown = made.show_value(Sample(at=at, now=at, value=37.0), late=False)
    assert [found.what for _, found in shown.found] == ([What.VOID] if event else [])


def test_the_course_of_an_acknowledged_alarm_is_remembered_when_it_may_re_alarm() -> None:
    made = monitor(replace(HIGH, re_alarm=parse("1h")))
    made.filters = (SET,)
    made.show_value(sample(10, 38.5), late=False)
    assert made.alarm.trend == Trend()
    made.alarm = Alarm(phase=Phase.A)
    made.changed = False
    made.show_value(sample(20, 38.5), late=True)
    assert made.alarm.trend == Trend()
    made.show_value(sample(30, 38.5), late=False)
    ((at, excess),) = made.alarm.trend.points
    assert at == 30
    assert excess == pytest.approx(0.7)
    assert made.changed
    once = monitor()
    once.alarm = Alarm(phase=Phase.A)
    once.show_value(sample(30, 38.5), late=False)
    assert once.alarm.trend == Trend()


PART = RulePart(
    definition="d",
    filters=(SET,),
    alarm=Alarm(phase=Phase.A, occurrence=3),
    edits={"limit": "39"},
    removed=True,
    gauge=Still(37.0, 5),
    done_at=6,
    awaited_at=7,
    error="no",
    due_at=8,
)


def test_what_is_stored_is_what_was_there() -> None:
    made = monitor()
    made.definition = "d"
    made.restore(PART, before=None)
    assert made.part() == PART
    assert not made.foreign


@pytest.mark.parametrize(
    ("definition", "before", "foreign"),
    [
        ("d", None, False),
        ("other", None, True),
        ("other", HIGH, False),
        ("d", replace(HIGH, limit=39.0), True),
    ],
)
def test_a_definition_that_changed_meanwhile_is_foreign_and_loses_its_edits(
    definition: str, before: Rule | None, *, foreign: bool
) -> None:
    made = monitor()
    made.definition = definition
    made.restore(PART, before=before)
    assert made.foreign is foreign
    assert (made.edits, made.removed) == (({}, False) if foreign else ({"limit": "39"}, True))
    assert (made.alarm, made.filters, made.gauge) == (PART.alarm, PART.filters, PART.gauge)


def test_filters_that_were_stored_of_more_or_fewer_limits_are_fitted() -> None:
    stepped = monitor(replace(HIGH, steps=(Limit(limit=40.0, severity="critical"),)))
    stepped.restore(PART, before=None)
    assert stepped.filters == (SET, Filter())
    plain = monitor()
    plain.restore(replace(PART, filters=(SET, SET)), before=None)
    assert plain.filters == (SET,)


def test_all_filters_see_the_same_event() -> None:
    made = monitor(replace(AT_ONCE, steps=(Limit(limit=40.0, severity="critical"),)))
    shown = made.show(Event.TRUE, sample(10, 41.0))
    assert [(level, one.what) for level, one in shown.found] == [(0, What.SET), (1, What.SET)]
    assert (shown.before, made.level, made.changed) == (-1, 1, True)
    made.changed = False
    made.show(Event.BAD, sample(20))
    assert not made.changed
