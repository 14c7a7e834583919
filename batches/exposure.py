"""What a culture was exposed to: counts, coverage, mean, mean kinetic temperature, limits.

A good sample holds until the next sample, whatever that one's quality is. When the next one
comes later than 1.5 periods, or not at all, the sample holds for one period and the rest is a
gap. Gaps carry no weight, and nothing is said about the values in them: time is spent in
limits, out of limits, or unknown. Edges are compared in whole milliseconds and milli-units.
"""

from collections.abc import Iterable
from enum import StrEnum
from math import exp, floor, inf, isfinite, log

import msgspec

from batches.placement import Interval

DELTA_H = 83.144
"""Activation energy in kJ/mol that USP <1160> takes where none is known for the product."""
DEFAULT_THETA = 10_000.0
"""Its quotient by the gas constant, in kelvin: by that convention, a round number."""
GAS_CONSTANT = 8.314472e-3
"""kJ/(mol K), CODATA 2006: for any other activation energy; the worked cases are made with it."""
_ZERO_C = 273.15
# Products of a value and milliseconds are summed as whole numbers of 2^-60 units, so that the
# order of samples and the splitting of intervals cannot change the last digit of a mean.
_GRAIN = 2.0**60


class Verdict(StrEnum):
    """Whether a channel stayed inside its limits; a gap is never "in"."""

    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """In limits means ``low <= value <= high``, in the stored unit; None does not limit."""

    low: float | None = None
    high: float | None = None

    @property
    def given(self) -> bool:
        """Whether there is a limit at all."""
        return self.low is not None or self.high is not None


