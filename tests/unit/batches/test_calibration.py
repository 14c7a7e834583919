"""What follows from sensors and certificates, against values counted by hand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.calibration import (
    Book,
    Certificate,
    Guard,
    Marks,
    Point,
    Status,
    settled,
    settled_width,
)
from batches.excursion import Limits
from batches.exposure import Exposure, Meter, measure
from batches.placement import Interval
from batches.policy import Policy, Verdict
from batches.sensor import InCalibration, Installation, Sensor

MIN = 60_000
GOOD_POINT = Point(reference=37_000, as_found=37_050, as_left=37_050, uncertainty=200)


def installed(sensor: str, start: int, end: int | None, row: int = 1) -> Installation:
    return Installation(
        row=row,
        sensor=sensor,
        channel="inc1.temperature",
        quantity="temperature",
        start=start,
        end=end,
        by="a",
        entered=0,
        reason="",
    )


def certificate(
    sensor: str, at: int, due: int, *points: Point, row: int = 9, tolerance: int = 300
) -> Certificate:
    return Certificate(
        row=row,
        sensor=sensor,
        quantity="temperature",
        at=at,
        due=due,
        laboratory="Lab",
        number="C-1",
        tolerance=tolerance,
        points=points or (GOOD_POINT,),
        file=None,
        by="a",
        entered=0,
        reason="",
    )


def calibrating(sensor: str, start: int, end: int | None) -> InCalibration:
    return InCalibration(
        row=3,
        sensor=sensor,
        start=start,
        until=start + 1,
        end=end,
        by="a",
        entered=0,
        reason="",
    )


BOOK = Book(
    sensors=(
        Sensor(row=1, serial="T-1", model="m", maker=""),
        Sensor(row=2, serial="T-2", model="m", maker=""),
    ),
    installations=(installed("T-1", 10, 50), installed("T-2", 50, None, row=2)),
    certificates=(certificate("T-1", 5, 40), certificate("T-2", 70, 900, row=10)),
)


def test_what_measured_is_known_part_by_part_over_the_whole_span() -> None:
    # Nothing before 10, T-1 valid until its due date 40, overdue until the swap at 50; T-2 has no
    # certificate before 70.
    assert [(h.start, h.end, h.sensor, h.status) for h in BOOK.held("inc1.temperature", SPAN)] == [
        (0, 10, "", Status.ABSENT),
        (10, 40, "T-1", Status.VALID),
        (40, 50, "T-1", Status.OVERDUE),
        (50, 70, "T-2", Status.NEVER),
        (70, 100, "T-2", Status.VALID),
    ]


SPAN = Interval(0, 100)


def test_a_channel_that_nothing_was_entered_for_is_unknown_throughout() -> None:
    (held,) = BOOK.held("inc2.temperature", SPAN)
    assert (held.start, held.end, held.status) == (0, 100, Status.ABSENT)
    assert BOOK.due("inc2.temperature", 20) is None


def test_only_a_valid_certificate_gives_the_width_of_a_guard() -> None:
    assert BOOK.marks("inc1.temperature", SPAN).guards == (
        Guard(0, 10, None),
        Guard(10, 40, 200),
        Guard(40, 50, None),
        Guard(50, 70, None),
        Guard(70, 100, 200),
    )


def test_the_due_date_is_that_of_the_sensor_that_is_there_now() -> None:
    assert BOOK.due("inc1.temperature", 20) == 40
    assert BOOK.due("inc1.temperature", 60) is None
    assert BOOK.due("inc1.temperature", 80) == 900


def test_a_sensor_left_out_of_tolerance_is_not_called_calibrated() -> None:
    off = Point(reference=37_000, as_found=37_400, as_left=37_301, uncertainty=100)
    book = Book(
        installations=(installed("T-1", 0, None),),
        certificates=(certificate("T-1", 0, 900, GOOD_POINT, off),),
    )
    assert [h.status for h in book.held("inc1.temperature", SPAN)] == [Status.OFF]
    assert book.marks("inc1.temperature", SPAN).guards == (Guard(0, 100, None),)


@pytest.mark.parametrize(
    ("as_found", "is_off"),
    [
        pytest.param(37_300, False, id="at the tolerance is in it"),
        pytest.param(37_301, True, id="a thousandth beyond"),
        pytest.param(36_699, True, id="and below"),
    ],
)
def test_as_found_is_held_against_the_tolerance(as_found: int, *, is_off: bool) -> None:
    point = Point(reference=37_000, as_found=as_found, as_left=37_000, uncertainty=100)
    book = Book(certificates=(certificate("T-1", 500, 900, GOOD_POINT, point),))
    found = book.deviations()
    assert [each.point.as_found for each in found] == ([as_found] if is_off else [])


def test_a_deviation_puts_in_doubt_what_was_measured_since_the_calibration_before() -> None:
    off = Point(reference=37_000, as_found=37_400, as_left=37_000, uncertainty=100)
    book = Book(
        installations=(installed("T-1", 0, 80), installed("T-1", 90, None, row=2)),
        certificates=(
            certificate("T-1", 20, 60),
            certificate("T-1", 85, 900, off, row=10),
        ),
    )
    (found,) = book.deviations()
    assert (found.since, found.at, found.point.deviation) == (20, 85, 400)
    # From the first calibration to when it was taken out; what it said after it is not in doubt.
    assert book.touched(found, "inc1.temperature", SPAN) == (Interval(20, 80),)
    assert book.touched(found, "inc1.temperature", Interval(86, 100)) == ()


def test_without_a_calibration_before_all_it_ever_said_is_in_doubt() -> None:
    off = Point(reference=37_000, as_found=36_500, as_left=37_000, uncertainty=100)
    book = Book(
        installations=(installed("T-1", 30, None),),
        certificates=(certificate("T-1", 85, 900, off),),
    )
    (found,) = book.deviations()
    assert found.since is None
    assert book.touched(found, "inc1.temperature", SPAN) == (Interval(30, 85),)


def test_time_in_calibration_is_that_of_the_sensor_that_is_there() -> None:
    book = Book(
        installations=(installed("T-1", 0, 50), installed("T-2", 50, None, row=2)),
        periods=(calibrating("T-1", 40, 60), calibrating("T-2", 90, None)),
    )
    assert book.apart("inc1.temperature", SPAN) == (Interval(40, 50), Interval(90, 100))


# U.S. units as a certificate may state them: 98.6 degF is 37 degC, 0.36 degF of uncertainty 0.2.
def test_units_are_settled_where_a_number_enters() -> None:
    assert settled("temperature", "degF", 98.6) == 37_000
    assert settled("temperature", "K", 310.15) == 37_000
    assert settled("carbon_dioxide", "ppm", 50_000) == 5_000
    assert settled_width("temperature", "degF", 0.36) == 200
    assert settled_width("temperature", "K", 0.2) == 200
    # Rounded up: an uncertainty is never made smaller.
    assert settled_width("temperature", "degC", 0.2001) == 201
    for bad in (float("nan"), float("inf"), -0.1):
        with pytest.raises(ValueError, match="uncertainty"):
            settled_width("temperature", "degC", bad)
    for bad in (float("nan"), 1e300):
        with pytest.raises(ValueError, match="not a number"):
            settled("temperature", "degC", bad)
    with pytest.raises(ValueError, match="not measured in"):
        settled("temperature", "%", 1.0)


@given(
    st.lists(st.tuples(st.integers(-20, 120), st.integers(1, 60)), max_size=4),
    st.lists(st.tuples(st.integers(-20, 120), st.integers(1, 60)), max_size=4),
)
def test_what_measured_is_told_for_every_instant_once(
    stays: list[tuple[int, int]], calibrated: list[tuple[int, int]]
) -> None:
    at, places = -50, []
    for row, (start, length) in enumerate(sorted(stays)):
        begin = max(start, at)
        at = begin + length
        places.append(installed("T-1", begin, at, row=row))
    book = Book(
        installations=tuple(places),
        certificates=tuple(
            certificate("T-1", start, start + length, row=row)
            for row, (start, length) in enumerate(calibrated)
        ),
    )
    held = book.held("inc1.temperature", SPAN)
    assert (held[0].start, held[-1].end) == (0, 100)
    assert all(one.end == following.start for one, following in pairwise(held))
    for one in held:
        there = any(p.start <= one.start and one.end <= (p.end or 0) for p in places)
        assert there == (one.status is not Status.ABSENT)
        if one.status is Status.VALID:
            assert any(start <= one.start and one.end <= start + n for start, n in calibrated)


GUARDED = Policy(limits=Limits(low=36.5, high=37.5), guard_band=True)
U = (Guard(0, 10 * MIN, 200),)


def judged(*values: float, guards: tuple[Guard, ...] = U, policy: Policy = GUARDED) -> Exposure:
    samples = [(n * MIN, value) for n, value in enumerate(values)]
    return measure(
        samples,
        start=0,
        end=len(values) * MIN,
        period=MIN,
        policy=policy,
        marks=Marks(guards=guards),
    )


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        # Limits 36.5 to 37.5, U = 0.2: in is 36.7 to 37.3.
        pytest.param(37.3, Verdict.IN, id="on the tightened limit"),
        pytest.param(36.7, Verdict.IN, id="on the lower one"),
        pytest.param(37.301, Verdict.UNKNOWN, id="in the band above"),
        pytest.param(36.699, Verdict.UNKNOWN, id="in the band below"),
        pytest.param(37.5, Verdict.UNKNOWN, id="on the limit itself"),
        pytest.param(37.501, Verdict.OUT, id="beyond the limit, though within U of it"),
        pytest.param(36.499, Verdict.OUT, id="below the limit"),
    ],
)
def test_in_the_guard_band_is_neither_in_nor_out(value: float, verdict: Verdict) -> None:
    found = judged(37.0, value, 37.0)
    assert found.verdict is verdict
    assert found.unsure_ms == (MIN if verdict is Verdict.UNKNOWN else 0)
    assert (found.in_ms or 0) + (found.out_ms or 0) + (found.unsure_ms or 0) == 3 * MIN


def test_a_guard_band_has_to_be_asked_for() -> None:
    plain = Policy(limits=GUARDED.limits)
    assert judged(37.45, policy=plain).verdict is Verdict.IN


def test_without_a_certificate_nobody_can_say_that_it_was_in_limits() -> None:
    assert judged(37.0, guards=()).verdict is Verdict.UNKNOWN
    assert judged(37.0, guards=(Guard(0, MIN, None),)).verdict is Verdict.UNKNOWN
    assert judged(38.0, guards=()).verdict is Verdict.OUT


def test_a_band_wider_than_the_limits_leaves_nothing_in() -> None:
    assert judged(37.0, guards=(Guard(0, MIN, 501),)).verdict is Verdict.UNKNOWN
    assert judged(37.0, guards=(Guard(0, MIN, 500),)).verdict is Verdict.IN


def test_a_swap_to_a_better_sensor_narrows_the_band_from_then_on() -> None:
    # 37.4 for two minutes: within 0.2 of the limit, not within 0.05.
    found = judged(
        37.4, 37.4, guards=(Guard(0, MIN + 20_000, 200), Guard(MIN + 20_000, 999_999, 50))
    )
    assert (found.unsure_ms, found.in_ms) == (80_000, 40_000)


def test_time_in_the_band_counts_against_the_coverage_like_a_gap() -> None:
    lenient = Policy(limits=GUARDED.limits, guard_band=True, coverage=75.0)
    assert judged(37.0, 37.4, 37.0, 37.0, policy=lenient).verdict is Verdict.IN
    assert judged(37.4, 37.4, 37.0, 37.0, policy=lenient).verdict is Verdict.UNKNOWN


@given(st.lists(st.integers(36_000, 38_000), min_size=1, max_size=12), st.integers(0, 600))
def test_a_guard_band_never_makes_a_verdict_milder(values: list[int], width: int) -> None:
    order = [Verdict.IN, Verdict.UNKNOWN, Verdict.OUT]
    plain = judged(*(v / 1000 for v in values), policy=Policy(limits=GUARDED.limits))
    banded = judged(*(v / 1000 for v in values), guards=(Guard(0, 99 * MIN, width),))
    assert plain.verdict is not None
    assert banded.verdict is not None
    assert order.index(banded.verdict) >= order.index(plain.verdict)
    assert (banded.verdict is Verdict.OUT) == (plain.verdict is Verdict.OUT)


def calibrated(*apart: tuple[int, int]) -> Exposure:
    """Ten minutes at 37, but for 80 °C from 4:00 to 5:59 in a dry-block calibrator."""
    samples = [(n * MIN, 80.0 if 4 <= n < 6 else 37.0) for n in range(10)]
    return measure(
        samples,
        start=0,
        end=10 * MIN,
        period=MIN,
        policy=Policy(limits=GUARDED.limits),
        kinetic=True,
        above=(40.0,),
        marks=Marks(apart=tuple(Interval(*each) for each in apart)),
    )


def test_what_is_said_in_calibration_is_counted_apart_and_is_no_value() -> None:
    found = calibrated((3 * MIN + 30_000, 6 * MIN))
    assert (found.received, found.good, found.rejected, found.in_calibration) == (10, 8, 0, 2)
    assert (found.maximum, found.mean) == (37.0, 37.0)
    assert found.kinetic == pytest.approx(37.0, abs=1e-9)
    # The sample of 3:00 holds until the calibration begins, not to the next one.
    assert (found.known_ms, found.calibration_ms) == (450_000, 150_000)
    assert found.gaps == (Interval(3 * MIN + 30_000, 6 * MIN),)
    assert (found.out_ms, found.excursions, found.above[0].ms) == (0, (), 0)
    assert (found.verdict, found.coverage) == (Verdict.UNKNOWN, 75.0)


def test_without_the_entry_it_was_out() -> None:
    assert calibrated().verdict is Verdict.OUT


def test_no_sample_holds_across_a_calibration_that_fell_between_two() -> None:
    found = calibrated((MIN + 10_000, MIN + 20_000), (4 * MIN, 6 * MIN))
    # Of the minute from 1:00 only ten seconds are known.
    assert found.known_ms == 10 * MIN - 50_000 - 2 * MIN


def test_a_reading_that_carries_the_mark_itself_is_counted_apart_too() -> None:
    meter = Meter(start=0, end=2 * MIN, period=MIN)
    meter.feed(0, 37.0)
    meter.feed(MIN, None, calibrating=True)
    found = meter.result()
    assert (found.good, found.rejected, found.in_calibration) == (1, 0, 1)


def test_a_calibration_partly_outside_the_stay_counts_only_inside() -> None:
    found = calibrated((-5 * MIN, MIN), (4 * MIN, 99 * MIN))
    assert found.calibration_ms == 7 * MIN
    assert found.known_ms == 3 * MIN
