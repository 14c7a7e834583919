"""What a culture was exposed to: counts, coverage, mean, mean kinetic temperature, limits.

A good sample holds until the next sample, whatever that one's quality is. When the next one
comes later than 1.5 periods, or not at all, the sample holds for one period and the rest is a
gap; the period of a sample from a logger's file is that logger's, and that meanwhile the device
itself did not answer says nothing about it. Gaps carry no weight, and nothing is said about the
values in them: time is spent in limits, out of limits, or unknown.
Edges are compared in whole milliseconds and milli-units.

What a sensor says while it is in calibration is counted apart and is no value; no sample holds
into a calibration or beyond it. With a guard band a value in limits that is nearer to one than the
uncertainty of its sensor, or of which no certificate tells the uncertainty, is neither in nor out.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from math import floor, inf, isfinite
from operator import sub
from typing import NamedTuple

import msgspec

from batches.calibration import Marks
from batches.excursion import Excursion, Held, Limits, Watch, in_milli
from batches.guard_band import GuardBand
from batches.holding import holds_ms
from batches.kinetic import CRYOGENIC_C, DELTA_H, KineticMean
from batches.logged import Intake, file_of
from batches.placement import Interval
from batches.policy import Judged, Policy, Verdict, judge, verdict
from batches.weighing import Weighing

_UNMARKED = Marks()


class Above(msgspec.Struct, frozen=True, kw_only=True):
    """How long a value was above ``threshold`` (stored unit), in milliseconds."""

    threshold: float
    ms: int


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of one channel over one interval. Times in ms, values in the stored unit.

    ``received`` samples are ``good``, ``rejected`` or taken ``in_calibration``; ``backfilled`` of
    them came late. ``calibration_ms`` of ``unknown_ms`` the sensor was in calibration. ``mean``
    and ``deviation`` (of the whole population) are weighted by time. ``kinetic`` is the mean
    kinetic temperature in °C, of temperature channels only, and ``above`` what they were above.
    ``in_ms``, ``out_ms``, ``unsure_ms`` and ``verdict`` are None when there are no limits;
    ``unsure_ms`` were in the guard band. ``judged`` says of each excursion what it is by
    ``policy``.
    """

    start: int
    end: int
    period: int
    expected: int
    received: int
    good: int
    rejected: int
    in_calibration: int
    backfilled: int
    known_ms: int
    unknown_ms: int
    calibration_ms: int
    in_ms: int | None
    out_ms: int | None
    unsure_ms: int | None
    minimum: float | None
    mean: float | None
    maximum: float | None
    deviation: float | None
    kinetic: float | None
    above: tuple[Above, ...]
    policy: Policy
    verdict: Verdict | None
    judged: tuple[Judged, ...]
    gaps: tuple[Interval, ...]

    @property
    def limits(self) -> Limits:
        """The limits of the policy."""
        return self.policy.limits

    @property
    def excursions(self) -> tuple[Excursion, ...]:
        """Every excursion, allowed or not, in the order of time."""
        return tuple(each.excursion for each in self.judged)

    @property
    def coverage(self) -> float:
        """Percent of the time about which something is known; never rounded up."""
        length = self.end - self.start
        return floor(self.known_ms * 10_000 / length) / 100 if length else 0.0

    @property
    def kinetic_only_informs(self) -> bool:
        """Whether it was so cold that the mean kinetic temperature decides nothing."""
        return self.kinetic is not None and self.kinetic < CRYOGENIC_C


