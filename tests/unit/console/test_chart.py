"""Charts: what was said over a span, where lines lie, and when a tank will be empty."""

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rule import Rule
from batches.calibration import Book
from batches.placement import Placement, Refused
from bench.archive import MONDAY, build
from console import device_page, words
from console.chart import drawn, scale
from console.chart_data import COUNT, Buckets, ChartData, bucketed
from console.speech import Speech
from console.tank import DAY_MS, HOUR_MS, since_filling, tank
from console.view import ChannelView, Viewer
from devices.quality import Quality
from devices.scan import Scan
from storage.journal import Journal
from tests.unit.console.lab import EQUIPMENT, INC1, RULE, ledger_url

NOON = 1_767_956_400_000
PERIOD = 1_000
HOUR = 3_600_000
LOW = Rule(id="low", channel="inc1.temperature", kind="low", limit=36.0)


def buckets(*means: float | None, width: int = 1_000) -> Buckets:
    values = np.array([np.nan if mean is None else mean for mean in means])
    known = 1.0 - np.isnan(values)
    return Buckets(NOON, width, values - 0.5, values, values + 0.5, known)


def test_a_bucket_has_least_mean_and_greatest_and_a_hole_stays_one() -> None:
    at = np.array([0, 10, 20, 30, 90, 95], np.int64)
    values = np.array([1.0, 3.0, 2.0, 4.0, 10.0, 20.0])
    made = bucketed(at, values, at >= 0, (0, 99), 10)
    # Every 10 ms for the most part: two of them make a bucket, four of which span 99 ms.
    assert made.width == 25
    assert made.low.tolist() == pytest.approx([1.0, 4.0, np.nan, 10.0], nan_ok=True)
    assert made.mean.tolist() == pytest.approx([2.0, 4.0, np.nan, 15.0], nan_ok=True)
    assert made.high.tolist() == pytest.approx([3.0, 4.0, np.nan, 20.0], nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 999_999), st.floats(-1e6, 1e6)), min_size=1, max_size=300))
def test_no_sample_is_lost_from_the_edges_of_a_chart(samples: list[tuple[int, float]]) -> None:
    samples.sort(key=lambda each: each[0])
    at = np.array([each[0] for each in samples], np.int64)
    values = np.array([each[1] for each in samples])
    made = bucketed(at, values, at >= 0, (0, 1_000_000), 1_000)
    assert len(made.mean) <= COUNT
    assert np.nanmin(made.low) == values.min()
    assert np.nanmax(made.high) == values.max()


