"""When an alarm flaps, and when it has calmed down."""

from msgspec.structs import replace

from alerts.engine.flapping import Flapping, begins, begun, over, pulsed
from alerts.rule import Rule
from devices.duration import parse

RULE = Rule(
    id="hot",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    flapping=4,
    flapping_window=parse("1h"),
)
MINUTE = 60_000


def after(*minutes: int, rule: Rule = RULE, state: Flapping = Flapping()) -> Flapping:  # noqa: B008 # frozen
    for minute in minutes:
        state = pulsed(state, rule, minute * MINUTE)
    return state


def test_it_flaps_with_the_fourth_activation_within_the_hour() -> None:
    assert not begins(after(0, 10, 20), RULE)
    assert begins(after(0, 10, 20, 59), RULE)
    assert not begins(after(0, 10, 20, 60), RULE)


def test_a_rule_that_says_nothing_of_flapping_counts_nothing() -> None:
    steady = replace(RULE, flapping=None, flapping_window=None)
    assert after(0, 1, 2, 3, rule=steady) == Flapping()
    assert not begins(after(0, 1, 2, 3), steady)


def test_it_is_over_when_fewer_than_half_as_many_lie_within_the_hour() -> None:
    state = begun(after(0, 10, 20, 30), RULE, 7)
    assert state.due == (20 + 60) * MINUTE
    assert state.occurrence == 7
    assert not begins(state, RULE)


def test_each_further_activation_puts_the_end_off() -> None:
    state = begun(after(0, 10, 20, 30), RULE, 1)
    assert after(70, state=state).due == (30 + 60) * MINUTE
    assert after(70, 75, state=state).due == (70 + 60) * MINUTE


def test_what_calmed_down_flaps_again_when_it_comes_back_as_often() -> None:
    calm = over(begun(after(0, 10, 20, 30), RULE, 1))
    assert calm.due is None
    assert not begins(after(95, state=calm), RULE)
    assert begins(after(95, 96, 97, 98, state=calm), RULE)
