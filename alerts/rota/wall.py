"""Instants at which the clocks on the wall of a zone show a time. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from alerts.policy import Quiet

DAY = timedelta(days=1)


def time_of(text: str) -> time:
    """``HH:MM`` as a time of day."""
    hours, _, minutes = text.partition(":")
    return time(int(hours), int(minutes))


def instant(day: date, at: time, zone: tzinfo) -> int:
    """When the wall clock first shows ``at`` or later on ``day``; epoch milliseconds.

    A time that comes twice is its first (RFC 5545, 3.3.5); one that is skipped is the moment of
    the change. So what is later by the wall is never earlier in truth, and intervals that meet
    on the wall meet.
    """
    wall = datetime.combine(day, at)
    first = wall.replace(tzinfo=zone, fold=0)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        # Skipped: fold 0 takes it past the change, fold 1 before it.
        return _change_between(
            round(wall.replace(tzinfo=zone, fold=1).timestamp()), round(first.timestamp()), zone
        )
    return round(first.timestamp() * 1000)


def _change_between(early_s: int, late_s: int, zone: tzinfo) -> int:
    before = _offset(early_s, zone)
    while late_s - early_s > 1:
        middle = (early_s + late_s) // 2
        if _offset(middle, zone) == before:
            early_s = middle
        else:
            late_s = middle
    return late_s * 1000


def _offset(at_s: int, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(at_s, zone).utcoffset()


def local(at: int, zone: tzinfo) -> datetime:
    """What the wall shows at an instant (epoch ms)."""
    return datetime.fromtimestamp(at / 1000, zone)


def days(start: int, end: int, zone: tzinfo) -> Iterator[date]:
    """The days that [``start``, ``end``) touches, and the one before them; epoch ms."""
    day = local(start, zone).date() - DAY
    last = local(end, zone).date()
    while day <= last:
        yield day
        day += DAY


def span(day: date, from_: time, to: time, zone: tzinfo) -> tuple[int, int]:
    """From one time to another, on the next day when that is not later; epoch ms."""
    end = day if from_ < to else day + DAY
    return instant(day, from_, zone), instant(end, to, zone)


def quiet_until(quiet: Quiet, now: int, zone: tzinfo) -> int | None:
    """The end of the quiet hours that ``now`` is in, if it is in some; epoch ms."""
    from_, to = time_of(quiet.from_), time_of(quiet.to)
    today = local(now, zone).date()
    for day in (today - DAY, today):
        start, end = span(day, from_, to, zone)
        if start <= now < end:
            return end
    return None
