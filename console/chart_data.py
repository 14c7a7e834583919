"""What a device said over any span, as at most some hundred buckets a channel: for charts.

Spans of weeks are read as they were said, longer ones from the sums of sealed days
(``storage.archive.sums``): a year then costs a day's reading. InfluxDB is not asked.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
_COLUMNS = ("device", "key", "day", "minimum", "maximum", "known_ms", "high", "middle", "low")
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Buckets(NamedTuple):
    """A channel from ``start`` (epoch ms), a bucket each ``width`` ms; NaN where nothing is known.

    Values are in the stored unit.
    """

    start: int
    width: int
    low: Floats
    mean: Floats
    high: Floats

    @property
    def end(self) -> int:
        """Just after the last bucket, epoch ms."""
        return self.start + self.width * len(self.mean)


class _Day(NamedTuple):
    low: float
    high: float
    weighed: float
    known: int


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

    def read(self, device: str, start: int, end: int) -> dict[str, Buckets]:
        """The channels of ``device`` in [``start``, ``end``), epoch ms, by key.

        Raises:
            BlindError: the log cannot be read.
        """
        try:
            if end - start > LONG_MS:
                return self._days(device, start, end)
            return self._samples(device, start, end)
        except (JournalError, ArchiveError) as error:
            raise BlindError(str(error)) from error

    def _samples(self, device: str, start: int, end: int) -> dict[str, Buckets]:
        found: dict[str, Buckets] = {}
        for layout, rows in self._log.columns(device, start, end):
            samples = sums.samples_of(rows, len(layout.keys))
            for n, key in enumerate(layout.keys):
                good = samples.good[:, n]
                made = bucketed(samples.at[good], samples.values[good, n], start, end)
                found[key] = joined(found[key], made) if key in found else made
        return found

    def _days(self, device: str, start: int, end: int) -> dict[str, Buckets]:
        first, last = start // DAY_MS, -(-end // DAY_MS)
        days: dict[str, dict[int, _Day]] = {}
        sealed = first
        for segment in self._log.segments():
            if segment.start >= end or segment.end < start:
                continue
            table = self._sums(sums_of(segment))
            for key, day, one in table.get(device, ()):
                held = days.setdefault(key, {})
                held[day] = _together(held[day], one) if day in held else one
                sealed = max(sealed, day + 1)
        for layout, rows in self._log.columns(device, sealed * DAY_MS, end):
            samples = sums.samples_of(rows, len(layout.keys))
            for n, key in enumerate(layout.keys):
                good = samples.good[:, n]
                held = days.setdefault(key, {})
                for day, one in _daily(samples.at[good], samples.values[good, n]):
                    held[day] = _together(held[day], one) if day in held else one
        return {key: _of_days(held, first, last) for key, held in days.items()}


def bucketed(at: Integers, values: Floats, start: int, end: int) -> Buckets:
    """Samples in the order of time as buckets, wide enough that each should hold some."""
    apart = float(np.median(np.diff(at))) if len(at) > 1 else float(end - start)
    # A device that fell silent, or is new, must not make the others' buckets wider.
    count = int(np.clip((end - start) / (SAMPLES_A_BUCKET * max(apart, 1.0)), 1, COUNT))
    width = -(-(end - start) // count)
    low, mean, high = (np.full(count, np.nan) for _ in range(3))
    if len(at):
        places = (at - start) // width
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        kept = places[begins]
        low[kept] = np.minimum.reduceat(values, begins)
        high[kept] = np.maximum.reduceat(values, begins)
        sizes = np.diff(np.append(begins, len(at)))
        mean[kept] = np.add.reduceat(values, begins) / sizes
    return Buckets(start, width, low, mean, high)


def joined(one: Buckets, other: Buckets) -> Buckets:
    """Both, of two layouts that a device had one after the other, in the wider buckets."""
    fine, coarse = (one, other) if len(one.mean) >= len(other.mean) else (other, one)
    low, mean, high = (part.copy() for part in (coarse.low, coarse.mean, coarse.high))
    known = np.flatnonzero(~np.isnan(fine.mean))
    for n in known.tolist():
        place = n * fine.width // coarse.width
        low[place] = np.fmin(low[place], fine.low[n])
        high[place] = np.fmax(high[place], fine.high[n])
        if np.isnan(mean[place]):
            mean[place] = fine.mean[n]
    return Buckets(coarse.start, coarse.width, low, mean, high)


def sums_of(segment: Segment) -> Path:
    """Where the sums of a segment stand."""
    name = segment.entries.name.removesuffix(ENTRIES)
    return segment.entries.with_name(f"{name}{SUMS}")


def _read_sums(path: Path) -> dict[str, list[tuple[str, int, _Day]]]:
    table = sums.read(path, _COLUMNS)
    # Sums are in units of 2^-10, 2^-35 and 2^-60 of the value, times milliseconds.
    weighed = table["high"] * 2.0**-10 + table["middle"] * 2.0**-35 + table["low"] * 2.0**-60
    found: dict[str, list[tuple[str, int, _Day]]] = {}
    for device, key, day, low, high, total, known in zip(
        table["device"],
        table["key"],
        table["day"].tolist(),
        table["minimum"].tolist(),
        table["maximum"].tolist(),
        weighed.tolist(),
        table["known_ms"].tolist(),
        strict=True,
    ):
        if known > 0:
            found.setdefault(device, []).append((key, day, _Day(low, high, total, known)))
    return found


def _daily(at: Integers, values: Floats) -> list[tuple[int, _Day]]:
    if not len(at):
        return []
    day = at // DAY_MS
    begins = np.flatnonzero(np.diff(day, prepend=day[0] - 1)).tolist()
    made = []
    for begin, end in zip(begins, [*begins[1:], len(at)], strict=True):
        part = values[begin:end]
        # Of what is not sealed yet each sample counts alike.
        one = _Day(float(part.min()), float(part.max()), float(part.sum()), len(part))
        made.append((int(day[begin]), one))
    return made


def _together(one: _Day, other: _Day) -> _Day:
    return _Day(
        min(one.low, other.low),
        max(one.high, other.high),
        one.weighed + other.weighed,
        one.known + other.known,
    )


def _of_days(held: dict[int, _Day], first: int, last: int) -> Buckets:
    low, mean, high = (np.full(last - first, np.nan) for _ in range(3))
    for day, one in held.items():
        if first <= day < last:
            low[day - first], high[day - first] = one.low, one.high
            mean[day - first] = one.weighed / one.known
    return Buckets(first * DAY_MS, DAY_MS, low, mean, high)
