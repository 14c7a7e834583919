"""Lines, marks and ranges of a chart."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.export.timeaxis import marks
from batches.export.trace import BUCKETS, NARROWEST, Point, Trace, merged, visible
from batches.placement import Interval
from tests.unit.batches.conftest import HOUR, MINUTE, MONDAY

pytestmark = pytest.mark.long


def test_a_line_is_thinned_without_losing_a_spike() -> None:
    trace = Trace(Interval(0, 1_000_000))
    at = np.arange(0, 1_000_000, 10)
    values = np.where(at == 500_010, 99.0, 37.0)
    for begin, end in ((0, 1), (1, 50_003), (50_003, 50_004), (50_004, 100_000)):
        trace.extend(at[begin:end], values[begin:end])
    assert len(trace.points) == BUCKETS
    assert max(point.high for point in trace.points) == 99.0
    # Each bucket of 1,666.67 ms has what was read in it, however the readings came.
    assert trace.points[0] == Point(0, 37.0, 1_660, 37.0, 37.0, 37.0)
    assert trace.points[300] == Point(500_000, 37.0, 501_660, 37.0, 37.0, 99.0)
    assert trace.points[599] == Point(998_340, 37.0, 999_990, 37.0, 37.0, 37.0)


def test_marks_of_a_time_axis_stand_on_round_local_times() -> None:
    zone = ZoneInfo("Europe/Zurich")
    day = marks(Interval(MONDAY, MONDAY + 24 * HOUR), zone)
    assert [(at - MONDAY) // HOUR for at, _ in day] == [1, 4, 7, 10, 13, 16, 19, 22]
    assert [label for _, label in day][:6] == [
        "09:00\n2026-01-05",
        "12:00",
        "15:00",
        "18:00",
        "21:00",
        "00:00\n2026-01-06",
    ]
    month = marks(Interval(MONDAY, MONDAY + 30 * 24 * HOUR), zone)
    assert [label for _, label in month] == ["2026-01-12", "2026-01-19", "2026-01-26", "2026-02-02"]


def test_a_day_on_which_the_clocks_change_keeps_round_times() -> None:
    # 2026-03-29: 02:00 CET becomes 03:00 CEST.
    start = 1_774_738_800_000
    found = marks(Interval(start, start + 47 * HOUR), ZoneInfo("Europe/Zurich"))
    days = ["00:00", "07:00", "13:00", "19:00", "00:00", "06:00", "12:00", "18:00"]
    assert [label.split("\n")[0] for _, label in found] == days


@given(st.integers(1, 60), st.integers(0, 40), st.sampled_from(["Europe/Zurich", "Asia/Kolkata"]))
def test_an_axis_has_few_marks_whatever_its_length(first: int, power: int, name: str) -> None:
    span = Interval(MONDAY, MONDAY + first * 1000 * 2 ** min(power, 25))
    found = marks(span, ZoneInfo(name))
    assert len(found) <= 10 or span.length > 10 * 365 * 24 * HOUR
    assert all(span.start <= at < span.end for at, _ in found)


def test_ranges_too_close_to_tell_apart_are_drawn_as_one() -> None:
    ranges = [Interval(0, 1), Interval(2, 3), Interval(900, 901)]
    assert merged(ranges, Interval(0, 6000)) == [Interval(0, 3), Interval(900, 901)]


def test_a_minute_of_a_month_is_wide_enough_to_be_seen() -> None:
    month = Interval(0, 30 * 24 * HOUR)
    middle = visible(Interval(15 * 24 * HOUR, 15 * 24 * HOUR + MINUTE), month)
    assert middle.length == pytest.approx(month.length * NARROWEST / BUCKETS, abs=2)
    assert middle.start < 15 * 24 * HOUR < middle.end
    last = visible(Interval(month.end - MINUTE, month.end), month)
    assert last.end == month.end
    assert last.length > month.length / BUCKETS
    long = Interval(0, 15 * 24 * HOUR)
    assert visible(long, month) == long
