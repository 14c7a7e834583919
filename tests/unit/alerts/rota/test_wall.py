"""Instants on the nights in which the clocks are set. Vienna: 2026-03-29 and 2026-10-25, 01:00 UTC.

The instants are worked out by hand from the rule of Directive 2000/84/EC: all clocks of the Union
change at 01:00 UTC on the last Sunday of March and of October.
"""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from alerts.policy import Quiet
from alerts.rota.wall import instant, quiet_until, span

VIENNA = ZoneInfo("Europe/Vienna")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        pytest.param(SPRING, "01:59", "2026-03-29T00:59", id="before the skipped hour"),
        pytest.param(SPRING, "02:00", "2026-03-29T01:00", id="the change itself"),
        pytest.param(SPRING, "02:30", "2026-03-29T01:00", id="skipped: the moment of the change"),
        pytest.param(SPRING, "03:00", "2026-03-29T01:00", id="after the skipped hour"),
        pytest.param(SPRING, "03:15", "2026-03-29T01:15", id="summer time"),
        pytest.param(AUTUMN, "02:00", "2026-10-25T00:00", id="comes twice: the first"),
        pytest.param(AUTUMN, "02:30", "2026-10-25T00:30", id="half of it: the first"),
        pytest.param(AUTUMN, "03:00", "2026-10-25T02:00", id="after both"),
        pytest.param(date(2026, 7, 1), "12:00", "2026-07-01T10:00", id="an ordinary noon"),
    ],
)
def test_a_time_on_the_wall_is_one_instant(day: date, at: str, expected: str) -> None:
    assert instant(day, time.fromisoformat(at), VIENNA) == utc(expected)


def test_a_zone_that_moves_by_half_an_hour_is_no_exception() -> None:
    # Lord Howe Island goes from +10:30 to +11 at 02:00 on the first Sunday of October.
    howe = ZoneInfo("Australia/Lord_Howe")
    assert instant(date(2026, 10, 4), time(2, 15), howe) == utc("2026-10-03T15:30")


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 6, 1), 8)]
)
def test_65_a_night_shift_is_as_long_as_the_night(day: date, hours: int) -> None:
    start, end = span(day, time(22), time(6), VIENNA)
    assert end - start == hours * 3_600_000


QUIET = Quiet(from_="22:00", to="07:00")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-05T20:59", None),
        ("2026-01-05T21:00", "2026-01-06T06:00"),
        ("2026-01-06T05:59", "2026-01-06T06:00"),
        ("2026-01-06T06:00", None),
        ("2026-03-29T00:30", "2026-03-29T05:00"),
        ("2026-10-25T01:30", "2026-10-25T06:00"),
    ],
)
def test_quiet_hours_end_by_the_wall(now: str, until: str | None) -> None:
    assert quiet_until(QUIET, utc(now), VIENNA) == (None if until is None else utc(until))
