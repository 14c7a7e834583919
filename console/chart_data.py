"""What a device said over any span, as at most some hundred buckets a channel: for charts.

Spans of weeks are read as they were said, longer ones from the sums of sealed days
(``storage.archive.sums``): a year then costs a day's reading. InfluxDB is not asked.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from console.coverage import Grid, Truths, held, held_of_day, is_unknown
from console.sight import BlindError
from storage.archive import sums
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader, Segment
from storage.archive.seal import ENTRIES, SUMS, ArchiveError
from storage.journal import JournalError

log = logging.getLogger(__name__)

COUNT = 360
"""Buckets of a chart at most: more than a phone has room for."""
SAMPLES_A_BUCKET = 2
LONG_MS = 21 * DAY_MS
"""Beyond it a chart shows whole days (UTC)."""
_SEGMENTS = 4_000
_YEAR = 367
_NUMBERS = (
    *("day", "minimum", "maximum", "known_ms", "judged", "longest"),
    *("high", "middle", "low"),
)
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Buckets(NamedTuple):
    """A channel from ``start`` (epoch ms), a bucket each ``width`` ms; NaN where nothing is known.

    Values are in the stored unit. ``known`` is which share of its time is known of each (0 to 1).
    """

    start: int
    width: int
    low: Floats
    mean: Floats
    high: Floats
    known: Floats

    @property
    def end(self) -> int:
        """Just after the last bucket, epoch ms."""
        return self.start + self.width * len(self.mean)

    @property
    def unknown(self) -> Truths:
        """Which buckets are not known, or not enough of their time."""
        return is_unknown(self.known) | np.isnan(self.mean)


class _Day(NamedTuple):
    """``weighed`` by ``weight`` is the mean; ``held`` is of how many ms a value is known."""

    low: float
    high: float
    weighed: float
    weight: int
    held: int


class _Table(NamedTuple):
    """The sums of a segment: the rows of each device, and a column for each of ``_NUMBERS``."""

    rows: dict[str, list[int]]
    keys: list[str]
    numbers: Floats


class ChartData:
    """Reads the log of a folder of data in a thread of its own, one question at a time."""

    def __init__(self, data: Path) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="charts")
        self._log = LogReader(data)
        self._sums = lru_cache(maxsize=_SEGMENTS)(_read_sums)
        self._closed = False
        self.reads_ahead = False

    def warm(self) -> None:
        """Read the sums of the last year ahead, a day at a time between what people ask.

        What is sealed never changes: it is read once while the console runs.
        """
        self.reads_ahead = True
        self.thread.submit(self._ahead, None)

    def _ahead(self, left: list[Segment] | None) -> None:
        """Read one, and come back for the next behind whoever waits."""
        try:
            if left is None:
                left = self._log.segments()[-_YEAR:]
            elif left:
                self._sums(sums_of(left.pop()))
        except (JournalError, ArchiveError) as error:
            # Whoever opens a chart over it is told.
            log.warning("charts are not read ahead: %s", error)
            left = []
        self.reads_ahead = bool(left) and not self._closed
        if self.reads_ahead:
            with suppress(RuntimeError):
                # The console ends: its thread takes nothing more.
                self.thread.submit(self._ahead, left)

    def close(self) -> None:
        """Let go of the files, once what is asked is answered."""
        self._closed = True
        self.thread.submit(self._log.close)
        self.thread.shutdown(wait=False)

    def read(self, device: str, start: int, end: int, *, period: int) -> dict[str, Buckets]:
        """The channels of ``device`` in [``start``, ``end``), epoch ms, by key.

        ``period`` is how far apart its scans should be, ms.

        Raises:
            BlindError: the log cannot be read.
        """
        try:
            if end - start > LONG_MS:
                return self._days(device, start, end, period)
            return self._samples(device, start, end, period)
        except (JournalError, ArchiveError) as error:
            raise BlindError(str(error)) from error

    def _samples(self, device: str, start: int, end: int, period: int) -> dict[str, Buckets]:
        found: dict[str, Buckets] = {}
        for layout, rows in self._log.columns(device, start, end):
            samples = sums.samples_of(rows, len(layout.keys))
            for n, key in enumerate(layout.keys):
                values, good = samples.values[:, n], samples.good[:, n]
                made = bucketed(samples.at, values, good, (start, end), period)
                found[key] = joined(found[key], made) if key in found else made
        return found

    def _days(self, device: str, start: int, end: int, period: int) -> dict[str, Buckets]:
        first, last = start // DAY_MS, -(-end // DAY_MS)
        days: dict[str, dict[int, _Day]] = {}
        sealed = first
        for segment in self._log.segments():
            if segment.start >= end or segment.end < start:
                continue
            for key, day, one in _said(self._sums(sums_of(segment)), device, period):
                held = days.setdefault(key, {})
                held[day] = _together(held[day], one) if day in held else one
                sealed = max(sealed, day + 1)
        rest = Grid(sealed * DAY_MS, DAY_MS, max(0, last - sealed), end)
        for layout, rows in self._log.columns(device, rest.start, end):
            samples = sums.samples_of(rows, len(layout.keys))
            for n, key in enumerate(layout.keys):
                held = days.setdefault(key, {})
                for day, one in _daily(samples, n, rest, period):
                    held[day] = _together(held[day], one) if day in held else one
        whole = Grid(first * DAY_MS, DAY_MS, last - first, end)
        return {key: _of_days(held, whole) for key, held in days.items()}


def bucketed(
    at: Integers, values: Floats, good: Truths, span: tuple[int, int], period: int
) -> Buckets:
    """Samples in the order of time as buckets, wide enough that each should hold some.

    Those that are not ``good`` say that nothing is known; ``period`` is how far apart samples
    should be, ms.
    """
    start, end = span
    sound, values = at[good], values[good]
    apart = float(np.median(np.diff(sound))) if len(sound) > 1 else float(end - start)
    # A device that fell silent, or is new, must not make the others' buckets wider.
    count = int(np.clip((end - start) / (SAMPLES_A_BUCKET * max(apart, 1.0)), 1, COUNT))
    grid = Grid(start, -(-(end - start) // count), count, end)
    low, mean, high = (np.full(count, np.nan) for _ in range(3))
    if len(sound):
        places = (sound - start) // grid.width
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        kept = places[begins]
        low[kept] = np.minimum.reduceat(values, begins)
        high[kept] = np.maximum.reduceat(values, begins)
        sizes = np.diff(np.append(begins, len(sound)))
        mean[kept] = np.add.reduceat(values, begins) / sizes
    known = _share(held(at, good, grid, period), grid)
    return Buckets(start, grid.width, low, mean, high, known)


def _share(known_ms: Integers, grid: Grid) -> Floats:
    """Which share is known of what could be; NaN where nothing was due yet."""
    due = grid.due()
    share: Floats = np.full(grid.size, np.nan)
    share[due > 0] = np.minimum(known_ms[due > 0] / due[due > 0], 1.0)
    return share


def joined(one: Buckets, other: Buckets) -> Buckets:
    """Both, of two layouts that a device had one after the other, in the wider buckets."""
    fine, coarse = (one, other) if len(one.mean) >= len(other.mean) else (other, one)
    low, mean, high, share = (
        part.copy() for part in (coarse.low, coarse.mean, coarse.high, coarse.known)
    )
    for n in np.flatnonzero(~np.isnan(fine.mean)).tolist():
        place = n * fine.width // coarse.width
        low[place] = np.fmin(low[place], fine.low[n])
        high[place] = np.fmax(high[place], fine.high[n])
        if np.isnan(mean[place]):
            mean[place] = fine.mean[n]
    for n in np.flatnonzero(fine.known > 0).tolist():
        place = n * fine.width // coarse.width
        share[place] = min(1.0, share[place] + fine.known[n] * fine.width / coarse.width)
    return Buckets(coarse.start, coarse.width, low, mean, high, share)


def sums_of(segment: Segment) -> Path:
    """Where the sums of a segment stand."""
    name = segment.entries.name.removesuffix(ENTRIES)
    return segment.entries.with_name(f"{name}{SUMS}")


def _read_sums(path: Path) -> _Table:
    found = sums.read(path, ("device", "key", *_NUMBERS))
    rows: dict[str, list[int]] = {}
    for n, device in enumerate(found["device"]):
        rows.setdefault(device, []).append(n)
    return _Table(rows, found["key"], np.stack([found[name] for name in _NUMBERS], axis=1))


def _said(table: _Table, device: str, period: int) -> Iterator[tuple[str, int, _Day]]:
    """What one device said: key, day and what it sums up to."""
    rows = table.rows.get(device, [])
    for n, numbers in zip(rows, table.numbers[rows].tolist(), strict=True):
        day, low, high, known, judged, longest, *parts = numbers
        if known > 0:
            # Sums are in units of 2^-10, 2^-35 and 2^-60 of the value, times milliseconds.
            weighed = parts[0] * 2.0**-10 + parts[1] * 2.0**-35 + parts[2] * 2.0**-60
            held_ms = held_of_day(int(known), int(judged), int(longest), period)
            yield table.keys[n], int(day), _Day(low, high, weighed, int(known), held_ms)


def _daily(
    samples: sums.Samples, channel: int, grid: Grid, period: int
) -> Iterator[tuple[int, _Day]]:
    good = samples.good[:, channel]
    at, values = samples.at[good], samples.values[good, channel]
    if not len(at):
        return
    held_ms = held(samples.at, good, grid, period)
    day = at // DAY_MS
    begins = np.flatnonzero(np.diff(day, prepend=day[0] - 1)).tolist()
    for begin, end in zip(begins, [*begins[1:], len(at)], strict=True):
        part, number = values[begin:end], int(day[begin])
        place = number - grid.start // DAY_MS
        # Of what is not sealed yet each sample counts alike.
        yield (
            number,
            _Day(
                float(part.min()),
                float(part.max()),
                float(part.sum()),
                len(part),
                int(held_ms[place]),
            ),
        )


def _together(one: _Day, other: _Day) -> _Day:
    return _Day(
        min(one.low, other.low),
        max(one.high, other.high),
        one.weighed + other.weighed,
        one.weight + other.weight,
        one.held + other.held,
    )


def _of_days(found: dict[int, _Day], grid: Grid) -> Buckets:
    low, mean, high = (np.full(grid.size, np.nan) for _ in range(3))
    held_ms = np.zeros(grid.size, np.int64)
    first = grid.start // DAY_MS
    for day, one in found.items():
        if 0 <= day - first < grid.size:
            low[day - first], high[day - first] = one.low, one.high
            mean[day - first] = one.weighed / one.weight
            held_ms[day - first] = one.held
    return Buckets(grid.start, DAY_MS, low, mean, high, _share(held_ms, grid))
