"""Time outside a limit, as the readings hold (sample and hold) and as a line through them.

Sample and hold says the value is that of the last reading; the line goes straight from one
reading to the next. Where the next one came too late to be joined, the line stays level for as
long as the reading holds. Edges are compared in whole milli-units and milliseconds.
"""

from math import inf
from typing import NamedTuple

import msgspec

LOW, HIGH = "low", "high"
_PER_UNIT_SECOND = 1_000_000
"""Milli-units times milliseconds."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """In limits means ``low <= value <= high``, in the stored unit; None does not limit."""

    low: float | None = None
    high: float | None = None

    @property
    def given(self) -> bool:
        """Whether there is a limit at all."""
        return self.low is not None or self.high is not None

    def milli(self, value: float) -> int:
        """``value`` in milli-units; beyond a limit by less than half of one is beyond by one."""
        milli = in_milli(value)
        if self.high is not None and value > self.high:
            return max(milli, in_milli(self.high) + 1)
        if self.low is not None and value < self.low:
            return min(milli, in_milli(self.low) - 1)
        return milli


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """The same excursion by the straight line: when it crossed the limit, and its area.

    Times are rounded outwards to whole milliseconds; ``area`` is in units times seconds.
    """

    start: int
    end: int
    area: float

    @property
    def length(self) -> int:
        """Milliseconds."""
        return self.end - self.start


class Excursion(msgspec.Struct, frozen=True, kw_only=True):
    """Unbroken time outside a limit, by sample and hold.

    ``side`` is ``low`` or ``high``, ``worst`` the value furthest out, ``area`` the excess times
    its duration, in units times seconds; ``line`` is what the straight line gives. Times are
    epoch milliseconds, UTC.
    """

    start: int
    end: int
    side: str
    worst: float
    area: float
    line: Crossing

    @property
    def length(self) -> int:
        """Milliseconds."""
        return self.end - self.start

    def raised(self, delay_ms: int) -> int | None:
        """When an alarm with this on-delay is due; None when it ended before."""
        return self.start + delay_ms if self.length > delay_ms else None


class Held(NamedTuple):
    """A good reading: when it came, what it said, and the part ``[start, end)`` of a stay it held.

    ``milli`` is ``value`` in whole milli-units. The line from it ends at ``next_at`` with
    ``next_milli``: the next good reading, or itself where that is too late to be joined.
    """

    at: int
    value: float
    milli: int
    start: int
    end: int
    next_at: int
    next_milli: int


class Watch:
    """Collects the excursions of one channel; readings come in the order of time."""

    def __init__(self, limits: Limits) -> None:
        """Watch ``limits``; ``low`` and ``high`` are the edges in milli-units."""
        self.low = -inf if limits.low is None else in_milli(limits.low)
        self.high = inf if limits.high is None else in_milli(limits.high)
        self._running: _Outside | None = None
        self._lead: tuple[str, _Piece] | None = None
        self.found: list[Excursion] = []
        self.out_ms = 0

    def minds(self, milli: int, ahead: int) -> bool:
        """Whether a reading, and the line to the next one, has to be taken: most lie within."""
        within = self.low <= milli <= self.high and self.low <= ahead <= self.high
        if within:
            self._lead = None
        return not within

    def take(self, held: Held) -> None:
        """The next reading that matters (``minds``)."""
        side, ahead = self._side(held.milli), self._side(held.next_milli)
        if side is not None:
            self._out(side, held)
        self._lead = None
        if ahead is not None and ahead != side:
            # The line is outside before the next reading; it counts with that one's excursion.
            self._lead = ahead, self._piece(ahead, held)

    def close(self) -> None:
        """Nothing follows."""
        if self._running is not None:
            self.found.append(self._running.excursion())
            self._running = None

    def _out(self, side: str, held: Held) -> None:
        running = self._running
        if running is None or running.end != held.start or running.side != side:
            self.close()
            running = self._running = _Outside(side, held)
            if self._lead is not None and self._lead[0] == side:
                running.add_line(self._lead[1])
        self.out_ms += held.end - held.start
        running.hold(held, self._excess(side, held.milli))
        running.add_line(self._piece(side, held))

    def _side(self, milli: int) -> str | None:
        if milli > self.high:
            return HIGH
        return LOW if milli < self.low else None

    def _excess(self, side: str, milli: int) -> int:
        # Whole, because a side that was left has a limit.
        return int(milli - self.high if side == HIGH else self.low - milli)

    def _piece(self, side: str, held: Held) -> "_Piece":
        return _beyond(held, self._excess(side, held.milli), self._excess(side, held.next_milli))


class _Piece(NamedTuple):
    """Where a part of the line is outside, and its area in milli-units times milliseconds."""

    start: int
    end: int
    area: float


def _beyond(held: Held, first: int, last: int) -> _Piece:
    """The part of the line above 0 that goes from ``first`` to ``last`` milli-units of excess."""
    at, span = held.at, held.next_at - held.at
    start, end = held.start, held.end
    left, right = float(start), float(end)
    if first < 0 < last:
        start = max(start, at + -first * span // (last - first))
        left = max(left, at - first * span / (last - first))
    elif last < 0 < first:
        end = min(end, at - (-first * span // (first - last)))
        right = min(right, at + first * span / (first - last))
    if left >= right:
        return _Piece(min(start, end), min(start, end), 0.0)
    middle = first + (last - first) * ((left + right) / 2 - at) / span
    return _Piece(start, end, middle * (right - left))


class _Outside:
    """The excursion that is going on."""

    __slots__ = ("area", "end", "line_area", "line_end", "line_start", "side", "start", "worst")

    def __init__(self, side: str, held: Held) -> None:
        self.start = self.end = held.start
        self.side = side
        self.worst = held.value
        self.area = 0
        self.line_start: int | None = None
        self.line_end = held.start
        self.line_area = 0.0

    def hold(self, held: Held, excess: int) -> None:
        self.end = held.end
        self.area += excess * (held.end - held.start)
        further = max if self.side == HIGH else min
        self.worst = further(self.worst, held.value)

    def add_line(self, piece: _Piece) -> None:
        if self.line_start is None:
            self.line_start = piece.start
        self.line_end = piece.end
        self.line_area += piece.area

    def excursion(self) -> Excursion:
        start = self.start if self.line_start is None else self.line_start
        line = Crossing(start=start, end=self.line_end, area=self.line_area / _PER_UNIT_SECOND)
        return Excursion(
            start=self.start,
            end=self.end,
            side=self.side,
            worst=self.worst,
            area=self.area / _PER_UNIT_SECOND,
            line=line,
        )


def in_milli(value: float) -> int:
    """``value`` in the thousandths in which limits are compared."""
    return round(value * 1000)