class Course(NamedTuple):
    """Samples can go on from one to the next if they are like this (``Meter.go_on``).

    In milli-units ``low`` and ``high`` are the limits; ``joined`` is the longest step, in ms,
    ``end`` when the interval ends, ``apart`` are the times in calibration, and ``logged`` what
    came from loggers' files: those samples go one by one.
    """

    low: float
    high: float
    joined: int
    end: int
    apart: tuple[Interval, ...]
    logged: tuple[Intake, ...]


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
        policy: Policy | None = None,
        kinetic: bool = False,
        delta_h: float = DELTA_H,
        above: Sequence[float] = (),
        marks: Marks = _UNMARKED,
        exact: bool = False,
    ) -> None:
        """Measure ``[start, end)``; times and ``period`` (above 0) in milliseconds.

        ``above`` are values, and how long the channel was above each is summed up. ``marks`` say
        when the sensor was in calibration, how uncertain it was, and what a logger's file brought.
        ``exact`` values are held against the limits as they are: no device made them of its own
        digits.
        """
        if end < start or period <= 0:
            raise ValueError(f"no interval from {start} to {end} with a period of {period} ms")
        self._start, self._end, self._period = start, end, period
        self._logged, self._of_file = marks.logged, False
        self._every = period
        self._policy = policy or Policy()
        self._watch = Watch(self._policy.limits)
        self._in_milli = self._policy.limits.milli if exact else in_milli
        self._band = GuardBand(self._policy, marks.guards)
        self._apart = marks.apart
        self._weighing = Weighing(KineticMean(delta_h) if kinetic else None)
        self._above = [(value, in_milli(value)) for value in above]
        self._above_ms = [0] * len(above)
        self._coldest = min((edge for _, edge in self._above), default=inf)
        self._at: int | None = None
        self._newest: int | None = None
        self._value: float | None = None
        self._milli = 0
        self._lasts: int | None = None
        self._received = self._good = self._backfilled = self._calibrating = 0
        self._known = 0
        self._known_until = start
        self._gaps: list[Interval] = []

    def feed(
        self,
        at: int,
        value: float | None,
        *,
        backfilled: bool = False,
        calibrating: bool = False,
        lasts: int | None = None,
    ) -> None:
        """The next sample; ``value`` is None when it is not good.

        ``calibrating`` says that it carries that mark itself. Of two samples at one instant the
        first good one counts. With ``lasts`` (milliseconds)
        the sample says itself how long it holds, at most until the next one, and that is its
        weight in the means.

        Raises:
            ValueError: it is earlier than the one before, or not a finite number.
        """
        if value is not None and not isfinite(value):
            raise ValueError(f"{value} at {at} is not a measurement")
        if self._newest is not None and at < self._newest:
            raise ValueError(f"a sample at {at} came after one at {self._newest}")
        self._newest = at
        if self._apart and any(one.start <= at < one.end for one in self._apart):
            value, calibrating = None, True
        doubled = at == self._at and self._value is not None
        if self._start <= at < self._end:
            self._received += 1
            self._calibrating += calibrating
            self._good += value is not None and not doubled
            self._backfilled += backfilled
        file = file_of(at, self._logged) if backfilled else None
        # What a logger measured goes on while the device beside it does not answer.
        beside = value is None and file is None and self._of_file and not calibrating
        if not doubled and not beside:
            milli = 0 if value is None else self._in_milli(value)
            self._hold_until(at, None if value is None else milli)
            self._at, self._value, self._milli, self._lasts = at, value, milli, lasts
            self._of_file, self._every = file is not None, file.period if file else self._period

    @property
    def course(self) -> Course:
        """What samples must be so that they can go on at once."""
        watch = self._watch
        joined = holds_ms(self._period)
        return Course(watch.low, watch.high, joined, self._end, self._apart, self._logged)

    @property
    def at(self) -> int | None:
        """When the last sample was."""
        return self._newest

    @property
    def settled(self) -> bool:
        """Whether the last sample is good and in limits, and all is known up to it.

        One from a logger's file never is.
        """
        return (
            self._value is not None
            and self._lasts is None
            and not self._of_file
            and self._at == self._known_until
            and self._watch.low <= self._milli <= self._watch.high
        )

    def go_on(self, at: Sequence[int], values: Sequence[float], *, backfilled: int = 0) -> None:
        """Take at once what nearly all samples are: in time, good and in limits.

        It comes to what ``feed`` comes to, one by one. The meter is ``settled``, and each sample
        later than the one before by no more than ``course.joined``, before its end, in its limits,
        and neither in a calibration nor with one since the sample before. ``backfilled`` of them
        came late.
        """
        last, held = self._at or 0, self._value or 0.0
        lengths = list(map(sub, at, chain((last,), at)))
        found = self._weighing.take_all(list(chain((held,), values[:-1])), lengths)
        if self._coldest < inf:
            for value, length in found.items():
                self._count_above(in_milli(value), length)
        if self._policy.guard_band:
            for value, start, end in zip(
                chain((held,), values), chain((last,), at), at, strict=False
            ):
                self._band.take(in_milli(value), start, end)
        self._known += at[-1] - last
        self._known_until = self._at = self._newest = at[-1]
        self._value, self._milli = values[-1], self._in_milli(values[-1])
        self._received += len(at)
        self._good += len(at)
        self._backfilled += backfilled

    def result(self) -> Exposure:
        """The summary; nothing may be fed afterwards."""
        self._hold_until(None, None)
        self._know(self._end, self._end)
        weighed = self._weighing.result()
        self._watch.close()
        length, known, policy = self._end - self._start, self._known, self._policy
        given, out, unsure = policy.limits.given, self._watch.out_ms, self._band.unsure_ms
        judged = judge(policy, self._watch.found, self._gaps)
        return Exposure(
            start=self._start,
            end=self._end,
            period=self._period,
            expected=length // self._period,
            received=self._received,
            good=self._good,
            rejected=self._received - self._good - self._calibrating,
            in_calibration=self._calibrating,
            backfilled=self._backfilled,
            known_ms=known,
            unknown_ms=length - known,
            calibration_ms=self._calibration_ms(),
            in_ms=known - out - unsure if given else None,
            out_ms=out if given else None,
            unsure_ms=unsure if given else None,
            minimum=weighed.minimum,
            mean=weighed.mean,
            maximum=weighed.maximum,
            deviation=weighed.deviation,
            kinetic=weighed.kinetic,
            above=tuple(
                Above(threshold=value, ms=ms)
                for (value, _), ms in zip(self._above, self._above_ms, strict=True)
            ),
            policy=policy,
            verdict=verdict(policy, judged, known_ms=known - unsure, length_ms=length),
            judged=judged,
            gaps=tuple(self._gaps),
        )

    def _hold_until(self, following: int | None, next_milli: int | None) -> None:
        """Account for the last sample, now that the one after it is known."""
        at, value = self._at, self._value
        if at is None or value is None:
            return
        until, joined = self._reach(at, following)
        for one in self._apart:
            if at < one.start < until:
                # The line does not go on into a calibration either.
                until, joined = one.start, False
        start, end = max(at, self._start), min(until, self._end)
        if start >= end:
            return
        if start == self._known_until:
            self._known += end - start
            self._known_until = end
        else:
            self._know(start, end)
        self._weighing.take(value, end - start if self._lasts is None else self._lasts)
        milli = self._milli
        ahead = next_milli if joined and next_milli is not None else milli
        if self._watch.minds(milli, ahead):
            self._watch.take(Held(at, value, milli, start, end, until, ahead))
        self._band.take(milli, start, end)
        self._count_above(milli, end - start)

    def _count_above(self, milli: int, length: int) -> None:
        if milli <= self._coldest:
            return
        for n, (_, threshold) in enumerate(self._above):
            if milli > threshold:
                self._above_ms[n] += length

    def _reach(self, at: int, following: int | None) -> tuple[int, bool]:
        """Until when the sample at ``at`` holds, and whether that is the next one."""
        if self._lasts is not None:
            until = at + self._lasts
            joined = following is not None and following <= until
        else:
            until = at + self._every
            joined = following is not None and following - at <= holds_ms(self._every)
        return (following, True) if joined and following is not None else (until, False)

    def _know(self, start: int, end: int) -> None:
        if start > self._known_until:
            self._gaps.append(Interval(self._known_until, start))
        self._known += end - start
        self._known_until = end

    def _calibration_ms(self) -> int:
        inside = ((max(one.start, self._start), min(one.end, self._end)) for one in self._apart)
        return sum(max(0, end - start) for start, end in inside)


def measure(
    samples: Iterable[tuple[int, float | None]],
    *,
    start: int,
    end: int,
    period: int,
    policy: Policy | None = None,
    kinetic: bool = False,
    delta_h: float = DELTA_H,
    above: Sequence[float] = (),
    marks: Marks = _UNMARKED,
) -> Exposure:
    """``Meter`` over ``samples`` (epoch ms, value or None), which are in the order of time."""
    meter = Meter(
        start=start,
        end=end,
        period=period,
        policy=policy,
        kinetic=kinetic,
        delta_h=delta_h,
        above=above,
        marks=marks,
    )
    for at, value in samples:
        meter.feed(at, value)
    return meter.result()
