"""Readings of one channel over months and years, day by day: from the sums of sealed days.

A day of which something is not sealed yet, or whose sums cannot be used, is read as it was said.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from console.api.bucket import Bucket
from storage.archive import sums
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader, Segment
from storage.archive.seal import ENTRIES, SUMS, ArchiveError

_COLUMNS = (
    *("device", "key", "day", "received", "judged", "minimum", "maximum", "known_ms"),
    *("high", "middle", "low", "last_good", "last_value", "fits"),
)


class Day(NamedTuple):
    """What a channel said on a day. ``weighed`` is the sum of values times ``known`` ms.

    ``least`` and ``most`` are infinite where nothing good was said; ``last`` is the last good
    value, which holds for no time that is known.
    """

    good: int
    received: int
    least: float
    most: float
    weighed: float
    known: int
    last: float | None


def buckets(log: LogReader, channel: str, first: int, last: int, step: int) -> tuple[Bucket, ...]:
    """The channel in buckets of ``step`` days, from day ``first`` to before ``last`` (since 1970).

    ``mean`` weighs a reading by how long it held, to the next one of its day. A reading of a test,
    and a second one of the same instant, is among the others.

    Raises:
        storage.waiting.JournalError: the log cannot be read.
    """
    device, _, key = channel.rpartition(".")
    found: dict[int, list[Day]] = {}
    anew = {day for spoke, day in log.unsealed_days() if spoke == device}
    for segment in log.segments():
        if segment.start >= last * DAY_MS or segment.end < first * DAY_MS:
            continue
        try:
            for day, one in _sealed(segment, device, key):
                found.setdefault(day, []).append(one)
        except (ArchiveError, _OddSumsError):
            anew |= set(range(segment.start // DAY_MS, segment.end // DAY_MS + 1))
    for day in sorted(anew):
        if first <= day < last:
            found[day] = list(_said(log, device, key, day))
    return tuple(
        _bucket(at * DAY_MS, [one for day in range(at, at + step) for one in found.get(day, ())])
        for at in range(first, last, step)
    )


class _OddSumsError(Exception):
    """Sums that do not fit their columns, and so are none."""


def _sealed(segment: Segment, device: str, key: str) -> Iterator[tuple[int, Day]]:
    table = sums.read(_sums_of(segment), _COLUMNS)
    for n, (spoke, called) in enumerate(zip(table["device"], table["key"], strict=True)):
        if spoke != device or called != key:
            continue
        if not table["fits"][n]:
            raise _OddSumsError
        # Sums are in units of 2^-10, 2^-35 and 2^-60 of the value, times milliseconds.
        high, middle, low = (float(table[name][n]) for name in ("high", "middle", "low"))
        value = float(table["last_value"][n]) if table["last_good"][n] else None
        yield (
            int(table["day"][n]),
            Day(
                good=int(table["judged"][n]),
                received=int(table["received"][n]),
                least=_least(float(table["minimum"][n]), value),
                most=-_least(-float(table["maximum"][n]), None if value is None else -value),
                weighed=high * 2.0**-10 + middle * 2.0**-35 + low * 2.0**-60,
                known=int(table["known_ms"][n]),
                last=value,
            ),
        )


def _said(log: LogReader, device: str, key: str, day: int) -> Iterator[Day]:
    """The day as it was said, a piece for each layout."""
    for layout, rows in log.columns(device, day * DAY_MS, (day + 1) * DAY_MS):
        if key not in layout.keys:
            continue
        whole = sums.samples_of(rows, len(layout.keys))
        samples = sums.channel_of(whole, layout.keys.index(key))
        good = samples.good[:, 0].tolist()
        told = list(zip(samples.at.tolist(), samples.values[:, 0].tolist(), good, strict=True))
        held = [
            (value, until - at) for (at, value, is_good), (until, _, _) in pairwise(told) if is_good
        ]
        values = [value for _, value, is_good in told if is_good]
        yield Day(
            good=len(values),
            received=len(whole.at),
            least=min(values, default=float("inf")),
            most=max(values, default=float("-inf")),
            weighed=sum(value * held_ms for value, held_ms in held),
            known=sum(held_ms for _, held_ms in held),
            last=told[-1][1] if told and told[-1][2] else None,
        )


def _bucket(at: int, days: Iterable[Day]) -> Bucket:
    days = list(days)
    good = sum(one.good for one in days)
    other = sum(one.received for one in days) - good
    if not good:
        return Bucket(at=at, good=0, other=other)
    known = sum(one.known for one in days)
    lasts = [one.last for one in days if one.last is not None]
    weighed = sum(one.weighed for one in days)
    # A single reading holds for no time that is known: it stands for itself.
    mean = weighed / known if known else sum(lasts) / len(lasts)
    return Bucket(
        at=at,
        good=good,
        other=other,
        least=min(one.least for one in days),
        mean=mean,
        most=max(one.most for one in days),
    )


def _least(known: float, last: float | None) -> float:
    found = known if isfinite(known) else float("inf")
    return found if last is None else min(found, last)


def _sums_of(segment: Segment) -> Path:
    name = segment.entries.name.removesuffix(ENTRIES)
    return segment.entries.with_name(f"{name}{SUMS}")
