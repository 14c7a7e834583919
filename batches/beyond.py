"""Excursions of many stays against any limits, found in columns of readings.

Only the readings at which something is out, or about to be, go one by one through
``batches.excursion.Watch``; the rest cannot change what it finds.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from batches.calibration import Book
from batches.excursion import Excursion, Held, Limits, Watch, in_milli
from batches.holding import holds_ms
from batches.summing import NO_CALIBRATION, NotSummable, Stay, check_usual
from devices.scan import Layout
from storage.archive import sums
from storage.archive.columns import Columns
from storage.archive.log import LogReader
from storage.archive.sums import Samples

_REACH = 2
_FAR = 1 << 62
Integers = npt.NDArray[np.int64]


def excursions(
    readings: LogReader,
    stay: Stay,
    layout: Layout,
    limits: Mapping[str, Limits],
    book: Book = NO_CALIBRATION,
) -> dict[str, tuple[Excursion, ...]]:
    """The excursions of the channels of ``limits`` over ``stay``, in the order of time.

    Raises:
        NotSummable: the device had another layout, was in calibration, or was measured by a logger
            with a period of its own, for a while; go reading by reading.
        storage.waiting.JournalError: the journal cannot be read.
        storage.archive.seal.ArchiveError: a segment cannot be read.
    """
    check_usual(stay, layout, book)
    reach = _REACH * stay.period
    found = readings.columns(stay.device, stay.start - reach, stay.end + reach)
    if any(each != layout for each, _ in found):
        raise NotSummable
    if not found:
        return dict.fromkeys(limits, ())
    samples = sums.samples_of(_needed(found[0][1], stay), len(layout.keys))
    return {
        key: _of_channel(samples, layout.keys.index(key), stay, each)
        for key, each in limits.items()
    }


def _needed(rows: Columns, stay: Stay) -> Columns:
    """The rows of the stay, with the last one before and the first one after it."""
    begin, end = np.searchsorted(rows.at, (stay.start, stay.end)).tolist()
    return rows.slice(max(0, begin - 1), end + 1)


class _Steps(NamedTuple):
    """What each sample held: as the fields of ``Held``."""

    start: Integers
    end: Integers
    until: Integers
    milli: Integers
    ahead: Integers


def _of_channel(whole: Samples, channel: int, stay: Stay, limits: Limits) -> tuple[Excursion, ...]:
    if not len(whole.at):
        return ()
    samples = sums.channel_of(whole, channel)
    at, good = samples.at, samples.good[:, 0]
    # A line leads to a reading only where the first one of its instant is good.
    firsts = np.flatnonzero(np.diff(whole.at, prepend=whole.at[0] - 1))
    steps = _steps(samples, stay, whole.good[firsts, channel])
    low = -_FAR if limits.low is None else in_milli(limits.low)
    high = _FAR if limits.high is None else in_milli(limits.high)
    least, most = np.minimum(steps.milli, steps.ahead), np.maximum(steps.milli, steps.ahead)
    told = good & (steps.end > steps.start) & ((least < low) | (most > high))
    watch = Watch(limits)
    where = np.flatnonzero(told)
    fields = (
        at,
        samples.values[:, 0],
        steps.milli,
        steps.start,
        steps.end,
        steps.until,
        steps.ahead,
    )
    for held in zip(*(field[where].tolist() for field in fields), strict=True):
        watch.take(Held(*held))
    watch.close()
    return tuple(watch.found)


def _steps(samples: Samples, stay: Stay, good: npt.NDArray[np.bool_]) -> _Steps:
    at = samples.at
    # Rounds as Python does: half to even.
    milli = np.rint(samples.values[:, 0] * 1_000).astype(np.int64)
    following = np.append(at[1:], _FAR)
    joined = following - at <= holds_ms(stay.period)
    until = np.where(joined, following, at + stay.period)
    ahead = np.where(joined & np.append(good[1:], False), np.append(milli[1:], 0), milli)
    return _Steps(
        start=np.maximum(at, stay.start),
        end=np.minimum(until, stay.end),
        until=until,
        milli=milli,
        ahead=ahead,
    )
