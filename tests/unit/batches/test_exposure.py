"""Exposure, against an excursion done by hand."""

from fractions import Fraction
from itertools import pairwise
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.cryo import THRESHOLDS_C, Warmth, cumulated
from batches.excursion import Crossing, Limits
from batches.exposure import Above, Exposure, Meter, measure
from batches.placement import Interval
from batches.policy import Policy, Verdict
from tests.unit.batches.conftest import HOUR

MINUTE = 60_000
DIP = [37.0, 37.0, 36.4, 35.8, 36.0, 36.3, 36.6, 36.9, 37.0, 37.0, 37.0]
"""A reading a minute, from t = 0."""


COLD = Policy(limits=Limits(low=36.5))


def minutes(values: list[float | None]) -> list[tuple[int, float | None]]:
    return [(minute * MINUTE, value) for minute, value in enumerate(values)]


def test_the_worked_excursion_lasts_240_s_and_reaches_35_8() -> None:
    found = measure(minutes([*DIP]), start=0, end=10 * MINUTE, period=MINUTE, policy=COLD)
    (excursion,) = found.excursions
    assert (excursion.start, excursion.end) == (120_000, 360_000)
    assert (excursion.side, excursion.worst) == ("low", 35.8)
    # 0.1 + 0.7 + 0.5 + 0.2 °C, a minute each.
    assert excursion.area == pytest.approx(90.0)
    assert (found.out_ms, found.in_ms, found.unknown_ms) == (240_000, 360_000, 0)
    assert found.verdict is Verdict.OUT


def test_by_a_straight_line_the_worked_excursion_lasts_230_s() -> None:
    found = measure([*minutes([*DIP])], start=0, end=10 * MINUTE, period=MINUTE, policy=COLD)
    assert found.excursions[0].line == Crossing(start=110_000, end=340_000, area=85.5)


@pytest.mark.parametrize(
    ("margin", "cleared_s"), [pytest.param(0.1, 360, id="on the edge"), (0.5, 480)]
)
def test_the_worked_excursion_is_over_when_it_is_back_by_the_margin(
    margin: float, cleared_s: int
) -> None:
    back = Policy(limits=Limits(low=36.5 + margin))
    found = measure(minutes([*DIP]), start=0, end=10 * MINUTE, period=MINUTE, policy=back)
    assert found.excursions[0].end == cleared_s * 1000


def test_by_a_line_nothing_is_joined_over_a_gap() -> None:
    holed = [sample for sample in minutes([*DIP]) if sample[0] != 240_000]
    found = measure(holed, start=0, end=10 * MINUTE, period=MINUTE, policy=COLD)
    # 110-120 s 0.5, 120-180 s 24, then 0.7 below for the minute it holds.
    assert [e.line for e in found.excursions] == [
        Crossing(start=110_000, end=240_000, area=66.5),
        Crossing(start=300_000, end=340_000, area=4.0),
    ]


@pytest.mark.parametrize(("delay_s", "raised_s"), [(180, 300), (300, None), (0, 120)])
def test_the_worked_excursion_raises_an_alarm_after_its_delay(
    delay_s: int, raised_s: int | None
) -> None:
    found = measure(minutes([*DIP]), start=0, end=10 * MINUTE, period=MINUTE, policy=COLD)
    raised = found.excursions[0].raised(delay_s * 1000)
    assert raised == (None if raised_s is None else raised_s * 1000)


def test_with_the_reading_at_240_s_missing_60_s_are_unknown_and_neither_in_nor_out() -> None:
    holed = [sample for sample in minutes([*DIP]) if sample[0] != 240_000]
    found = measure(holed, start=0, end=10 * MINUTE, period=MINUTE, policy=COLD)
    assert (found.unknown_ms, found.out_ms, found.in_ms) == (60_000, 180_000, 360_000)
    assert found.gaps == (Interval(240_000, 300_000),)
    assert found.coverage == 90.0


def test_a_reading_marked_bad_ends_what_the_one_before_it_says() -> None:
    found = measure(
        [(0, 37.0), (45_000, None), (60_000, 37.0)], start=0, end=2 * MINUTE, period=MINUTE
    )
    assert found.gaps == (Interval(45_000, 60_000),)
    assert (found.received, found.good, found.rejected) == (3, 2, 1)


@pytest.mark.parametrize(
    ("second_at", "gap"),
    [
        pytest.param(90_000, (), id="just in time"),
        pytest.param(90_001, (Interval(60_000, 90_001),), id="a millisecond late"),
    ],
)
def test_a_reading_holds_for_at_most_one_and_a_half_periods(
    second_at: int, gap: tuple[Interval, ...]
) -> None:
    found = measure([(0, 37.0), (second_at, 37.0)], start=0, end=100_000, period=MINUTE)
    assert found.gaps == gap


def test_the_deviation_is_weighted_by_time() -> None:
    # One minute at 36, three at 38: mean 37.5, variance (2.25 + 3 x 0.25) / 4 = 0.75.
    found = measure(minutes([36.0, 38.0, 38.0, 38.0]), start=0, end=4 * MINUTE, period=MINUTE)
    assert found.mean == 37.5
    assert found.deviation == pytest.approx(0.8660254037844386, abs=1e-12)


