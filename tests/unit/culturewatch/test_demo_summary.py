"""Percentiles by nearest rank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.reader import Counts
from culturewatch.demo_summary import _handed_over, percentile


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([15, 20, 35, 40, 50], 30, 20, id="the textbook's example"),
        pytest.param([15, 20, 35, 40, 50], 40, 20, id="on a rank"),
        pytest.param([15, 20, 35, 40, 50], 50, 35, id="median of an odd number"),
        pytest.param([15, 20, 35, 40, 50], 100, 50, id="all"),
        pytest.param([15, 20, 35, 40, 50], 0, 15, id="none"),
        pytest.param([7], 99, 7, id="of one"),
        pytest.param(list(range(1, 101)), 99, 99, id="p99 of a hundred"),
        pytest.param([], 50, None, id="of nothing"),
    ],
)
def test_a_percentile_is_that_of_the_nearest_rank(
    values: list[int], percent: float, expected: int | None
) -> None:
    assert percentile(values, percent) == expected


@given(st.lists(st.integers(), min_size=1), st.integers(1, 100))
def test_at_least_so_many_values_are_not_above_it(values: list[int], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)


@pytest.mark.parametrize(
    ("handed", "waiting", "failed", "said", "true"),
    [
        pytest.param(7, 0, 0, "(7 of 7)", True, id="all"),
        pytest.param(6, 0, 0, "(6 of 7; 1 no longer due, taken back)", True, id="one taken back"),
        pytest.param(6, 1, 0, "(6 of 7)", False, id="one waits"),
        pytest.param(6, 0, 1, "(6 of 7)", False, id="one failed"),
        pytest.param(0, 0, 0, "(0 of 7; 7 no longer due, taken back)", False, id="none sent"),
    ],
)
def test_a_page_that_was_not_handed_over_is_accounted_for(
    handed: int, waiting: int, failed: int, said: str, *, true: bool
) -> None:
    counts = Counts(
        open=0, occurrences=7, pages=7, handed=handed, waiting=waiting, failed=failed, history=9
    )
    shown = _handed_over(counts)
    assert shown.text == f"every page was handed over {said}"
    assert shown.true is true