class Excursion(msgspec.Struct, frozen=True, kw_only=True):
    """Unbroken time outside a limit.

    ``side`` is ``low`` or ``high``, ``worst`` the value furthest out, ``area`` the excess times
    its duration, in units times seconds. Times are epoch milliseconds, UTC.
    """

    start: int
    end: int
    side: str
    worst: float
    area: float

    @property
    def length(self) -> int:
        """Milliseconds."""
        return self.end - self.start

    def raised(self, delay_ms: int) -> int | None:
        """When an alarm with this on-delay is due; None when it ended before."""
        return self.start + delay_ms if self.length > delay_ms else None


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of one channel over one interval. Times in ms, values in the stored unit.

    ``received`` samples are ``good`` or ``rejected``; ``backfilled`` of them came late.
    ``kinetic`` is the mean kinetic temperature in °C, of temperature channels only.
    ``in_ms``, ``out_ms`` and ``verdict`` are None when there are no limits.
    """

    start: int
    end: int
    period: int
    expected: int
    received: int
    good: int
    rejected: int
    backfilled: int
    known_ms: int
    unknown_ms: int
    in_ms: int | None
    out_ms: int | None
    minimum: float | None
    mean: float | None
    maximum: float | None
    kinetic: float | None
    limits: Limits
    verdict: Verdict | None
    excursions: tuple[Excursion, ...]
    gaps: tuple[Interval, ...]

    @property
    def coverage(self) -> float:
        """Percent of the time about which something is known; never rounded up."""
        length = self.end - self.start
        return floor(self.known_ms * 10_000 / length) / 100 if length else 0.0


class Meter:
    """Takes the samples of one channel in the order of time and sums them up as they come.

    Samples before ``start`` and after ``end`` may be fed: the last one before holds into the
    interval, and the first one after tells how long the last one inside held.
    """

    def __init__(
        self,
        *,
        start: int,
        end: int,
        period: int,
        limits: Limits | None = None,
        kinetic: bool = False,
        delta_h: float = DELTA_H,
    ) -> None:
        """Measure ``[start, end)``; times and ``period`` (above 0) in milliseconds."""
        if end < start or period <= 0:
            raise ValueError(f"no interval from {start} to {end} with a period of {period} ms")
        self._start, self._end, self._period = start, end, period
        self._limits = limits or Limits()
        self._low, self._high = _milli(self._limits.low), _milli(self._limits.high)
        self._heat = KineticMean(delta_h) if kinetic else None
        self._at: int | None = None
        self._value: float | None = None
        self._received = self._good = self._backfilled = 0
        self._known = self._out = self._sum = 0
        self._minimum, self._maximum = inf, -inf
        self._known_until = start
        self._gaps: list[Interval] = []
        self._outside: _Outside | None = None
        self._excursions: list[Excursion] = []

    def feed(self, at: int, value: float | None, *, backfilled: bool = False) -> None:
        """The next sample; ``value`` is None when it is not good.

        Of two samples at one instant the first good one counts.

        Raises:
            ValueError: it is earlier than the one before, or not a finite number.
        """
        if value is not None and not isfinite(value):
            raise ValueError(f"{value} at {at} is not a measurement")
        if self._at is not None and at < self._at:
            raise ValueError(f"a sample at {at} came after one at {self._at}")
        doubled = at == self._at and self._value is not None
        if self._start <= at < self._end:
            self._received += 1
            self._good += value is not None and not doubled
            self._backfilled += backfilled
        if not doubled:
            self._hold_until(at)
            self._at, self._value = at, value

    def result(self) -> Exposure:
        """The summary; nothing may be fed afterwards."""
        self._hold_until(None)
        self._know(self._end, self._end)
        self._close_excursion()
        length, known = self._end - self._start, self._known
        limits = self._limits
        return Exposure(
            start=self._start,
            end=self._end,
            period=self._period,
            expected=length // self._period,
            received=self._received,
            good=self._good,
            rejected=self._received - self._good,
            backfilled=self._backfilled,
            known_ms=known,
            unknown_ms=length - known,
            in_ms=known - self._out if limits.given else None,
            out_ms=self._out if limits.given else None,
            minimum=self._minimum if known else None,
            mean=self._mean(),
            maximum=self._maximum if known else None,
            kinetic=self._heat.celsius() if known and self._heat else None,
            limits=limits,
            verdict=self._verdict() if limits.given else None,
            excursions=tuple(self._excursions),
            gaps=tuple(self._gaps),
        )

    def _hold_until(self, following: int | None) -> None:
        """Account for the last sample, now that the one after it is known."""
        at, value = self._at, self._value
        if at is None or value is None:
            return
        until = at + self._period
        if following is not None and 2 * (following - at) <= 3 * self._period:
            until = following
        start, end = max(at, self._start), min(until, self._end)
        if start < end:
            self._know(start, end)
            self._weigh(value, end - start)
            self._judge(value, start, end)

    def _know(self, start: int, end: int) -> None:
        if start > self._known_until:
            self._gaps.append(Interval(self._known_until, start))
        self._known_until = end

    def _weigh(self, value: float, weight: int) -> None:
        self._known += weight
        self._sum += int(value * _GRAIN) * weight
        self._minimum = min(self._minimum, value)
        self._maximum = max(self._maximum, value)
        if self._heat is not None:
            self._heat.add(value, weight)

    def _judge(self, value: float, start: int, end: int) -> None:
        milli = round(value * 1000)
        if self._high is not None and milli > self._high:
            side, excess = "high", milli - self._high
        elif self._low is not None and milli < self._low:
            side, excess = "low", self._low - milli
        else:
            return
        self._out += end - start
        running = self._outside
        if running is None or running.end != start or running.side != side:
            self._close_excursion()
            running = self._outside = _Outside(start, side, value)
        running.extend(end, value, excess * (end - start))

    def _close_excursion(self) -> None:
        if self._outside is not None:
            self._excursions.append(self._outside.excursion())
            self._outside = None

    def _mean(self) -> float | None:
        if not self._known:
            return None
        # The mean of a constant is that constant, whatever the last bits of the division say.
        return min(max(self._sum / self._known / _GRAIN, self._minimum), self._maximum)

    def _verdict(self) -> Verdict:
        if self._out:
            return Verdict.OUT
        whole = self._known == self._end - self._start > 0
        return Verdict.IN if whole else Verdict.UNKNOWN


class _Outside:
    """The excursion that is going on."""

    __slots__ = ("area", "end", "side", "start", "worst")

    def __init__(self, start: int, side: str, worst: float) -> None:
        self.start = self.end = start
        self.side = side
        self.worst = worst
        self.area = 0

    def extend(self, end: int, value: float, milli_ms: int) -> None:
        self.end = end
        self.area += milli_ms
        self.worst = max(self.worst, value) if self.side == "high" else min(self.worst, value)

    def excursion(self) -> Excursion:
        return Excursion(
            start=self.start,
            end=self.end,
            side=self.side,
            worst=self.worst,
            area=self.area / 1_000_000,
        )


class KineticMean:
    """Mean kinetic temperature, summed as logarithms so that no temperature underflows.

    T = (dH/R) / -ln(sum(w exp(-dH/(R T))) / sum(w)), T in kelvin (USP <1160>).
    """

    def __init__(self, delta_h: float = DELTA_H) -> None:
        """Begin with nothing; ``delta_h`` in kJ/mol, above 0."""
        if not delta_h > 0:
            raise ValueError(f"an activation energy of {delta_h} kJ/mol means nothing")
        self._theta = DEFAULT_THETA if delta_h == DELTA_H else delta_h / GAS_CONSTANT
        self._peak = -inf
        self._sum = 0.0
        self._weight = 0
        self._run: tuple[float, int] = (0.0, 0)

    def add(self, celsius: float, weight: int) -> None:
        """``celsius`` for ``weight`` milliseconds, or whatever unit all weights are in.

        Raises:
            ValueError: not a temperature above absolute zero, or a negative weight.
        """
        if not -_ZERO_C < celsius < inf or weight < 0:
            raise ValueError(f"{celsius} degC for {weight} ms is not a temperature and a time")
        value, so_far = self._run
        if value == celsius:
            self._run = (value, so_far + weight)
            return
        self._settle()
        self._run = (celsius, weight)

    def celsius(self) -> float:
        """The mean kinetic temperature.

        Raises:
            ValueError: nothing with a weight was added.
        """
        self._settle()
        if not self._weight:
            raise ValueError("no temperature was added")
        return self._theta / -(self._peak + log(self._sum / self._weight)) - _ZERO_C

    def _settle(self) -> None:
        value, weight = self._run
        self._run = (value, 0)
        if not weight:
            return
        exponent = -self._theta / (value + _ZERO_C)
        if exponent > self._peak:
            self._sum = self._sum * exp(self._peak - exponent) + weight
            self._peak = exponent
        else:
            self._sum += weight * exp(exponent - self._peak)
        self._weight += weight


def measure(
    samples: Iterable[tuple[int, float | None]],
    *,
    start: int,
    end: int,
    period: int,
    limits: Limits | None = None,
    kinetic: bool = False,
    delta_h: float = DELTA_H,
) -> Exposure:
    """``Meter`` over ``samples`` (epoch ms, value or None), which are in the order of time."""
    meter = Meter(
        start=start, end=end, period=period, limits=limits, kinetic=kinetic, delta_h=delta_h
    )
    for at, value in samples:
        meter.feed(at, value)
    return meter.result()


def _milli(limit: float | None) -> int | None:
    return None if limit is None else round(limit * 1000)
