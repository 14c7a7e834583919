"""Slopes worked out by hand, and what holds of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.engine.course import POINTS, Course, followed
from alerts.engine.slope import FEWEST, Slope, slope

HOUR = 3_600_000
SECOND = 1_000


def test_points_on_a_line_have_its_slope_and_no_doubt() -> None:
    points = [(at * HOUR, 600.0 - 2.0 * at) for at in range(8)]
    found = slope(points)
    assert found is not None
    assert [one * HOUR for one in found] == pytest.approx([-2.0, -2.0, -2.0])


def test_fewer_than_six_points_have_none() -> None:
    assert slope([(at, 0.0) for at in range(FEWEST - 1)]) is None


def test_one_wild_point_of_eight_does_not_turn_it() -> None:
    points = [(at * HOUR, 1.0 * at) for at in range(8)]
    points[3] = (3 * HOUR, 500.0)
    found = slope(points)
    assert found is not None
    assert found.middle * HOUR == pytest.approx(1.0)


def test_the_interval_is_that_of_the_ranks() -> None:
    # Eight points, 28 pairs: 1.96 * sqrt(8 * 7 * 21 / 18) = 15.84, so the bounds are the slopes
    # of the ranks (28 - 15.84) / 2 = 6.1 and (28 + 15.84) / 2 + 1 = 22.9.
    values = [0.0, 1.0, 1.5, 3.0, 3.5, 5.5, 6.0, 7.0]
    pairs = sorted((values[j] - values[i]) / (j - i) for i in range(8) for j in range(i + 1, 8))
    assert slope([(at, value) for at, value in enumerate(values)]) == Slope(
        (pairs[13] + pairs[14]) / 2, pairs[5], pairs[22]
    )


VALUES = st.lists(st.floats(-1e6, 1e6), min_size=FEWEST, max_size=POINTS)


@given(VALUES)
def test_the_middle_lies_between_the_bounds(values: list[float]) -> None:
    found = slope([(at * SECOND, value) for at, value in enumerate(values)])
    assert found is not None
    assert found.least <= found.middle <= found.most


@given(VALUES)
def test_what_is_turned_round_falls_as_fast_as_it_rose(values: list[float]) -> None:
    up = slope([(at, value) for at, value in enumerate(values)])
    down = slope([(at, -value) for at, value in enumerate(values)])
    assert up is not None
    assert down is not None
    assert down.middle == pytest.approx(-up.middle)


def test_a_window_is_kept_in_its_parts() -> None:
    course, closings = Course(), 0
    for second in range(0, 1_000, 10):
        course, closed = followed(course, second * SECOND, float(second), 240 * SECOND)
        closings += closed
    # Parts of ten seconds, each with one sample; 24 of them lie within the window.
    assert closings == 99
    assert [value for _, value in course.points] == [float(s) for s in range(760, 990, 10)]


def test_a_part_is_the_mean_of_its_samples() -> None:
    course = Course()
    for at, value in ((0, 1.0), (2_000, 2.0), (4_000, 6.0), (10_000, 9.0)):
        course, _ = followed(course, at, value, 240 * SECOND)
    assert course.points == ((2_000, 3.0),)
    assert (course.lowest, course.highest) == (3.0, 9.0)
