"""What rules measure, from samples worked out by hand."""

from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from alerts.engine.gauge import FOREVER_H, Frame, Measure, Seen, State, hours_left, jump, measure_of
from alerts.engine.limits import Side, compiled
from alerts.rule import Rule
from devices.duration import parse

MINUTE = 60_000
LEVEL = Rule(id="r", channel="ln2a.level", kind="time-to-limit", limit=100.0, deadband=10.0)
SOON = replace(LEVEL, window=parse("4h"), within=parse("6h"))
RATE = replace(LEVEL, kind="rate", limit=-5.0, deadband=0.0, window=parse("1h"))
LOSS = replace(LEVEL, kind="evaporation", limit=2.0, window=parse("4h"))
STUCK = replace(LEVEL, kind="stuck", limit=None, deadband=0.0, window=parse("30m"))
APART = replace(LEVEL, kind="difference", limit=1.0, deadband=0.0, against=("b.x",))
ODD = replace(APART, kind="disagreement", limit=3.0, against=("b.x", "c.x"))
VOTE = replace(APART, kind="high", limit=10.0, against=("b.x", "c.x"))
SPIKE = replace(LEVEL, kind="spike", limit=5.0, deadband=0.0)


def frame(rule: Rule) -> Frame:
    return Frame(rule, 0.01, (10_000,) * (1 + len(rule.against)))


def measured(rule: Rule, samples: Iterable[Seen]) -> Iterator[tuple[int, float]]:
    """When the rule measures something, and what."""
    measure: Measure | None = measure_of(rule)
    assert measure is not None
    state: State | None = None
    for seen in samples:
        state, found = measure(frame(rule), state, seen)
        if found is not None:
            yield seen.at, found


def course(*legs: tuple[int, float], start: float = 600.0, every: int = 10) -> list[Seen]:
    """Legs of (minutes, change an hour), sampled each ten minutes."""
    seen, at, value = [], 0, start
    for minutes, speed in legs:
        for _ in range(0, minutes, every):
            seen.append(Seen(at * MINUTE, value))
            at += every
            value += speed * every / 60
    return seen


def last(rule: Rule, samples: Iterable[Seen]) -> float:
    return list(measured(rule, samples))[-1][1]


def test_a_rate_is_in_units_an_hour() -> None:
    falling = course((120, -6.0), every=2)
    assert last(RATE, falling) == pytest.approx(-6.0)
    # Parts of two and a half minutes, closed by every second sample; six of them are needed.
    assert next(measured(RATE, falling))[0] == 24 * MINUTE


@pytest.mark.parametrize(
    ("limit", "value", "side"),
    [
        (-5.0, -5.0, Side.TRUE),
        (-5.0, -4.6, Side.INSIDE),
        (-5.0, -4.4, Side.FALSE),
        (5.0, 5.0, Side.TRUE),
        (5.0, 4.6, Side.INSIDE),
        (5.0, -6.0, Side.FALSE),
    ],
)
def test_a_rate_has_a_direction_and_clears_a_tenth_off(
    limit: float, value: float, side: Side
) -> None:
    assert compiled(replace(RATE, limit=limit), 0.01).sides(value) == (side,)


def test_the_time_to_a_limit_is_what_is_left_by_how_fast_it_goes() -> None:
    # 600 mm, 25 mm an hour: after 5 h 475 mm are left over, so 375 mm to go: 15 h.
    samples = course((310, -25.0))
    assert last(SOON, samples) == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("hours", "side"), [(5.9, Side.TRUE), (6.0, Side.TRUE), (6.5, Side.INSIDE), (6.7, Side.FALSE)]
)
def test_it_sets_within_the_time_and_clears_a_tenth_later(hours: float, side: Side) -> None:
    assert compiled(SOON, 0.01).sides(hours) == (side,)


def test_a_refill_begins_a_new_course() -> None:
    filled = course((300, -25.0), (60, 200.0), (240, -25.0))
    times = dict(measured(SOON, filled))
    assert times[310 * MINUTE] == FOREVER_H
    # Only the course after the fill counts: nothing is said of it before six parts are closed.
    after = [at for at in times if 360 * MINUTE < at < 420 * MINUTE]
    assert after == []
    assert last(SOON, filled) == pytest.approx((675 - 230 / 60 * 25 - 100) / 25, rel=0.01)


def test_noise_alone_approaches_nothing() -> None:
    steady = [Seen(at * 10 * MINUTE, 600.0 + (1.0 if at % 2 else -1.0)) for at in range(40)]
    assert {hours for _, hours in measured(SOON, steady)} == {FOREVER_H}