def test_the_deviation_of_a_constant_is_nothing_at_all() -> None:
    assert measure(minutes([36.1] * 99), start=0, end=99 * MINUTE, period=MINUTE).deviation == 0.0


def test_a_reading_that_says_how_long_it_lasts_weighs_that_mkt5() -> None:
    meter = Meter(start=0, end=24 * HOUR, period=HOUR, kinetic=True)
    meter.feed(0, 5.0, lasts=23 * HOUR)
    meter.feed(23 * HOUR, 15.0, lasts=HOUR)
    found = meter.result()
    assert found.mean == pytest.approx(5.416667, abs=1e-6)
    assert found.kinetic == pytest.approx(5.763546, abs=1e-6)
    assert found.gaps == ()


def test_what_lasts_until_before_the_next_reading_leaves_a_gap() -> None:
    meter = Meter(start=0, end=3 * MINUTE, period=MINUTE)
    meter.feed(0, 37.0, lasts=MINUTE)
    meter.feed(2 * MINUTE, 37.0, lasts=MINUTE)
    assert meter.result().gaps == (Interval(MINUTE, 2 * MINUTE),)


def test_time_above_the_limits_of_the_vapour_phase_is_cumulated() -> None:
    def stay(values: list[float | None]) -> Exposure:
        end = len(values) * MINUTE
        return measure(minutes(values), start=0, end=end, period=MINUTE, above=THRESHOLDS_C)

    first, second = stay([-180.0, -150.0, -149.9, None, -190.0]), stay([-134.0, -135.0])
    assert first.above == (Above(threshold=-150.0, ms=MINUTE), Above(threshold=-135.0, ms=0))
    assert cumulated([first, second], unwatched_ms=5 * MINUTE) == (
        Warmth(threshold=-150.0, above_ms=3 * MINUTE, unknown_ms=6 * MINUTE),
        Warmth(threshold=-135.0, above_ms=MINUTE, unknown_ms=6 * MINUTE),
    )
    with pytest.raises(ValueError, match="has no time above"):
        cumulated([measure([(0, -180.0)], start=0, end=1, period=1)])


def test_a_gap_is_never_in_limits() -> None:
    limits = Limits(low=36.0, high=38.0)
    whole = measure([(0, 37.0)], start=0, end=MINUTE, period=MINUTE, policy=Policy(limits=limits))
    holed = measure([(1, 37.0)], start=0, end=MINUTE, period=MINUTE, policy=Policy(limits=limits))
    empty = measure([], start=0, end=MINUTE, period=MINUTE, policy=Policy(limits=limits))
    assert whole.verdict is Verdict.IN
    assert holed.verdict is Verdict.UNKNOWN
    assert holed.coverage == 99.99
    assert empty.verdict is Verdict.UNKNOWN
    assert empty.mean is None
    assert empty.gaps == (Interval(0, MINUTE),)


def test_without_limits_there_is_no_verdict() -> None:
    found = measure([(0, 37.0)], start=0, end=MINUTE, period=MINUTE)
    assert (found.verdict, found.in_ms, found.out_ms) == (None, None, None)


def test_a_value_on_the_limit_is_in_and_a_milli_unit_beyond_it_is_out() -> None:
    limits = Limits(low=36.5, high=36.6)
    on = measure([(0, 36.5), (1, 36.6)], start=0, end=2, period=10, policy=Policy(limits=limits))
    beyond = measure([(0, 36.601)], start=0, end=2, period=10, policy=Policy(limits=limits))
    assert on.verdict is Verdict.IN
    assert beyond.verdict is Verdict.OUT


def test_a_sum_that_is_a_little_off_in_binary_does_not_cross_a_limit() -> None:
    assert 0.1 + 0.2 > 0.3
    found = measure(
        [(0, 0.1 + 0.2)], start=0, end=1, period=1, policy=Policy(limits=Limits(high=0.3))
    )
    assert found.verdict is Verdict.IN


def test_from_too_cold_to_too_hot_at_once_is_two_excursions() -> None:
    found = measure(
        [(0, 30.0), (MINUTE, 40.0)],
        start=0,
        end=2 * MINUTE,
        period=MINUTE,
        policy=Policy(limits=Limits(low=36, high=38)),
    )
    # By the line: below 36 until 36 s, above 38 from 48 s; then level for a minute.
    assert [(e.start, e.end, e.area) for e in found.excursions] == [
        (0, MINUTE, 360.0),
        (MINUTE, 2 * MINUTE, 120.0),
    ]
    assert [e.line for e in found.excursions] == [
        Crossing(start=0, end=36_000, area=108.0),
        Crossing(start=48_000, end=2 * MINUTE, area=132.0),
    ]
    assert [e.side for e in found.excursions] == ["low", "high"]


