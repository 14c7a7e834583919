"""Rules that do not judge the value itself: measures, screens, and what cannot be judged."""

from math import inf

from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.filter import Found, Sample
from alerts.engine.gauge import Beside, Frame, Jumping, Seen, State, Still
from alerts.engine.monitor import Monitor, Touched
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse

SPEC = ChannelSpec(id="inc1.x", quantity="temperature", period_ms=10_000, resolution=0.01)
HIGH = Rule(id="r", channel=SPEC.id, kind="high", limit=38.0, deadband=0.2)
SPIKE = replace(HIGH, kind="spike", limit=5.0, deadband=0.0)
ODD = replace(HIGH, kind="disagreement", limit=3.0, deadband=1.0, against=("b.x", "c.x"))
STUCK = replace(HIGH, kind="stuck", limit=None, deadband=0.0, window=parse("30m"))


def monitor(rule: Rule = HIGH) -> Monitor:
    others = tuple(replace(SPEC, id=name) for name in rule.against)
    return Monitor(rule, SPEC, None, 0, others=others)


def sample(at: int, value: float = 0.0) -> Sample:
    return Sample(at=at, now=at, value=value)


def test_a_jump_is_held_back_until_the_next_value_confirms_it() -> None:
    made = monitor(SPIKE)
    assert made.screen(sample(10, 37.0)) == ("", Touched(made, -1, ()))
    made.changed = False
    code, shown = made.screen(sample(20, 42.0))
    assert (code, shown) == ("spike", Touched(made, -1, ((0, Found(What.SET, 20, 42.0)),)))
    assert (made.gauge, made.changed) == (Jumping(37.0, 42.0), True)
    code, shown = made.screen(sample(30, 42.0))
    assert (code, shown) == ("", Touched(made, 0, ((0, Found(What.CLEAR, 30, 42.0)),)))


def test_a_probe_that_disagrees_is_held_back_until_it_is_past_the_deadband() -> None:
    made = monitor(ODD)
    assert made.screen(sample(10, 37.0)) == ("", Touched(made, -1, ()))
    made.overhear(sample(10, 37.0), 1)
    assert made.overhear(sample(10, 37.0), 2) == Touched(made, -1, ())
    assert made.screen(sample(20, 39.5))[0] == ""
    code, shown = made.screen(sample(30, 40.0))
    assert code == "disagrees with the other probes"
    # So far from 37.0, where the others agree.
    assert shown.found == ((0, Found(What.SET, 30, 3.0)),)
    assert made.screen(sample(40, 39.5))[0] == "disagrees with the other probes"
    code, shown = made.screen(sample(50, 39.0))
    assert (code, shown.found) == ("", ((0, Found(What.CLEAR, 50, 2.0)),))


def test_what_others_say_is_kept_with_its_place() -> None:
    made = monitor(ODD)
    made.overhear(sample(10, 37.0), 2)
    assert made.gauge == Beside((None, None, (10, 37.0)))
    assert made.changed


def test_a_measure_stands_for_the_value_and_late_samples_say_nothing_of_it() -> None:
    made = monitor(STUCK)
    made.show_value(sample(0, 37.0), late=False)
    half_an_hour = 1_800_000
    assert made.show_value(sample(half_an_hour, 37.0), late=True) == Touched(made, -1, ())
    shown = made.show_value(sample(half_an_hour, 37.0), late=False)
    assert shown.found == ((0, Found(What.SET, half_an_hour, 1_800.0)),)
    assert made.gauge == Still(37.0, 0)


def test_a_plain_rule_takes_the_value_itself() -> None:
    made = monitor()
    assert made.take(sample(0, 37.0)) == 37.0
    assert not made.changed


def broken(_frame: Frame, _state: State | None, seen: Seen) -> tuple[State, float | None]:
    if seen.value < 0:
        raise ZeroDivisionError("no span")
    return Still(), inf if seen.value == 0 else seen.value


def test_a_rule_that_cannot_be_judged_is_active_and_each_further_value_is_tried() -> None:
    made = monitor(STUCK)
    made.measure = broken
    assert made.show_value(sample(0, -1.0), late=False) == Touched(made, -1, ())
    assert (made.error, made.failed, made.changed) == ("ZeroDivisionError: no span", True, True)
    made.failed = False
    made.show_value(sample(10, -1.0), late=False)
    assert not made.failed
    # A late value is not judged, and mends nothing.
    made.show_value(sample(20, 1.0), late=True)
    assert made.error
    assert made.show_value(sample(30, 1.0), late=False) == Touched(made, 0, ())
    assert (made.error, made.level) == ("", -1)


def test_a_measure_that_is_no_number_says_nothing() -> None:
    made = monitor(STUCK)
    made.measure = broken
    assert made.take(sample(0, 0.0)) is None
    assert made.take(sample(0, 3.0)) == 3.0


def test_a_screen_that_cannot_be_judged_holds_nothing_back() -> None:
    made = monitor(ODD)
    made.measure = broken
    assert made.screen(sample(0, -1.0)) == ("", Touched(made, -1, ()))
    assert made.error
    assert made.screen(sample(0, 1.0))[1] == Touched(made, 0, ())
    assert not made.error
