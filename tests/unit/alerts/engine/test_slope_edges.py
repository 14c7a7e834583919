"""The ranks of the bounds of a slope, and which points of a trend are kept."""

import pytest

from alerts.engine.slope import slope
from alerts.engine.trend import POINTS, Trend, is_recovering, with_point


def test_the_bounds_are_those_of_the_ranks_of_kendall() -> None:
    points = [(n, float(n**3)) for n in range(24)]
    slopes = sorted((b - a) / (t - s) for s, a in points for t, b in points if t > s)
    # 1.96 * sqrt(24 * 23 * 53 / 18) = 79.02; of 276 pairs (276 - 79.02) / 2 = 98.49 and 177.51.
    found = slope(points)
    assert found is not None
    assert (found.least, found.most) == (slopes[97], slopes[178])
    assert found.middle == (slopes[137] + slopes[138]) / 2


def test_six_points_have_their_second_least_and_second_greatest_slope_as_bounds() -> None:
    found = slope([(0, 0.0), (1, 1.0), (2, 4.0), (3, 9.0), (4, 16.0), (5, 25.0)])
    # The slopes are 1 2 3 3 4 4 5 5 5 6 6 7 7 8 9; (15 - 10.43) / 2 = 2.28.
    assert found == (5.0, 2.0, 8.0)
    assert slope([(0, 0.0)] * 6) is None


def test_of_a_full_trend_every_other_point_is_kept_and_points_come_half_as_often() -> None:
    trend = Trend()
    for n in range(POINTS):
        trend = with_point(trend, 100 + 10 * n, float(n))
    assert len(trend.points) == POINTS == 16
    trend = with_point(trend, 260, 16.0)
    assert trend == Trend(tuple((100 + 10 * n, float(n)) for n in range(0, 17, 2)), 20)
    assert with_point(trend, 279, 1.0) is trend
    assert with_point(trend, 280, 1.0).points[-1] == (280, 1.0)


def test_two_samples_of_one_instant_are_one_point() -> None:
    trend = with_point(Trend(), 5, 1.0)
    assert with_point(trend, 5, 2.0) is trend
    assert with_point(trend, 6, 2.0).points == ((5, 1.0), (6, 2.0))


def test_the_ranks_are_rounded() -> None:
    points = [(n, float(n**3)) for n in range(9)]
    slopes = sorted((b - a) / (t - s) for s, a in points for t, b in points if t > s)
    # 1.96 * sqrt(9 * 8 * 23 / 18) = 18.80; of 36 pairs (36 - 18.80) / 2 = 8.60 and 27.40.
    found = slope(points)
    assert found is not None
    assert (found.least, found.most) == (slopes[8], slopes[27])
    assert slopes[7] < slopes[8] < slopes[27] < slopes[28]


def test_points_of_few_pairs_have_their_least_and_greatest_slope_as_bounds() -> None:
    # Of the 15 pairs 9 are of two times: (9 - 10.43) / 2 is below the first, and
    # (9 + 10.43) / 2 beyond the last.
    points = [(0, 0.0), (0, 1.0), (0, 2.0), (1, 3.0), (1, 5.0), (1, 9.0)]
    assert slope(points) == (4.0, 1.0, 9.0)


def test_a_trend_that_was_full_keeps_its_wider_spacing() -> None:
    trend = Trend()
    for n in range(POINTS):
        trend = with_point(trend, 10 * n, float(n))
    trend = with_point(trend, 165, 16.0)
    # 165 ms for sixteen spacings of which every other one is kept: 20 whole milliseconds.
    assert trend.spacing == 20
    assert with_point(trend, 184, 1.0) is trend
    trend = with_point(trend, 185, 1.0)
    assert (trend.points[-1], trend.spacing) == ((185, 1.0), 20)
    assert with_point(trend, 204, 1.0) is trend


@pytest.mark.parametrize(
    ("points", "within", "recovers"),
    [
        # It loses 1 in 10 ms and has 1 left at the newest of them.
        (((0, 3.0), (10, 2.0), (20, 1.0)), 10, True),
        (((0, 3.0), (10, 2.0), (20, 1.0)), 9, False),
        (((0, 3.0), (10, 2.0)), 100, False),
        # Of four or more only the newer half counts.
        (((0, 9.0), (10, 9.0), (20, 3.0), (30, 2.0), (40, 1.0)), 10, True),
        (((0, 9.0), (10, 3.0), (20, 2.0), (30, 1.0)), 100, False),
        (((0, -1.0), (10, -1.0), (20, -1.0)), 10, False),
        (((0, -3.0), (10, -2.0), (20, -1.0)), 1, False),
    ],
)
def test_the_newer_half_carried_on_straight_tells_whether_it_clears(
    points: tuple[tuple[int, float], ...], within: int, *, recovers: bool
) -> None:
    assert is_recovering(Trend(points), within) is recovers