def test_readings_beside_the_interval_tell_about_its_edges_and_are_not_counted() -> None:
    samples = [(-MINUTE // 2, 36.0), (MINUTE // 2, 38.0), (3 * MINUTE // 2, 39.0)]
    found = measure(samples, start=0, end=MINUTE, period=MINUTE)
    assert (found.received, found.expected) == (1, 1)
    assert found.mean == 37.0
    assert found.unknown_ms == 0


def test_of_two_readings_at_one_instant_the_first_good_one_counts() -> None:
    found = measure([(0, None), (0, 37.0), (0, 99.0)], start=0, end=MINUTE, period=MINUTE)
    assert (found.minimum, found.maximum) == (37.0, 37.0)
    assert (found.received, found.good, found.rejected) == (3, 1, 2)


def test_readings_out_of_order_and_numbers_that_are_none_are_refused() -> None:
    meter = Meter(start=0, end=10, period=1)
    meter.feed(5, 1.0)
    with pytest.raises(ValueError, match="came after"):
        meter.feed(4, 1.0)
    with pytest.raises(ValueError, match="not a measurement"):
        meter.feed(6, nan)
    with pytest.raises(ValueError, match="no interval"):
        Meter(start=1, end=0, period=1)


steps = st.lists(
    st.tuples(
        st.integers(1, 200),
        st.one_of(st.none(), st.floats(-196, 150, allow_nan=False)),
    ),
    min_size=1,
    max_size=30,
)


def walked(moves: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    at, out = 0, []
    for step, value in moves:
        out.append((at, value))
        at += step
    return out


@given(steps)
def test_min_mean_kinetic_mean_and_max_stand_in_this_order(
    moves: list[tuple[int, float | None]],
) -> None:
    samples = walked(moves)
    found = measure(samples, start=0, end=samples[-1][0] + 50, period=100, kinetic=True)
    assert found.known_ms + found.unknown_ms == found.end - found.start
    assert sum(gap.length for gap in found.gaps) == found.unknown_ms
    if found.mean is None:
        assert found.known_ms == 0
        return
    assert found.minimum is not None
    assert found.maximum is not None
    assert found.kinetic is not None
    assert found.minimum <= found.mean <= found.maximum
    assert found.mean <= found.kinetic <= found.maximum


@given(steps, st.data())
def test_cutting_an_interval_in_two_changes_nothing(
    moves: list[tuple[int, float | None]], data: st.DataObject
) -> None:
    samples = walked(moves)
    end = samples[-1][0] + 50
    cut = data.draw(st.integers(0, end))
    limits = Limits(low=-100.0, high=40.0)
    whole = measure(samples, start=0, end=end, period=100, policy=Policy(limits=limits))
    parts = [
        measure(samples, start=start, end=stop, period=100, policy=Policy(limits=limits))
        for start, stop in ((0, cut), (cut, end))
    ]
    assert sum(part.known_ms for part in parts) == whole.known_ms
    assert sum(part.out_ms or 0 for part in parts) == whole.out_ms
    assert sum(part.received for part in parts) == whole.received
    weighted = sum((part.mean or 0.0) * part.known_ms for part in parts)
    if whole.mean is not None:
        assert weighted / whole.known_ms == pytest.approx(whole.mean, abs=1e-9)


@given(st.lists(st.floats(30, 40).map(lambda v: round(v, 3)), min_size=1, max_size=20))
def test_the_area_by_a_line_is_that_of_its_triangles_and_trapezia(values: list[float]) -> None:
    end = len(values) * MINUTE
    found = measure(minutes([*values]), start=0, end=end, period=MINUTE, policy=COLD)
    below = [Fraction(36_500 - round(v * 1000), 1000) for v in values]
    area = Fraction(0)
    for first, last in pairwise([*below, below[-1]]):
        if first >= 0 and last >= 0:
            area += (first + last) / 2 * 60
        elif first > 0 or last > 0:
            high, low = max(first, last), min(first, last)
            area += high / 2 * 60 * high / (high - low)
    assert sum(e.line.area for e in found.excursions) == pytest.approx(float(area), abs=1e-6)
    for each in found.excursions:
        assert 0 <= each.line.start <= each.start
        assert each.line.end <= each.end


@given(
    st.lists(st.floats(-196, 150), min_size=1, max_size=9),
    st.lists(st.floats(-196, 150), min_size=1, max_size=9),
    st.integers(91, 10**9),
)
def test_a_gap_carries_no_weight(before: list[float], after: list[float], pause_s: int) -> None:
    late = len(before) * MINUTE + pause_s * 1000
    samples: list[tuple[int, float | None]] = [
        *minutes([*before]),
        *((late + at, value) for at, value in minutes([*after])),
    ]
    end = late + len(after) * MINUTE
    holed = measure(samples, start=0, end=end, period=MINUTE, kinetic=True)
    joined = [*before, *after]
    whole = measure(
        minutes([*joined]), start=0, end=len(joined) * MINUTE, period=MINUTE, kinetic=True
    )
    assert (holed.mean, holed.deviation) == (whole.mean, whole.deviation)
    assert holed.kinetic == pytest.approx(whole.kinetic, abs=1e-9)
    assert holed.unknown_ms == pause_s * 1000