def test_beyond_the_limit_no_time_is_left() -> None:
    assert last(SOON, course((300, -25.0), (60, -600.0))) == 0.0


def test_a_value_that_rises_towards_its_limit_is_measured_as_well() -> None:
    warm = replace(SOON, limit=38.0, deadband=0.1)
    samples = [Seen(at * 10 * MINUTE, 36.0 + at * 0.05) for at in range(31)]
    # 37.5 and 0.3 an hour: 0.5 are left.
    assert last(warm, samples) == pytest.approx(0.5 / 0.3)


def test_the_words_have_the_interval() -> None:
    state: State | None = None
    measure = measure_of(SOON)
    assert measure is not None
    for seen in course((310, -25.0)):
        state, _ = measure(frame(SOON), state, seen)
    assert hours_left(100.0, state, 475.0) == pytest.approx((15.0, 15.0, 15.0))
    assert hours_left(100.0, None, 475.0) == ()


def test_evaporation_is_held_against_what_the_tank_used_to_lose() -> None:
    # Four windows of four hours are learnt at 1 mm/h, then it loses 3 mm/h.
    usual = course((22 * 60, -1.0))
    assert last(LOSS, usual) == pytest.approx(1.0)
    assert last(LOSS, course((22 * 60, -1.0), (5 * 60, -3.0))) == pytest.approx(3.0)


def test_a_tank_that_is_new_has_no_base_line_yet() -> None:
    assert list(measured(LOSS, course((15 * 60, -1.0)))) == []


def test_what_is_too_fast_is_not_learnt() -> None:
    long_ago = course((22 * 60, -1.0), (10 * 24 * 60, -3.0), start=3_000.0)
    assert last(LOSS, long_ago) == pytest.approx(3.0)


def test_a_fill_is_no_evaporation_and_not_learnt() -> None:
    filled = course((22 * 60, -1.0), (30, 60.0), (3 * 60, -1.0))
    times = [at for at, _ in measured(LOSS, filled)]
    assert max(times) < (22 * 60 + 20) * MINUTE


def test_stuck_counts_from_the_last_move() -> None:
    samples = [Seen(at * MINUTE, 37.0 if at < 10 else 37.1) for at in range(60)]
    assert dict(measured(STUCK, samples))[39 * MINUTE] == 29 * 60
    assert compiled(STUCK, 0.01).sides(1_800.0) == (Side.TRUE,)
    assert compiled(STUCK, 0.01).sides(0.0) == (Side.FALSE,)


def test_half_a_step_of_the_resolution_is_no_move() -> None:
    samples = [Seen(0, 37.0), Seen(MINUTE, 37.004), Seen(2 * MINUTE, 37.01)]
    assert [found for _, found in measured(STUCK, samples)] == [0.0, 60.0, 0.0]


def test_a_difference_needs_two_fresh_values() -> None:
    samples = [
        Seen(0, 37.0),
        Seen(1_000, 36.2, 1),
        Seen(10_000, 37.0),
        Seen(32_000, 37.0),
    ]
    assert dict(measured(APART, samples)) == pytest.approx({1_000: 0.8, 10_000: 0.8})


def test_one_of_three_is_held_against_the_middle() -> None:
    samples = [Seen(0, -190.0, 1), Seen(0, -189.0, 2), Seen(0, -185.0)]
    assert dict(measured(ODD, samples)) == pytest.approx({0: 4.0})


def test_two_probes_do_not_outvote_each_other() -> None:
    assert list(measured(ODD, [Seen(0, -190.0, 1), Seen(0, -185.0)])) == []


@pytest.mark.parametrize(
    ("values", "high", "low"),
    [([12.0, 3.0, 4.0], 4.0, 4.0), ([12.0, 3.0], 12.0, 3.0), ([12.0], 12.0, 12.0)],
)
def test_a_vote_is_the_middle_and_of_two_the_worse(
    values: list[float], high: float, low: float
) -> None:
    samples = [Seen(0, value, place) for place, value in enumerate(values)]
    assert last(VOTE, samples) == high
    assert last(replace(VOTE, kind="low"), samples) == low


def jumps(*values: float) -> list[bool]:
    found, state = [], None
    for at, value in enumerate(values):
        state, odd = jump(frame(SPIKE), state, Seen(at, value))
        found.append(odd)
    return found


def test_a_jump_waits_for_the_next_value_to_confirm_it() -> None:
    assert jumps(37.0, 120.0, 37.0) == [False, True, False]
    assert jumps(37.0, 60.0, 61.0, 60.0) == [False, True, False, False]
    assert jumps(37.0, 60.0, 90.0, 37.0) == [False, True, True, False]
    assert jumps(37.0, 41.9, 46.8) == [False, False, False]
