"""When a report is due, and over which days it reports: by the wall of the site's zone. Pure."""

from collections.abc import Callable
from datetime import date, time, timedelta, tzinfo
from typing import NamedTuple

from alerts.rota.wall import DAY, instant, local, time_of
from culturewatch.site_file import ReportTable

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MIDNIGHT = time(0)
_LONGEST = 62
"""Days after which every report was due again: two months."""


class Period(NamedTuple):
    """[``start``, ``end``) is what is reported of, ``due`` when that is sent; epoch ms."""

    start: int
    end: int
    due: int


def newest(report: ReportTable, now: int, zone: tzinfo) -> Period:
    """The period of ``report`` that was due last, at ``now`` (epoch ms).

    A time of day that a change of clocks skips is the moment of the change, one that comes twice
    is its first. Days begin and end at midnight of the zone, so that one has 23 or 25 hours.
    """
    at, today = time_of(report.at), local(now, zone).date()
    is_day = _day_of(report)
    for back in range(_LONGEST):
        day = today - back * DAY
        if is_day(day) and (due := instant(day, at, zone)) <= now:
            first, last = _days(report, day)
            return Period(instant(first, MIDNIGHT, zone), instant(last, MIDNIGHT, zone), due)
    raise AssertionError(f"{report.id}: no day of two months is its day")


def _day_of(report: ReportTable) -> Callable[[date], bool]:
    match report.kind:
        case "week":
            weekday = WEEKDAYS.index(str(report.day or WEEKDAYS[0]))
            return lambda day: day.weekday() == weekday
        case "month":
            number = int(report.day or 1)
            return lambda day: day.day == number
        case "silenced":
            return lambda _: True


def _days(report: ReportTable, day: date) -> tuple[date, date]:
    """From the first day to the one after the last, for what is sent on ``day``."""
    match report.kind:
        case "week":
            return day - 7 * DAY, day
        case "month":
            last = day.replace(day=1)
            return (last - timedelta(days=1)).replace(day=1), last
        case "silenced":
            return day - DAY, day