async def test_what_a_device_said_is_read_with_its_holes_and_without_what_was_not_good(
    tmp_path: Path,
) -> None:
    async with Journal(tmp_path, group_ms=1) as journal:
        for n in range(100):
            good = n % 10 != 3
            quality = Quality.GOOD if good else Quality.SUSPECT
            at = NOON + n * 1_000 + (60_000 if n >= 50 else 0)
            value = 37.0 if good else 99.0
            marks = bytes((quality, Quality.GOOD))
            await journal.put(Scan(INC1, at, at, (value, float(n == 7)), marks))
    data = ChartData(tmp_path)
    found = data.read("inc1", NOON, NOON + 160_000, period=PERIOD)
    assert set(found) == {"temperature", "door"}
    temperature = found["temperature"]
    assert np.nanmax(temperature.high) == 37.0
    # From 50 s to 110 s nothing was said.
    silent = slice(-(-50_000 // temperature.width), 110_000 // temperature.width)
    assert np.isnan(temperature.mean[silent]).all()
    assert temperature.unknown[silent].all()
    # One of ten was not good, which is more than a tenth of two seconds.
    assert temperature.unknown.any()
    assert not found["door"].unknown[: 50_000 // temperature.width].any()
    assert np.nanmax(found["door"].high) == 1.0
    assert data.read("ln2a", NOON, NOON + 1_000, period=PERIOD) == {}
    year = data.read("inc1", NOON - 366 * DAY_MS, NOON + DAY_MS, period=PERIOD)["temperature"]
    assert year.width == DAY_MS
    assert np.flatnonzero(~np.isnan(year.mean)).tolist() == [366]
    assert np.nanmax(year.high) == 37.0
    data.close()


def test_a_line_is_broken_where_nothing_is_known() -> None:
    made = drawn(buckets(37.0, 37.0, None, 37.0), [], "degC", zone=UTC)
    assert made.line.count("M") == 2
    assert not made.empty


def test_time_that_is_not_known_is_told_in_the_chart_of_a_value() -> None:
    found = buckets(37.0, 37.0, None, 37.0)._replace(known=np.array([1.0, 0.5, 0.0, np.nan]))
    made = drawn(found, [], "degC", zone=UTC)
    assert [(one.left, one.width) for one in made.unknown] == [(0.25, 0.5)]
    whole, partly, nothing, _ = made.points.split("\n")
    assert "part" not in whole
    assert partly.endswith(", known for a part of the time")
    assert nothing == ""
    alone = drawn(buckets(None, None), [], "degC", zone=UTC)
    assert [(one.left, one.width) for one in alone.unknown] == [(0.0, 1.0)]


def test_times_beyond_a_limit_are_told() -> None:
    found = buckets(37.0, 37.4, 37.6, 37.0, None, 36.4)
    made = drawn(found, [RULE, LOW], "degC", zone=UTC)
    assert [(one.left, one.width) for one in made.beyond] == [
        pytest.approx((2 / 6, 1 / 6)),
        pytest.approx((5 / 6, 1 / 6)),
    ]
    assert made.beyond[0].start == "2026-01-09 11:00:02 +00:00"
    assert [limit.says for limit in made.limits] == [
        f"{RULE.id} ≥\N{NO-BREAK SPACE}38.00 °C",
        "low ≤\N{NO-BREAK SPACE}36.00 °C",
    ]


def test_a_span_of_which_nothing_is_known_has_no_line() -> None:
    made = drawn(buckets(None, None), [RULE], "degC", zone=UTC)
    assert made.empty
    assert (made.line, made.beyond, made.limits) == ("", (), ())


@pytest.mark.parametrize("value", [0.0, -196.0, 1e-9, 5e8])
def test_a_scale_has_room_for_what_never_changes(value: float) -> None:
    low, high = scale([value, value], [])
    assert low < value < high


def test_a_limit_that_is_far_away_does_not_flatten_the_line() -> None:
    assert scale([37.0, 37.1], [38.0, -200.0])[0] > 30


def test_a_tank_says_how_fast_it_falls_since_it_was_filled_and_when_it_is_empty() -> None:
    # Filled at the fifth hour; then 24 mm a day, 1 mm an hour.
    means = [300.0, 290.0, 280.0, 270.0, 260.0, *(500.0 - hour for hour in range(12))]
    found = tank(buckets(*means, width=HOUR_MS))
    assert found is not None
    assert found.level == 489.0
    assert found.falls == pytest.approx((24.0, 24.0, 24.0))
    assert found.empty_h == pytest.approx((489.0, 489.0, 489.0))


def test_a_tank_that_does_not_fall_or_is_hardly_known_says_nothing_of_when() -> None:
    level = tank(buckets(*([500.0] * 20), width=HOUR_MS))
    assert level is not None
    assert (level.falls, level.empty_h) == (None, None)
    few = tank(buckets(500.0, 499.0, width=HOUR_MS))
    assert few is not None
    assert few.empty_h is None
    assert tank(buckets(None, None)) is None


def test_noise_is_no_filling() -> None:
    assert len(since_filling([(0, 500.0), (1, 503.0), (2, 502.0)])) == 3


def stay(row: int, start: int, end: int | None) -> Placement:
    return Placement(
        row=row,
        batch=f"B-2026-000{row}",
        device="inc1",
        position="",
        start=start,
        end=end,
        by="olga",
        entered=start,
        reason="",
    )


async def test_the_page_of_a_device_has_lines_marks_and_calibration(tmp_path: Path) -> None:
    async with Journal(tmp_path, group_ms=1) as journal:
        for n in range(20):
            at = NOON + n * 1_000
            await journal.put(Scan(INC1, at, at, (38.5, float(n >= 10)), bytes(2)))
    view = Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT).look()
    data = ChartData(tmp_path)
    made = device_page.page(
        view.devices[0],
        data.read("inc1", NOON, NOON + 20_000, period=PERIOD),
        [RULE],
        book=Book(),
        stood=(
            stay(1, NOON - 5_000, None),
            stay(2, NOON - 5_000, NOON + 5_000),
            stay(3, NOON + 20_000, NOON + 25_000),
        ),
        end=NOON + 20_000,
        now=NOON,
        zone=UTC,
        say=Speech("en"),
    )
    data.close()
    assert [one.key for one in made.measured] == ["temperature"]
    assert len(made.measured[0].chart.beyond) == 1
    (door,) = made.states
    assert [(one.left, one.width) for one in door.spans] == [(0.5, 0.5)]
    assert (door.unknown, door.known) == ((), True)
    assert made.measured[0].chart.points.split("\n")[0] == "38.50 °C"
    assert [(one.sensor, one.due) for one in made.calibrated] == [("", "")]
    assert made.tank is None
    # What came after the span and has left again belongs to neither list.
    assert [one.row for one in made.placed] == [1]
    assert [one.row for one in made.were] == [2]


def test_of_a_door_that_was_not_heard_nobody_says_that_it_never_opened() -> None:
    channel = ChannelView(
        id="inc1.door",
        key="door",
        quantity="state",
        unit="1",
        value=None,
        quality="no answer",
        at=None,
        age_ms=None,
        alarm=None,
    )
    say = Speech("en")
    partly = device_page._marks(channel, buckets(0.0, None, None, 0.0), UTC, say)
    assert [(one.left, one.width) for one in partly.unknown] == [(0.25, 0.5)]
    assert (partly.spans, partly.known) == ((), True)
    assert not device_page._marks(channel, buckets(None, None), UTC, say).known


@pytest.mark.parametrize(
    ("begins", "ends", "span"),
    [
        ("", "", None),
        ("2026-01-09T10:00", "2026-01-09T11:30", (NOON - 2 * HOUR, NOON - HOUR // 2)),
        ("2026-01-09T10:00", "", (NOON - 2 * HOUR, NOON)),
        ("2026-01-09T10:00", "2027-01-01T00:00", (NOON - 2 * HOUR, NOON)),
        ("2026-01-09T09:00+00:00", "2026-01-09 10:00:30", (NOON - 2 * HOUR, NOON - 7_170_000)),
    ],
)
def test_a_span_is_of_the_walls_of_the_site(
    begins: str, ends: str, span: tuple[int, int] | None
) -> None:
    assert device_page.asked(begins, ends, now=NOON, zone=ZoneInfo("Europe/Vienna")) == span


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-01-09T11:00", "2026-01-09T10:00"),
        ("2027-01-01T00:00", "2027-01-02T00:00"),
        ("", "2026-01-09T10:00"),
        ("<script>", "2026-01-09T10:00"),
        ("1900-01-01T00:00", ""),
        ("2026-13-01T00:00", ""),
        ("0001-01-01T00:00", ""),
        ("9999-12-31T23:59", ""),
    ],
)
def test_what_is_no_span_is_refused_in_words(begins: str, ends: str) -> None:
    with pytest.raises(Refused):
        device_page.asked(begins, ends, now=NOON, zone=ZoneInfo("Europe/Vienna"))


def test_the_cursor_has_a_line_for_each_bucket_and_none_where_nothing_is_known() -> None:
    made = drawn(buckets(1.0, None, 2.0), [], "degC", zone=UTC)
    assert made.points.split("\n") == [
        f"1.00 °C (0.50 °C {words.NOTHING} 1.50 °C)",
        "",
        f"2.00 °C (1.50 °C {words.NOTHING} 2.50 °C)",
    ]


def test_a_long_span_shows_the_days_that_were_sealed_as_their_readings_are(tmp_path: Path) -> None:
    build(tmp_path, 2, 2)
    data = ChartData(tmp_path)
    start = MONDAY - 30 * DAY_MS
    long = data.read("inc1", start, MONDAY + 2 * DAY_MS, period=PERIOD)["temperature"]
    assert (long.width, len(long.mean)) == (DAY_MS, 32)
    assert np.flatnonzero(~np.isnan(long.mean)).tolist() == [30, 31]
    for day in (0, 1):
        begin = MONDAY + day * DAY_MS
        fine = data.read("inc1", begin, begin + DAY_MS, period=PERIOD)["temperature"]
        place = 30 + day
        # The last sample of a day holds for nothing in it, so that it is in no sum.
        assert long.low[place] == pytest.approx(np.nanmin(fine.low), abs=0.1)
        assert long.high[place] == pytest.approx(np.nanmax(fine.high), abs=0.1)
        assert long.mean[place] == pytest.approx(np.nanmean(fine.mean), abs=0.01)
        assert not long.unknown[place]
    assert long.unknown[:30].all()
    data.close()
