"""Measures at their edges: windows, limits, deadbands and ages to the millisecond."""

from math import inf

import pytest
from msgspec.structs import replace

from alerts.engine.course import Course, followed
from alerts.engine.gauge import (
    FOREVER_H,
    HOUR_MS,
    Beside,
    Frame,
    Jumping,
    Losing,
    Seen,
    Sloping,
    State,
    Still,
    difference,
    disagreement,
    evaporation,
    hours_left,
    jump,
    measure_of,
    rate,
    stuck,
    time_to_limit,
    vote,
)
from alerts.rule import Rule
from devices.duration import Duration

WINDOW = 24_000
LEVEL = Rule(id="r", channel="a.x", kind="rate", limit=-5.0, window=Duration(WINDOW))
TANK = replace(LEVEL, kind="time-to-limit", limit=100.0, deadband=2.0)
LOSS = replace(LEVEL, kind="evaporation", limit=2.0, deadband=3.0)


def frame(rule: Rule, channels: int = 1) -> Frame:
    return Frame(rule, 0.01, (10_000, 20_000, 10_000, 10_000, 10_000)[:channels])


def line(per_second: float, *, start: float = 600.0, seconds: range = range(25)) -> list[Seen]:
    """A sample a second, each of which closes a part of the window."""
    return [Seen(n * 1_000, start + per_second * n) for n in seconds]


def test_a_part_of_the_window_is_closed_by_the_sample_that_follows_it() -> None:
    course, closed = followed(Course(), 0, 5.0, WINDOW)
    assert (course, closed) == (Course((), 0, 1, 0, 5.0), False)
    course, closed = followed(course, 999, 7.0, WINDOW)
    assert (course, closed) == (Course((), 0, 2, 999, 12.0), False)
    course, closed = followed(course, 1_000, 8.0, WINDOW)
    assert (course, closed) == (Course(((499, 6.0),), 1_000, 1, 0, 8.0), True)


def test_a_part_lasts_a_twenty_fourth_of_the_window_in_whole_ms_and_at_least_one() -> None:
    begun = Course((), 0, 1, 0, 5.0)
    assert followed(begun, 1_000, 5.0, WINDOW + 23)[1]
    assert not followed(begun, 1_000, 5.0, WINDOW + 24)[1]
    assert followed(begun, 1, 5.0, 23)[1]


def test_points_older_than_the_window_are_dropped() -> None:
    old = Course(((0, 1.0), (1, 2.0)), 23_000, 1, 0, 3.0)
    course, closed = followed(old, 24_000, 4.0, WINDOW)
    assert closed
    assert course.points == ((1, 2.0), (23_000, 3.0))
    many = Course(tuple((n, 0.0) for n in range(30)), 900, 1, 0, 0.0)
    assert len(followed(many, 2_000, 0.0, WINDOW)[0].points) == 24


def test_a_course_knows_its_least_and_its_greatest_with_the_open_part() -> None:
    assert (Course().lowest, Course().highest) == (None, None)
    course = Course(((0, 5.0), (1, 7.0)), 2, 2, 0, 18.0)
    assert (course.lowest, course.highest) == (5.0, 9.0)
    assert replace(course, total=4.0).lowest == 2.0
    assert Course() == Course((), None, 0, 0, 0.0)


def test_a_rate_is_a_change_an_hour() -> None:
    state: State | None = None
    found = None
    for seen in line(-0.001):
        state, found = rate(frame(LEVEL), state, seen)
    assert found == pytest.approx(-3.6, rel=1e-9)
    assert isinstance(state, Sloping)
    state, found = rate(frame(LEVEL), state, Seen(24_001, 600.0))
    assert found is None


def last(rule: Rule, samples: list[Seen], state: State | None = None) -> tuple[State, float | None]:
    measure = {"time-to-limit": time_to_limit, "evaporation": evaporation}[rule.kind]
    found = None
    for seen in samples:
        state, found = measure(frame(rule), state, seen)
    assert state is not None
    return state, found


@pytest.mark.parametrize(
    ("rule", "samples", "left", "speed"),
    [
        (TANK, line(-1.0), 476.0, 1.0),
        (replace(TANK, limit=0.0), line(-1.0), 576.0, 1.0),
        (replace(TANK, limit=None), line(-1.0), 576.0, 1.0),
        (replace(TANK, limit=1_000.0), line(2.0), 352.0, 2.0),
    ],
)
def test_the_time_to_a_limit_is_what_is_left_by_how_fast_it_goes(
    rule: Rule, samples: list[Seen], left: float, speed: float
) -> None:
    state, hours = last(rule, samples)
    assert hours == pytest.approx(left / speed / 3_600, rel=1e-9)
    assert isinstance(state, Sloping)
    assert state.side == (1 if left < 0 or samples[0].value > (rule.limit or 0.0) else -1)


