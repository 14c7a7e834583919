"""The line of a chart, thinned while the readings go by: no spike is lost, memory is bounded."""

from array import array
from collections.abc import Iterator

import msgspec
import numpy as np

from batches.placement import Interval
from devices.quality import Quality
from devices.scan import Source
from storage.archive.columns import Floats, Integers, codes_of
from storage.archive.pieces import Piece

BUCKETS = 600
NARROWEST = 3
"""Buckets that a range takes up on a chart at least: a minute of a month must be seen."""
_FIELDS = 6


class Point(msgspec.Struct, frozen=True):
    """What was seen in one bucket: the first and last reading, the lowest and highest value."""

    first_at: int
    first: float
    last_at: int
    last: float
    low: float
    high: float


class Trace:
    """Readings of one channel over ``span``, in the order of time, as at most 600 points."""

    def __init__(self, span: Interval) -> None:
        self._span = span
        # Points in a row, as numbers: hundreds of stays have hundreds of thousands of them.
        self._cells = array("d")
        self._until = span.start

    def extend(self, at: Integers, values: Floats) -> None:
        """Good readings inside the span: when they were (epoch ms), and what they said."""
        going_on = int(at.searchsorted(self._until))
        if going_on:
            self._go_on(at[:going_on], values[:going_on])
        at, values = at[going_on:], values[going_on:]
        if not len(at):
            return
        length = self._span.length
        bucket = (at - self._span.start) * BUCKETS // length
        # The first millisecond of the next bucket.
        self._until = self._span.start - (-(int(bucket[-1]) + 1) * length // BUCKETS)
        begins = np.flatnonzero(np.diff(bucket, prepend=-1))
        ends = np.append(begins[1:], len(at)) - 1
        low, high = np.minimum.reduceat(values, begins), np.maximum.reduceat(values, begins)
        rows = (at[begins], values[begins], at[ends], values[ends], low, high)
        self._cells.frombytes(np.column_stack(rows).astype(np.float64).tobytes())

    def _go_on(self, at: Integers, values: Floats) -> None:
        cells = self._cells
        cells[-4], cells[-3] = at[-1], values[-1]
        cells[-2], cells[-1] = min(cells[-2], values.min()), max(cells[-1], values.max())

    @property
    def points(self) -> tuple[Point, ...]:
        """The points so far."""
        rows = zip(*[iter(self._cells)] * _FIELDS, strict=True)
        return tuple(
            Point(int(first_at), first, int(last_at), last, low, high)
            for first_at, first, last_at, last, low, high in rows
        )


def good_readings(piece: Piece) -> Iterator[tuple[int, Integers, Floats]]:
    """Of each column of ``piece``, when its good readings were, and what they said.

    Tests, and what may be a repeat, are left out.
    """
    rows = piece.rows
    judged = ~rows.repeat & (rows.source != Source.TEST)
    if not judged.any():
        return
    codes = codes_of(rows, len(piece.layout.keys))
    for column in range(len(piece.layout.keys)):
        good = judged if codes is None else judged & (codes[:, column] == Quality.GOOD)
        yield column, rows.at[good], rows.values[good, column]


def merged(ranges: list[Interval], span: Interval) -> list[Interval]:
    """``ranges`` (in order), those too close together to be told apart on a chart made one."""
    near = span.length // BUCKETS
    out: list[Interval] = []
    for each in ranges:
        if out and each.start - out[-1].end <= near:
            out[-1] = Interval(out[-1].start, max(out[-1].end, each.end))
        else:
            out.append(each)
    return out


def visible(one: Interval, span: Interval) -> Interval:
    """``one``, if need be made wider on both sides, inside ``span``, until it can be seen."""
    missing = span.length * NARROWEST // BUCKETS - one.length
    if missing <= 0:
        return one
    start = max(span.start, one.start - missing // 2)
    return Interval(start, min(span.end, one.end + missing // 2))
