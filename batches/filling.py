"""Fills of a tank as its level tells of them, also those that nobody entered.

What evaporates makes the level fall and nothing but a fill makes it rise, so a rise beyond the
deadband of the tank's rule of time to its limit is one: the alarm engine begins its course anew by
the same sign. Two readings have to say so; one alone is a spike.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from alerts.rule import Rule
from batches.placement import Interval
from batches.setting import Equipment
from batches.survey import Readings
from devices.quality import Quality
from devices.scan import Source
from storage.archive.columns import codes_of
from storage.archive.pieces import Piece

REST_MS = 3_600_000
"""A level that has not risen for so long is not being filled any more."""
_LEVEL, _KIND, _TELLS = "level", "time-to-limit", "filling"


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """The level ``channel`` rose from ``low`` to ``high`` (in ``unit``) between two readings.

    They were taken at ``start`` and ``end`` (epoch ms, UTC); it may have begun a little before.
    ``told``: the device itself said meanwhile that it was being filled.
    """

    channel: str
    unit: str
    start: int
    end: int
    low: float
    high: float
    told: bool


class Fills(msgspec.Struct, frozen=True, kw_only=True):
    """What the levels of a device say; of ``unjudged`` channels no rule says what a rise is."""

    rises: tuple[Rise, ...] = ()
    unjudged: tuple[str, ...] = ()


def fills(device: Equipment, rules: Sequence[Rule], span: Interval, readings: Readings) -> Fills:
    """The fills of ``device`` that were seen in ``span``.

    Raises:
        storage.waiting.JournalError: the readings cannot be read.
    """
    levels = {each.key: each.unit for each in device.channels if each.quantity == _LEVEL}
    bands = {
        key: rule.deadband
        for key in levels
        for rule in rules
        if rule.kind == _KIND and rule.channel == f"{device.id}.{key}" and rule.deadband > 0
    }
    courses = {key: Course(band) for key, band in bands.items()}
    told: list[int] = []
    if courses:
        for piece in readings.pieces(device.id, span.start, span.end):
            for key, course in courses.items():
                for at, value in _good(piece, key):
                    course.take(at, value)
            told += [at for at, value in _good(piece, _TELLS) if value]
    rises = (
        Rise(
            channel=f"{device.id}.{key}",
            unit=levels[key],
            start=start,
            end=end,
            low=low,
            high=high,
            told=any(start <= at <= end for at in told),
        )
        for key, course in courses.items()
        for start, end, low, high in course.over()
    )
    return Fills(
        rises=tuple(sorted(rises, key=lambda each: (each.start, each.channel))),
        unjudged=tuple(f"{device.id}.{key}" for key in levels if key not in bands),
    )


class Course:
    """Readings of one level in the order of time, and the rises among them."""

    def __init__(self, band: float) -> None:
        """``band`` is by how much more than its lowest a level is that was filled."""
        self._band = band
        self._found: list[tuple[int, int, float, float]] = []
        self._low: float | None = None
        self._before = 0
        self._first: tuple[int, float] | None = None
        self._high: tuple[int, float] | None = None
        self._start = 0

    def take(self, at: int, value: float) -> None:
        """The next good reading."""
        if self._high is not None:
            self._rising(at, value, self._high)
        elif self._low is None or value <= self._low + self._band:
            self._low = value if self._low is None else min(self._low, value)
            self._before, self._first = at, None
        elif self._first is None:
            self._first = at, value
        else:
            self._start = self._before
            self._high = max(self._first, (at, value), key=lambda one: one[1])

    def over(self) -> list[tuple[int, int, float, float]]:
        """Each rise: its last reading before and the highest one, in time and value."""
        self._close()
        return self._found

    def _rising(self, at: int, value: float, high: tuple[int, float]) -> None:
        if value > high[1]:
            self._high = at, value
        elif at - high[0] >= REST_MS or high[1] - value > self._band:
            self._close()
            self._low, self._before = value, at

    def _close(self) -> None:
        if self._high is not None and self._low is not None:
            self._found.append((self._start, self._high[0], self._low, self._high[1]))
        self._high = self._first = None


def _good(piece: Piece, key: str) -> Iterator[tuple[int, float]]:
    """When, and what, of a channel's good readings."""
    keys = piece.layout.keys
    if key not in keys:
        return
    rows, column = piece.rows, keys.index(key)
    counts = ~rows.repeat & (rows.source != Source.TEST)
    codes = codes_of(rows, len(keys))
    if codes is not None:
        counts &= codes[:, column] == Quality.GOOD
    kept = np.flatnonzero(counts)
    yield from zip(rows.at[kept].tolist(), rows.values[kept, column].tolist(), strict=True)