def test_what_goes_away_from_the_limit_has_for_ever() -> None:
    assert last(replace(TANK, limit=1_000.0), line(-1.0))[1] == FOREVER_H
    assert last(TANK, line(0.05))[1] == FOREVER_H
    assert last(TANK, line(-1e-9, start=1e9))[1] == FOREVER_H == 1e6


def test_at_the_limit_nothing_is_left() -> None:
    for value in (100.0, 99.0):
        state, hours = time_to_limit(frame(TANK), Sloping(Course(), 1), Seen(0, value))
        assert (state, hours) == (Sloping(Course(), 1), 0.0)
    assert time_to_limit(frame(TANK), None, Seen(0, 100.0)) == (Sloping(Course(), -1), 0.0)


@pytest.mark.parametrize(
    ("side", "limit", "value", "fresh"),
    [
        (1, 100.0, 502.0, False),
        (1, 100.0, 502.1, True),
        (-1, 900.0, 498.0, False),
        (-1, 900.0, 497.9, True),
    ],
)
def test_a_refill_is_a_move_away_by_more_than_the_deadband(
    side: int, limit: float, value: float, *, fresh: bool
) -> None:
    before = Sloping(Course(((0, 500.0),), 1_000, 1, 0, 500.0), side)
    after, hours = time_to_limit(frame(replace(TANK, limit=limit)), before, Seen(1_500, value))
    assert isinstance(after, Sloping)
    assert (after.course.points == ()) is fresh
    assert hours == (FOREVER_H if fresh else None)


def test_what_rises_to_its_limit_was_let_down_when_it_falls_from_its_highest() -> None:
    risen = Sloping(Course(((0, 0.0), (500, 400.0)), 1_000, 1, 0, 500.0), -1)
    after, hours = time_to_limit(frame(replace(TANK, limit=900.0)), risen, Seen(1_500, 450.0))
    assert (after, hours) == (Sloping(Course((), 1_500, 1, 0, 450.0), -1), FOREVER_H)


def test_the_time_to_a_limit_is_taken_when_a_part_of_the_window_closes() -> None:
    state, hours = last(TANK, line(-1.0))
    assert hours is not None
    assert time_to_limit(frame(TANK), state, Seen(24_001, 575.0))[1] is None


