"""Stays summed up from what the archive has added up already, exactly as ``batches.exposure`` does.

A day that is sealed comes as a bucket (``storage.archive.sums``); the edges of a stay, days that
are not sealed, days with late readings and days with gaps are summed up from their readings.
Whatever cannot be summed up so is left to ``batches.survey``, reading by reading.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import inf, log
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from batches.calibration import Book
from batches.holding import holds_ms
from batches.kinetic import DEFAULT_THETA
from batches.placement import Interval
from batches.weighing import GRAIN
from devices.scan import Layout
from storage.archive import sums
from storage.archive.columns import Columns
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader
from storage.archive.sums import Samples, Table

NO_CALIBRATION = Book()
_REACH = 2
_ZERO_C = 273.15
_WHOLE = (
    *("received", "backfilled", "judged", "first_at", "last_at", "last_good", "longest"),
    *("known_ms", "fits", "high", "middle", "low", "day"),
)
_BROKEN = ("last_value", "minimum", "maximum", "heat_peak", "heat")
_NAMES = (*_WHOLE[:-1], *_BROKEN)
_COLUMNS = ("device", "key", *_WHOLE, *_BROKEN)


class Stay(NamedTuple):
    """Where a culture was: ``[start, end)`` in epoch ms, read every ``period`` ms."""

    device: str
    start: int
    end: int
    period: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """One channel over a stay; the fields are those of ``batches.exposure.Exposure``.

    ``rejected`` has those that carry the mark of a calibration, which ``Exposure`` counts apart.
    """

    expected: int
    received: int
    good: int
    rejected: int
    backfilled: int
    known_ms: int
    unknown_ms: int
    minimum: float | None
    mean: float | None
    maximum: float | None
    kinetic: float | None


class NotSummable(Exception):  # noqa: N818 # it asks for another way, and is no fault
    """The stay must be summed up reading by reading."""


class Summing:
    """Sums up many stays; the days of the archive are loaded once for all of them."""

    def __init__(self, readings: LogReader, stays: Sequence[Stay]) -> None:
        """Load what the archive has added up for ``stays``."""
        self._readings = readings
        self._unsealed: dict[str, set[int]] = defaultdict(set)
        for device, day in readings.unsealed_days():
            self._unsealed[device].add(day)
        self._days = _Days(readings, stays)

    def totals(self, stay: Stay, layout: Layout, book: Book = NO_CALIBRATION) -> dict[str, Total]:
        """Every channel of ``layout`` over ``stay``, by key.

        Readings that ``book`` says were taken in calibration, or came from a logger's file, are
        for ``batches.survey``.

        Raises:
            NotSummable: sum it up with ``batches.survey``.
            storage.waiting.JournalError: the journal cannot be read.
            storage.archive.seal.ArchiveError: a segment cannot be read.
        """
        check_usual(stay, layout, book)
        near = self._near(stay, layout)
        pieces = [piece for piece in self._pieces(stay, layout, near) if piece is not None]
        table = _stacked(pieces, len(layout.keys))
        if not table["fits"].all():
            raise NotSummable
        return _totals(stay, layout, table, near)

    def _near(self, stay: Stay, layout: Layout) -> "_Near":
        """The readings at both edges, and those next to the stay."""
        reach = _REACH * stay.period
        first, last = _days_inside(stay)
        if first >= last:
            rows = self._rows(stay, layout, stay.start - reach, stay.end + reach)
            return _Near(stay, rows, rows)
        return _Near(
            stay,
            self._rows(stay, layout, stay.start - reach, first * DAY_MS),
            self._rows(stay, layout, last * DAY_MS, stay.end + reach),
        )

    def _pieces(self, stay: Stay, layout: Layout, near: "_Near") -> Iterator[Table | None]:
        """What adds up to the stay, in the order of time."""
        first, last = _days_inside(stay)
        if first >= last:
            yield _added(stay, layout, near.head)
            return
        yield _added(stay, layout, near.head)
        days = self._days.of(layout)
        at = first
        for day in sorted(self._unusable(days, stay, first, last)):
            yield days.between(at, day)
            rows = self._rows(stay, layout, day * DAY_MS, (day + 1) * DAY_MS)
            yield _added(stay, layout, rows)
            at = day + 1
        yield days.between(at, last)
        yield _added(stay, layout, near.tail)

    def _unusable(self, days: "_Device", stay: Stay, first: int, last: int) -> set[int]:
        """Days that must be read: late readings, gaps, or not all of it is sealed."""
        late = {day for day in self._unsealed[stay.device] if first <= day < last}
        return late | days.unusable(first, last, holds_ms(stay.period))

    def _rows(self, stay: Stay, layout: Layout, start: int, end: int) -> Columns | None:
        late = self._unsealed[stay.device]
        unsealed = any(start < (day + 1) * DAY_MS and day * DAY_MS < end for day in late)
        found = self._readings.columns(stay.device, start, end, unsealed=unsealed)
        return _of(layout, found)


def check_usual(stay: Stay, layout: Layout, book: Book) -> None:
    """See that no reading of a stay was taken in calibration, or holds for another period.

    Raises:
        NotSummable: one was, or does; the sums do not know it.
    """
    reach = _REACH * stay.period
    around = Interval(stay.start - reach, stay.end + reach)
    apart = any(book.apart(channel, around) for channel in layout.channels)
    if apart or any(book.logged(channel, around) for channel in layout.channels):
        raise NotSummable


def _days_inside(stay: Stay) -> tuple[int, int]:
    """The first whole day of a stay, and the one after its last."""
    return -(-stay.start // DAY_MS), stay.end // DAY_MS


def _added(stay: Stay, layout: Layout, rows: Columns | None) -> Table | None:
    """Readings as a bucket, or as several where there are gaps."""
    if rows is None:
        return None
    samples = sums.samples_of(rows, len(layout.keys))
    if not len(samples.at):
        return None
    return sums.summed(samples, layout.quantities, longest=holds_ms(stay.period))


class _Near:
    """What was read at the edges: what is inside, the last scan before and the first after."""

    def __init__(self, stay: Stay, head: Columns | None, tail: Columns | None) -> None:
        self.before = None if head is None else _one(head, _place(head, stay.start) - 1)
        self.after = None if tail is None else _one(tail, _place(tail, stay.end))
        self.head = None if head is None else _inside(head, stay)
        self.tail = None if tail is None else _inside(tail, stay)


def _place(rows: Columns, at: int) -> int:
    return int(np.searchsorted(rows.at, at))


def _inside(rows: Columns, stay: Stay) -> Columns:
    return rows.slice(_place(rows, stay.start), _place(rows, stay.end))


def _one(rows: Columns, place: int) -> Samples | None:
    """One scan, where there is such and it is no repeat."""
    if not 0 <= place < len(rows.at):
        return None
    samples = sums.samples_of(rows.slice(place, place + 1), rows.values.shape[1])
    return samples if len(samples.at) else None


def _of(layout: Layout, pieces: Sequence[tuple[Layout, Columns]]) -> Columns | None:
    """The rows, if all are of this layout."""
    pieces = [(each, rows) for each, rows in pieces if len(rows.at)]
    if any(each != layout for each, _ in pieces):
        raise NotSummable
    return pieces[0][1] if pieces else None


class _Device:
    """The buckets of one device, in the order of time; arrays are (buckets, channels)."""

    def __init__(self, table: Table, day: npt.NDArray[np.int64]) -> None:
        self._table = table
        self._day = day
        # Where one begins before another has ended, late readings lie between.
        met = table["first_at"][1:, 0] <= table["last_at"][:-1, 0]
        self._met = np.concatenate([[False], met]) | np.concatenate([met, [False]])

    def unusable(self, first: int, last: int, longest: int) -> set[int]:
        begin, end = np.searchsorted(self._day, (first, last)).tolist()
        gaps = self._table["longest"][begin:end, 0] > longest
        return set(self._day[begin:end][gaps | self._met[begin:end]].tolist())

    def between(self, first: int, last: int) -> Table | None:
        """The days from ``first`` to before ``last``."""
        begin, end = np.searchsorted(self._day, (first, last)).tolist()
        if begin >= end:
            return None
        return {name: column[begin:end] for name, column in self._table.items()}


class _Days:
    """The buckets of the archive, found by device."""

    def __init__(self, readings: LogReader, stays: Sequence[Stay]) -> None:
        wanted = {stay.device for stay in stays}
        start = min((stay.start for stay in stays), default=0)
        end = max((stay.end for stay in stays), default=0)
        self._places: dict[str, list[_Place]] = defaultdict(list)
        self._made: dict[Layout, _Device] = {}
        for segment in readings.segments():
            if segment.start < end and segment.end >= start:
                self._load(sums.read(readings.seal_of(segment).sums, _COLUMNS), wanted)

    def _load(self, table: Table, wanted: set[str]) -> None:
        whole = np.stack([table[name].astype(np.int64) for name in _WHOLE])
        broken = np.stack([table[name] for name in _BROKEN])
        at = 0
        for device, rows in groupby(table["device"]):
            end = at + sum(1 for _ in rows)
            if device in wanted:
                place = _Place(table["key"][at:end], whole[:, at:end], broken[:, at:end])
                self._places[device].append(place)
            at = end

    def of(self, layout: Layout) -> _Device:
        """The buckets of a device.

        Raises:
            NotSummable: it had another layout for a while.
        """
        if layout not in self._made:
            self._made[layout] = self._make(layout)
        return self._made[layout]

    def _make(self, layout: Layout) -> _Device:
        width = len(layout.keys)
        places = self._places.get(layout.device, [])
        if any(tuple(p.keys) != layout.keys * (len(p.keys) // width) for p in places):
            raise NotSummable
        whole = np.concatenate([_NO_INTEGERS, *(place.whole for place in places)], axis=1)
        broken = np.concatenate([_NO_FLOATS, *(place.broken for place in places)], axis=1)
        whole = whole.reshape(len(_WHOLE), -1, width)
        broken = broken.reshape(len(_BROKEN), -1, width)
        order = np.argsort(whole[_WHOLE.index("first_at"), :, 0], kind="stable")
        table: Table = dict(zip(_WHOLE, whole[:, order], strict=True))
        table |= dict(zip(_BROKEN, broken[:, order], strict=True))
        return _Device(table, table.pop("day")[:, 0])


class _Place(NamedTuple):
    """Rows of one device in the sums of a segment: keys, and columns of both kinds."""

    keys: list[str]
    whole: npt.NDArray[np.int64]
    broken: npt.NDArray[np.float64]


_NO_INTEGERS = np.zeros((len(_WHOLE), 0), np.int64)
_NO_FLOATS = np.zeros((len(_BROKEN), 0))


def _stacked(found: Sequence[Table], width: int) -> Table:
    """Buckets one after the other, in the order of time."""
    if not found:
        return {name: np.zeros((0, width)) for name in _NAMES}
    table: Table = {name: np.concatenate([each[name] for each in found]) for name in _NAMES}
    order = np.argsort(table["first_at"][:, 0], kind="stable")
    if (order[1:] < order[:-1]).any():
        table = {name: column[order] for name, column in table.items()}
    return table


class _Holds(NamedTuple):
    """The last samples of elements, and for how long each holds in the stay (0: not at all)."""

    values: npt.NDArray[np.float64]
    weight: npt.NDArray[np.int64]


def _holds(stay: Stay, table: Table, near: _Near) -> _Holds:
    """What lies between elements, before the first and after the last."""
    # Of a stay without any reading the columns are empty and of no kind.
    first, last = table["first_at"].astype(np.int64), table["last_at"].astype(np.int64)
    good, values = table["last_good"].astype(bool), table["last_value"]
    width = last.shape[1]
    if near.before is not None:
        last = np.concatenate([np.full((1, width), near.before.at[-1]), last])
        good = np.concatenate([near.before.good[-1:], good])
        values = np.concatenate([near.before.values[-1:], values])
        first = np.concatenate([np.full((1, width), near.before.at[-1]), first])
    if not len(last):
        return _Holds(np.zeros((0, width)), np.zeros((0, width), np.int64))
    beyond = np.iinfo(np.int64).max if near.after is None else int(near.after.at[0])
    following = np.concatenate([first[1:], np.full((1, width), beyond)])
    # "2 * gap <= 3 * period", written so that it does not overflow where nothing follows.
    joined = following - last <= holds_ms(stay.period)
    until = np.where(joined, following, last + stay.period)
    weight = np.minimum(until, stay.end) - np.maximum(last, stay.start)
    return _Holds(np.where(good, values, 0.0), np.where(good & (weight > 0), weight, 0))


def _totals(stay: Stay, layout: Layout, table: Table, near: _Near) -> dict[str, Total]:
    holds = _holds(stay, table, near)
    held = len(holds.weight)
    start = np.zeros(1, np.intp)
    parts = sums.limbs(holds.values, holds.weight, start) if held else None
    warm = sums.heat(holds.values, holds.weight, start, layout.quantities) if held else None
    length = stay.end - stay.start
    made = {}
    for n, key in enumerate(layout.keys):
        known = int(table["known_ms"][:, n].sum()) + int(holds.weight[:, n].sum())
        weighed = holds.values[:, n][holds.weight[:, n] > 0]
        low = min(table["minimum"][:, n].min(initial=inf), weighed.min(initial=inf))
        high = max(table["maximum"][:, n].max(initial=-inf), weighed.max(initial=-inf))
        received, good = int(table["received"][:, n].sum()), int(table["judged"][:, n].sum())
        made[key] = Total(
            expected=length // stay.period,
            received=received,
            good=good,
            rejected=received - good,
            backfilled=int(table["backfilled"][:, n].sum()),
            known_ms=known,
            unknown_ms=length - known,
            minimum=float(low) if known else None,
            mean=_mean(_sum(table, n) + (_sum(parts, n) if parts else 0), known, (low, high)),
            maximum=float(high) if known else None,
            kinetic=_kinetic(table, warm, n, known)
            if layout.quantities[n] == "temperature"
            else None,
        )
    return made


def _sum(table: Table, n: int) -> int:
    """Values times milliseconds, in 2^-60 units."""
    high, middle, low = (
        sum(map(int, table[name][:, n].tolist())) for name in ("high", "middle", "low")
    )
    return (high << 2 * sums.LIMB_BITS) + (middle << sums.LIMB_BITS) + low


def _mean(total: int, known: int, edges: tuple[float, float]) -> float | None:
    if not known:
        return None
    return float(min(max(total / known / GRAIN, edges[0]), edges[1]))


def _kinetic(table: Table, warm: Table | None, n: int, known: int) -> float | None:
    if not known:
        return None
    peaks = [
        *table["heat_peak"][:, n].tolist(),
        *(warm["heat_peak"][:, n].tolist() if warm else ()),
    ]
    parts = [*table["heat"][:, n].tolist(), *(warm["heat"][:, n].tolist() if warm else ())]
    peak = max(peaks)
    if not np.isfinite(peak):
        raise NotSummable
    total = float(np.dot(parts, np.exp(np.array(peaks) - peak)))
    return float(DEFAULT_THETA / -(peak + log(total / known)) - _ZERO_C)
