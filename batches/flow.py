"""Feeds pieces of readings to meters: what goes on calmly at once, the rest sample by sample."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from batches.exposure import Course, Meter
from devices.quality import Quality
from devices.scan import Source
from storage.archive.columns import Columns, Floats, Integers, codes_of
from storage.archive.pieces import Piece

_MOST = 1e15
"""Milli-units; beyond, whole ones are no longer told apart."""
Flags = npt.NDArray[np.bool_]


class Samples(NamedTuple):
    """Samples of one channel in the order of time, a row each; only the good ones have a value."""

    at: Integers
    values: Floats
    good: Flags
    calibrating: Flags
    backfilled: Flags


class Feeder:
    """Hands what a device said to the meters of its channels, which are found by key."""

    def __init__(self, meters: Mapping[str, Meter]) -> None:
        self._meters = meters

    def __call__(self, piece: Piece) -> None:
        """The next piece. A scan that may be a repeat is not judged; tests are rejected."""
        rows = piece.rows
        if rows.repeat.any():
            rows = rows.take(np.flatnonzero(~rows.repeat))
        if len(rows.at):
            for column, key in enumerate(piece.layout.keys):
                if key in self._meters:
                    feed(self._meters[key], _samples(rows, column, len(piece.layout.keys)))


def _samples(rows: Columns, column: int, width: int) -> Samples:
    good, calibrating = rows.source != Source.TEST, np.zeros(len(rows.at), np.bool_)
    codes = codes_of(rows, width)
    if codes is not None:
        good &= codes[:, column] == Quality.GOOD
        calibrating = codes[:, column] == Quality.IN_CALIBRATION
    return Samples(
        at=rows.at,
        values=rows.values[:, column],
        good=good,
        calibrating=calibrating,
        backfilled=rows.source == Source.BACKFILL,
    )


def feed(meter: Meter, samples: Samples) -> None:
    """Feed the next samples of a channel, as one by one through ``meter.feed``.

    Raises:
        ValueError: as ``Meter.feed``.
    """
    calm = _calm(meter.course, meter.at, samples)
    breaks = [*np.flatnonzero(~calm).tolist(), len(calm)]
    at, values = samples.at.tolist(), samples.values.tolist()
    n = 0
    while n < len(at):
        end = breaks[bisect_left(breaks, n)]
        if n < end and meter.settled:
            late = int(np.count_nonzero(samples.backfilled[n:end]))
            meter.go_on(at[n:end], values[n:end], backfilled=late)
            n = end
            continue
        meter.feed(
            at[n],
            values[n] if samples.good[n] else None,
            backfilled=bool(samples.backfilled[n]),
            calibrating=bool(samples.calibrating[n]),
        )
        n += 1


def _calm(course: Course, last: int | None, samples: Samples) -> Flags:
    """Which samples go on from the one before, if that was settled."""
    at = samples.at
    before = np.append(at[0] if last is None else last, at[:-1])
    gap = at - before
    with np.errstate(over="ignore", invalid="ignore"):
        milli = samples.values * 1_000
        # Rounds as Python does: half to even.
        whole = np.rint(milli)
        calm = samples.good & (np.abs(milli) < _MOST)
        calm &= (course.low <= whole) & (whole <= course.high)
    calm &= (gap > 0) & (gap <= course.joined) & (at < course.end)
    for one in course.apart:
        calm &= (at < one.start) | (before >= one.end)
    for each in course.logged:
        calm &= ~(samples.backfilled & (each.start <= at) & (at <= each.end))
    return calm