def test_of_a_speed_that_may_be_none_the_most_hours_have_no_end() -> None:
    # Of the 15 slopes of 0 0 1 1 2 2 three are 0; the bounds are the 2nd and the 14th of them.
    steps = Course(tuple((n * HOUR_MS, float(n // 2)) for n in range(6)))
    assert hours_left(10.0, Sloping(steps, -1), 2.0) == pytest.approx((8.0, 16.0, inf))


def test_hours_to_the_limit_are_the_least_the_middle_and_the_most() -> None:
    falling = Course(tuple((n * HOUR_MS, 600.0 - 10 * n) for n in range(10)))
    assert hours_left(100.0, Sloping(falling, 1), 200.0) == pytest.approx((10.0, 10.0, 10.0))
    assert hours_left(100.0, Sloping(falling, -1), 200.0) == ()
    rising = Course(tuple((n * HOUR_MS, 10.0 * n) for n in range(10)))
    assert hours_left(300.0, Sloping(rising, -1), 200.0) == pytest.approx((10.0, 10.0, 10.0))
    level = Course(tuple((n * HOUR_MS, 600.0) for n in range(10)))
    assert hours_left(100.0, Sloping(level, 1), 200.0) == ()
    wavy = Course(tuple((n * HOUR_MS, 600.0 - 2 * n + 40 * (n % 2)) for n in range(10)))
    assert hours_left(100.0, Sloping(wavy, 1), 200.0)[2] == inf
    assert hours_left(100.0, None, 200.0) == ()
    assert hours_left(100.0, Sloping(Course(), 1), 200.0) == ()


def test_a_value_is_stuck_while_it_moves_by_no_more_than_the_deadband() -> None:
    rule = replace(LEVEL, kind="stuck", deadband=0.5)
    assert stuck(frame(rule), None, Seen(1_000, 37.0)) == (Still(37.0, 1_000), 0.0)
    assert stuck(frame(rule), Still(37.0, 1_000), Seen(3_500, 37.5)) == (Still(37.0, 1_000), 2.5)
    assert stuck(frame(rule), Still(37.0, 1_000), Seen(3_500, 36.4)) == (Still(36.4, 3_500), 0.0)
    fine = replace(rule, deadband=0.0)
    assert stuck(frame(fine), Still(0.0, 0), Seen(1_000, 0.005))[1] == 1.0
    assert stuck(frame(fine), Still(0.0, 0), Seen(1_000, 0.006))[1] == 0.0


def test_a_window_of_loss_is_learnt_when_it_is_whole() -> None:
    state, ratio = last(LOSS, line(-1.0, seconds=range(24)))
    assert isinstance(state, Losing)
    assert (ratio, state.learnt, state.began, state.learnt_at) == (None, (), 0, 0)
    state, ratio = last(LOSS, line(-1.0, seconds=range(24, 25)), state)
    assert isinstance(state, Losing)
    assert (ratio, state.learnt_at) == (None, 24_000)
    assert state.learnt == pytest.approx((-0.001,))
    state, _ = last(LOSS, line(-1.0, seconds=range(25, 48)), state)
    assert isinstance(state, Losing)
    assert len(state.learnt) == 1
    state, _ = last(LOSS, line(-1.0, seconds=range(48, 49)), state)
    assert isinstance(state, Losing)
    assert len(state.learnt) == 2


def steady(count: int) -> Losing:
    """A tank that has lost a thousandth a millisecond in ``count`` windows."""
    state, _ = last(LOSS, line(-1.0))
    assert isinstance(state, Losing)
    return replace(state, learnt=(-0.001,) * count, learnt_at=0)


@pytest.mark.parametrize(("count", "ratio"), [(3, None), (4, 1.0)])
def test_a_base_line_needs_four_windows(count: int, ratio: float | None) -> None:
    _, found = last(LOSS, line(-1.0, seconds=range(25, 26)), steady(count))
    assert found == (None if ratio is None else pytest.approx(ratio))


def test_no_more_than_twenty_eight_windows_are_kept() -> None:
    state, _ = last(LOSS, line(-1.0, seconds=range(25, 26)), steady(28))
    assert isinstance(state, Losing)
    assert len(state.learnt) == 28


@pytest.mark.parametrize(
    ("usual", "limit", "learns"),
    [
        (-0.0005, 2.0, False),
        (-0.0006, 2.0, True),
        (-0.001, None, False),
        (-0.002, None, False),
    ],
)
def test_what_falls_too_fast_or_rises_is_not_learnt(
    usual: float, limit: float | None, *, learns: bool
) -> None:
    state, _ = last(LOSS, line(-1.0))
    assert isinstance(state, Losing)
    before = replace(state, learnt=(usual,) * 4, learnt_at=0)
    rule = replace(LOSS, limit=limit)
    after, found = last(rule, [Seen(25_000, 575.0)], before)
    assert isinstance(after, Losing)
    assert found == pytest.approx(-0.001 / usual)
    assert (len(after.learnt) == 5) is learns


@pytest.mark.parametrize("per_second", [0.0001, 0.0])
def test_a_tank_that_fills_slowly_or_stays_full_is_not_learnt(per_second: float) -> None:
    state, _ = last(LOSS, line(per_second))
    assert isinstance(state, Losing)
    assert state.learnt == ()


@pytest.mark.parametrize(("value", "fresh"), [(503.0, False), (503.1, True)])
def test_a_fill_begins_a_new_window(value: float, *, fresh: bool) -> None:
    before = Losing(Course(((0, 500.0),), 1_000, 1, 0, 501.0), began=7)
    after, _ = evaporation(frame(LOSS), before, Seen(1_500, value))
    assert isinstance(after, Losing)
    assert (after.began, after.course.points == ()) == ((1_500, True) if fresh else (7, False))


APART = replace(LEVEL, kind="difference", against=("b.x",))
ODD = replace(LEVEL, kind="disagreement", against=("b.x", "c.x"))


@pytest.mark.parametrize(
    ("at", "other", "apart"),
    [(60_000, 0, 2.0), (60_001, 0, None), (30_000, 60_000, 2.0), (30_000, 60_001, None)],
)
def test_a_difference_is_between_values_of_no_more_than_three_periods(
    at: int, other: int, apart: float | None
) -> None:
    # The other channel has twice the period.
    first, second = sorted([Seen(at, 5.0, 0), Seen(other, 3.0, 1)])
    state, _ = difference(frame(APART, 2), None, first)
    assert difference(frame(APART, 2), state, second)[1] == apart


def test_samples_of_others_are_kept_by_place() -> None:
    state, apart = difference(frame(APART, 2), None, Seen(7, 3.0, 1))
    assert (state, apart) == (Beside((None, (7, 3.0))), None)
    assert difference(frame(APART, 2), Beside(((1, 1.0),)), Seen(7, 3.0, 1))[0] == state
    assert difference(frame(APART, 2), state, Seen(9, 4.5, 0)) == (
        Beside(((9, 4.5), (7, 3.0))),
        1.5,
    )


def test_a_disagreement_is_measured_on_its_own_samples_by_three_or_more() -> None:
    two = Beside((None, (0, 3.0), None))
    assert disagreement(frame(ODD, 3), two, Seen(1, 9.0, 0))[1] is None
    three = Beside(((0, 9.0), (0, 3.0), (0, 4.0)))
    assert disagreement(frame(ODD, 3), three, Seen(1, 3.5, 1))[1] is None
    assert disagreement(frame(ODD, 3), three, Seen(1, 9.5, 0))[1] == 5.5
    first_old = Beside((None, None, (0, 3.0), (0, 4.0)))
    assert disagreement(frame(ODD, 4), first_old, Seen(1, 9.5, 0))[1] == 5.5


@pytest.mark.parametrize(
    ("kind", "values", "voted"),
    [
        ("high", (5.0, 3.0, 4.0), 4.0),
        ("high", (None, 3.0, 4.0), 4.0),
        ("low", (None, 3.0, 4.0), 3.0),
        ("low", (None, None, 4.0), 4.0),
        ("high", (5.0, 3.0, 4.0, 7.0, 6.0), 5.0),
    ],
)
def test_a_vote_is_the_middle_of_what_is_fresh(
    kind: str, values: tuple[float | None, ...], voted: float
) -> None:
    rule = replace(LEVEL, kind=kind, against=("b.x", "c.x"))
    known = Beside(tuple(None if one is None else (0, one) for one in values))
    place = len(values) - 1
    seen = Seen(1, values[place] or 0.0, place)
    assert vote(frame(rule, len(values)), known, seen)[1] == voted


@pytest.mark.parametrize(
    ("before", "value", "after", "jumps"),
    [
        (None, 5.0, Jumping(5.0), False),
        (Jumping(5.0), 9.9, Jumping(9.9), False),
        (Jumping(5.0), 10.0, Jumping(5.0, 10.0), True),
        (Jumping(5.0), 0.0, Jumping(5.0, 0.0), True),
        (Jumping(5.0, 10.0), 14.9, Jumping(14.9), False),
        (Jumping(5.0, 10.0), 15.0, Jumping(5.0, 15.0), True),
        (Jumping(5.0, 10.0), 5.5, Jumping(5.5), False),
    ],
)
def test_a_jump_of_the_limit_is_confirmed_by_a_second_value_near_it(
    before: Jumping | None, value: float, after: Jumping, *, jumps: bool
) -> None:
    rule = replace(LEVEL, kind="spike", limit=5.0)
    assert jump(frame(rule), before, Seen(0, value)) == (after, jumps)


def test_without_a_limit_every_value_is_a_jump() -> None:
    rule = replace(LEVEL, kind="spike", limit=None)
    assert jump(frame(rule), Jumping(5.0), Seen(0, 5.0))[1]


def test_each_kind_has_its_measure() -> None:
    assert measure_of(replace(LEVEL, kind="high")) is None
    assert measure_of(replace(LEVEL, kind="high", against=("b.x",))) is vote
    assert measure_of(replace(LEVEL, kind="low", against=("b.x",))) is vote
    assert measure_of(replace(LEVEL, kind="spike")) is None
    wanted = (rate, time_to_limit, stuck, evaporation, difference, disagreement)
    kinds = ("rate", "time-to-limit", "stuck", "evaporation", "difference", "disagreement")
    assert tuple(measure_of(replace(APART, kind=kind)) for kind in kinds) == wanted


def test_a_window_that_is_not_given_is_none() -> None:
    assert frame(replace(LEVEL, window=None)).window == 0
    assert frame(LEVEL).window == WINDOW
