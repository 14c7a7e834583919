"""What is wrong with a rota in the coming days, and when it is told: in daytime. Pure."""

from collections.abc import Iterable
from datetime import tzinfo

from alerts.rota.feeds import STALE_MS, FeedState
from alerts.rota.resolve import Period
from alerts.rota.wall import local

DAYTIME = range(9, 17)
"""Hours, by the wall of the rota, in which somebody can mend it."""
_MOST = 5


def is_daytime(now: int, zone: tzinfo) -> bool:
    """Whether it is between 09:00 and 17:00 (``now`` in epoch ms)."""
    return local(now, zone).hour in DAYTIME


def by_day(found: int, before: int | None, *, daytime: bool) -> int | None:
    """How many faults are alarms: at night they may be mended, and new ones wait for the day.

    None when nobody has looked by day yet, so that a start at night neither raises nor clears.
    """
    if daytime:
        return found
    return None if before is None else min(found, before)


def outlook(
    periods: Iterable[Period],
    feeds: Iterable[FeedState],
    people: frozenset[str],
    *,
    now: int,
    zone: tzinfo,
) -> tuple[str, ...]:
    """Lines on gaps, on people who are not of the site, and on calendars that cannot be read."""
    lines: list[str] = []
    known = list(periods)
    gaps = [period for period in known if not period.people and period.end > now]
    lines += _few([f"nobody is on call from {_span(gap, zone)}" for gap in gaps], "gaps")
    strangers = dict.fromkeys(p for period in known for p in period.people if p not in people)
    lines += [f"{person!r} is on call and is nobody of this site" for person in strangers]
    for feed in feeds:
        named = f"calendar {feed.calendar}"
        coming = [one for one in feed.read.unknown if one.start >= now]
        said = dict.fromkeys(one.says for one in coming)
        lines += _few([f"{named} names nobody of this site: {says!r}" for says in said], "events")
        lines += [f"{named}: {odd}" for odd in feed.read.odd]
        if feed.error and feed.good_at is None:
            lines.append(f"{named} could not be read, and there is no copy: {feed.error}")
        elif feed.error and feed.good_at is not None and now - feed.good_at > STALE_MS:
            lines.append(f"{named} could not be read for more than a day: {feed.error}")
    return tuple(lines)


def _few(lines: list[str], what: str) -> list[str]:
    if len(lines) <= _MOST:
        return lines
    return [*lines[:_MOST], f"and {len(lines) - _MOST} more {what} like these"]


def _span(period: Period, zone: tzinfo) -> str:
    first, last = local(period.start, zone), local(period.end, zone)
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%a %Y-%m-%d %H:%M}"
    return f"{first:%a %Y-%m-%d %H:%M} to {until}"
