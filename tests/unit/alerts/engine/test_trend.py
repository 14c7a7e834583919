"""Whether an acknowledged value is on its way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.engine.trend import POINTS, Trend, is_recovering, with_point

HOUR = 3_600_000


def trend(*excesses: float, every: int = 60_000) -> Trend:
    made = Trend()
    for number, excess in enumerate(excesses):
        made = with_point(made, number * every, excess)
    return made


@pytest.mark.parametrize(
    ("excesses", "expected"),
    [
        pytest.param((3.0, 2.0, 1.0), True, id="falling fast"),
        pytest.param((1.0, 2.0, 3.0), False, id="rising"),
        pytest.param((1.0, 1.0, 1.0), False, id="flat"),
        pytest.param((0.61, 0.60, 0.59), True, id="in an hour: 0.59 at 0.01 a minute"),
        pytest.param((0.63, 0.62, 0.61), False, id="too slow: 0.61 at 0.01 a minute"),
        pytest.param((9.0, 5.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5), False, id="turned round"),
        pytest.param((3.0, 1.0), False, id="two points prove nothing"),
        pytest.param((), False, id="nothing known"),
    ],
)
def test_the_newer_half_decides(excesses: tuple[float, ...], *, expected: bool) -> None:
    assert is_recovering(trend(*excesses), HOUR) is expected


@given(st.lists(st.integers(0, 60_000), min_size=40, max_size=400))
def test_few_points_are_kept_from_the_first_to_nearly_the_last(steps: list[int]) -> None:
    made, at = Trend(), 0
    for step in steps:
        at += step
        made = with_point(made, at, 1.0)
        times = [point[0] for point in made.points]
        assert len(times) <= POINTS
        assert times == sorted(set(times))
    first = steps[0]
    assert made.points[0][0] == first


def test_a_sample_of_the_same_time_is_not_a_point() -> None:
    one = trend(1.0)
    assert with_point(one, 0, 2.0) is one
