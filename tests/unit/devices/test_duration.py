"""Spans of time as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.duration import Duration, parse

DAY_MS = 24 * 3_600_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 90_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("2d", 172_800_000),
        ("250ms", 250),
        ("1.5h", 5_400_000),
        ("0.5s", 500),
        ("1m500ms", 60_500),
        ("0:06:00", 360_000),
        ("36:00:00", 129_600_000),
        ("0:00:00.5", 500),
        ("0s", 0),
    ],
)
def test_a_span_means_what_it_says(text: str, ms: int) -> None:
    assert parse(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "m",
        "-5m",
        "5 m",
        "5min",
        "1h 30m",
        "1:60:00",
        "1:00:60",
        "5M",
        "1e3s",
        "nan",
        "\u0665s",
    ],
)
def test_what_is_no_span_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span of time; write 90s, 5m, 1h30m or 0:06:00"):
        parse(text)


@pytest.mark.parametrize("text", ["36601d", "878401:00:00", "9" * 400 + "h", "9" * 400 + ":00:00"])
def test_a_span_of_more_than_a_hundred_years_is_refused(text: str) -> None:
    assert parse("36600d") == 36_600 * DAY_MS
    with pytest.raises(ValueError, match="is longer than 36600 days"):
        parse(text)


@given(st.integers(0, 400 * DAY_MS))
def test_a_span_that_was_written_reads_as_it_was(ms: int) -> None:
    assert parse(str(Duration(ms))) == ms


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59))
def test_hours_minutes_and_seconds_read_as_a_clock_does(h: int, m: int, s: int) -> None:
    assert parse(f"{h}:{m:02}:{s:02}") == ((h * 60 + m) * 60 + s) * 1000


@given(st.text(max_size=12))
def test_any_text_is_a_span_or_refused(text: str) -> None:
    try:
        span = parse(text)
    except ValueError:
        return
    assert span >= 0


def test_a_span_in_seconds_is_a_number_of_them() -> None:
    assert parse("250ms").seconds == pytest.approx(0.25)
