"""When a device was opened, or filled with liquid nitrogen, while something stood in it.

A device tells so itself, on a channel of quantity ``state`` called ``door``, ``lid`` or
``filling``: 0 is shut, or no fill. What such a channel says holds until it says the next thing, as
a reading does, and nothing is said about the time in which it is silent: an opening that may have
begun before, or gone on after, carries that mark.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
import numpy as np

from batches.calibration import Book
from batches.holding import holds_ms
from batches.placement import Interval
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.archive.columns import Columns, Integers, codes_of, scans_of
from storage.archive.pieces import Piece

_GOOD = int(Quality.GOOD)
_STATE = "state"


class What(StrEnum):
    """What was done to the device."""

    OPENED = "opened"
    FILLED = "filled"


TELLING: Mapping[str, What] = {
    "door": What.OPENED,
    "lid": What.OPENED,
    "filling": What.FILLED,
}
"""The channels that tell, by their keys."""


class Extremes(msgspec.Struct, frozen=True, kw_only=True):
    """The lowest and highest good reading of ``channel``, in its stored unit."""

    channel: str
    unit: str
    minimum: float
    maximum: float


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """The device was opened or filled during ``[start, end)``, as ``channel`` said.

    Times are epoch ms, UTC. Without ``start_known`` it was going on already when the stay began,
    or when something was heard again; without ``end_known`` it went on when the stay ended, or
    when nothing was heard any more. ``meanwhile`` is what the other channels read in that time.
    """

    what: What
    channel: str
    start: int
    end: int
    start_known: bool
    end_known: bool
    meanwhile: tuple[Extremes, ...]

    @property
    def length(self) -> int:
        """For how long, as far as is known; milliseconds."""
        return self.end - self.start


class Measured(Protocol):
    """A channel of the device, as far as it is looked at here."""

    @property
    def key(self) -> str: ...
    @property
    def quantity(self) -> str: ...
    @property
    def unit(self) -> str: ...


def tells(channels: Sequence[Measured], what: What) -> bool:
    """Whether any of ``channels`` would say so."""
    return any(TELLING.get(each.key) is what for each in channels if each.quantity == _STATE)


class Watcher:
    """Sees the scans of a device in the order of time, and notes what was done to it."""

    def __init__(
        self, device: str, span: Interval, *, period: int, channels: Sequence[Measured], book: Book
    ) -> None:
        """Watch over ``span``; what ``book`` says was read in calibration is no value."""
        self._span = span
        self._switches = {
            each.key: _Switch(f"{device}.{each.key}", TELLING[each.key], span, period)
            for each in channels
            if each.quantity == _STATE and each.key in TELLING
        }
        self._gauges = {
            each.key: _Gauge(
                f"{device}.{each.key}",
                each.unit,
                book.apart(f"{device}.{each.key}", span) if self._switches else (),
            )
            for each in channels
            if each.quantity != _STATE
        }
        self._layout: Layout | None = None
        self._telling: list[tuple[int, _Switch]] = []
        self._reading: list[tuple[int, _Gauge]] = []

    def take(self, scan: Scan) -> None:
        """The next scan, inside the span or next to it."""
        if not self._switches or scan.repeat or scan.source is Source.TEST:
            return
        if scan.layout is not self._layout:
            self._know(scan.layout)
        self._hear(scan)

    def take_all(self, piece: Piece) -> None:
        """The next scans, as one by one; of those that go on calmly two are enough."""
        if not self._switches:
            return
        rows = piece.rows
        counts = ~rows.repeat & (rows.source != Source.TEST)
        rows = rows if counts.all() else rows.take(np.flatnonzero(counts))
        for scan in scans_of(rows.take(self._telling_rows(piece.layout, rows)), piece.layout):
            self.take(scan)

    def _telling_rows(self, layout: Layout, rows: Columns) -> Integers:
        """Those that may change something, the first and the last of each calm run among them."""
        if not len(rows.at):
            return np.arange(0)
        columns = [n for n, key in enumerate(layout.keys) if key in self._switches]
        # What another layout told of may go on into these, and be read of.
        others = (e for key, e in self._switches.items() if key not in layout.keys)
        if any(each.is_on(int(rows.at[0])) for each in others):
            return np.arange(len(rows.at))
        calm = (rows.values[:, columns] == 0).all(axis=1)
        codes = codes_of(rows, len(layout.keys))
        if codes is not None:
            calm &= (codes[:, columns] == _GOOD).all(axis=1)
        # Of two at one instant the first counts: it is the one after them that is news.
        calm &= np.diff(rows.at, prepend=rows.at[0]) > 0
        inside = np.zeros(len(calm), np.bool_)
        inside[1:-1] = calm[:-2] & calm[1:-1] & calm[2:]
        return np.flatnonzero(~inside)

    def _hear(self, scan: Scan) -> None:
        for column, switch in self._telling:
            value = scan.values[column]
            good = scan.qualities[column] == _GOOD and value is not None
            switch.hear(scan.at, on=value != 0 if good else None)
        going_on = any(each.on for each in self._switches.values())
        if going_on and self._span.start <= scan.at < self._span.end:
            self._read(scan)

    def result(self) -> tuple[Handling, ...]:
        """All of it, in the order of time; nothing may be taken afterwards."""
        found = [each for switch in self._switches.values() for each in switch.close()]
        return tuple(sorted(found, key=lambda each: (each.start, each.channel)))

    def _know(self, layout: Layout) -> None:
        self._layout = layout
        keys = list(enumerate(layout.keys))
        self._telling = [(n, self._switches[key]) for n, key in keys if key in self._switches]
        self._reading = [(n, self._gauges[key]) for n, key in keys if key in self._gauges]

    def _read(self, scan: Scan) -> None:
        open_ = [switch for switch in self._switches.values() if switch.is_on(scan.at)]
        for column, gauge in self._reading:
            value = scan.values[column]
            if value is None or scan.qualities[column] != _GOOD or gauge.is_apart(scan.at):
                continue
            for switch in open_:
                switch.note(gauge, value)


class _Gauge:
    """A channel that measures, and when its sensor was in calibration."""

    def __init__(self, channel: str, unit: str, apart: Sequence[Interval]) -> None:
        self.channel = channel
        self.unit = unit
        self._apart = apart

    def is_apart(self, at: int) -> bool:
        return any(one.start <= at < one.end for one in self._apart)


class _Switch:
    """What a channel that tells has said, and what that comes to."""

    def __init__(self, channel: str, what: What, span: Interval, period: int) -> None:
        self._channel = channel
        self._what = what
        self._span = span
        self._period = period
        self._holds = holds_ms(period)
        self.on: bool | None = None
        self._at: int | None = None
        self._start = 0
        self._start_known = False
        self._low: dict[str, float] = {}
        self._high: dict[str, float] = {}
        self._units: dict[str, str] = {}
        self._found: list[Handling] = []

    def hear(self, at: int, *, on: bool | None) -> None:
        """It says whether something goes on; None: it says nothing that is good."""
        if at == self._at and self.on is not None:
            # Of two at one instant the first good one counts.
            return
        joined = self._at is not None and at - self._at <= self._holds
        if self.on and not joined:
            self._end((self._at or at) + self._period, known=False)
            self.on = None
        elif self.on and not on:
            self._end(at, known=on is False)
        if on and not self.on:
            self._start, self._start_known = at, joined and self.on is False
            self._low, self._high = {}, {}
        self._at, self.on = at, on

    def is_on(self, at: int) -> bool:
        """Whether something surely goes on at ``at``, which is not before what it said last."""
        return bool(self.on) and at < (self._at or at) + self._period

    def note(self, gauge: _Gauge, value: float) -> None:
        """What another channel reads meanwhile."""
        name = gauge.channel
        self._units[name] = gauge.unit
        self._low[name] = min(value, self._low.get(name, value))
        self._high[name] = max(value, self._high.get(name, value))

    def close(self) -> list[Handling]:
        """What was found, with what still goes on."""
        if self.on and self._at is not None:
            self._end(self._at + self._period, known=False)
        return self._found

    def _end(self, at: int, *, known: bool) -> None:
        start, end = max(self._start, self._span.start), min(at, self._span.end)
        if start >= end:
            return
        self._found.append(
            Handling(
                what=self._what,
                channel=self._channel,
                start=start,
                end=end,
                start_known=self._start_known and self._start >= self._span.start,
                end_known=known and at <= self._span.end,
                meanwhile=tuple(
                    Extremes(
                        channel=name,
                        unit=self._units[name],
                        minimum=low,
                        maximum=self._high[name],
                    )
                    for name, low in self._low.items()
                ),
            )
        )
