"""What certificates say of a sensor, and what follows for readings taken with it. Pure.

Values are whole milli-units of the stored unit of the quantity (``devices.units``): 37000 is
37.000 °C. Times are epoch milliseconds, UTC.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from math import ceil, isfinite

import msgspec

from batches.excursion import in_milli
from batches.logged import Intake
from batches.placement import Interval
from batches.sensor import InCalibration, Installation, Sensor, within
from devices.units import stored

FARTHEST = 10**12
"""Milli-units. No quantity is measured in numbers further from zero than this."""
LONGEST_MS = 100 * 366 * 24 * 3_600_000
"""A certificate that holds for longer has a mistyped year."""


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One point of a certificate; ``uncertainty`` is the expanded one, with k = 2.

    ``as_found`` is what the sensor said before it was adjusted, ``as_left`` what it said after;
    they are the same where nothing was adjusted.
    """

    reference: int
    as_found: int
    as_left: int
    uncertainty: int

    @property
    def deviation(self) -> int:
        """How far it was off when it came: as-found less reference."""
        return self.as_found - self.reference

    @property
    def remaining(self) -> int:
        """How far it is off since: as-left less reference."""
        return self.as_left - self.reference

    def mistake(self) -> str | None:
        """What no certificate states, if anything."""
        if self.uncertainty < 0:
            return "an uncertainty is 0 or above"
        numbers = (self.reference, self.as_found, self.as_left, self.uncertainty)
        if max(map(abs, numbers)) > FARTHEST:
            return f"no quantity is measured in numbers beyond {FARTHEST // 1000:g}"
        return None


class Status(StrEnum):
    """What can be said of the calibration of what measured."""

    VALID = "calibrated"
    OFF = "left out of tolerance by its last calibration"
    OVERDUE = "overdue for calibration"
    NEVER = "without a certificate, so that its calibration is unknown"
    ABSENT = "not entered, so that its calibration is unknown"


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What laboratory ``laboratory`` found on ``at``; entry ``row`` of the ledger.

    ``tolerance`` is how far the sensor may be off (0 and above), ``due`` when it has to be
    calibrated again, ``file`` the SHA-256 of the certificate's file where one is kept.
    """

    row: int
    sensor: str
    quantity: str
    at: int
    due: int
    laboratory: str
    number: str
    tolerance: int
    points: tuple[Point, ...]
    file: str | None
    by: str
    entered: int
    reason: str
    corrects: int | None = None

    @property
    def uncertainty(self) -> int:
        """The largest of all points: what holds at any value between them."""
        return max(point.uncertainty for point in self.points)

    def status(self, at: int) -> Status:
        """What can be said at ``at`` of a sensor of which this is the newest certificate."""
        if at >= self.due:
            return Status.OVERDUE
        off = any(abs(point.remaining) > self.tolerance for point in self.points)
        return Status.OFF if off else Status.VALID


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a certificate that the ledger keeps as text."""

    tolerance: int
    points: tuple[Point, ...]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """``[start, end)`` of a channel: which sensor measured, and by which certificate.

    ``sensor`` is empty, and ``certificate`` (the row) and ``due`` None, where there is none.
    """

    start: int
    end: int
    status: Status
    sensor: str = ""
    certificate: int | None = None
    due: int | None = None
    uncertainty: int | None = None


class Guard(msgspec.Struct, frozen=True):
    """In ``[start, end)`` limits are tightened by ``width`` milli-units.

    None: nobody knows by how much, because no certificate holds then.
    """

    start: int
    end: int
    width: int | None


class Marks(msgspec.Struct, frozen=True):
    """What must be known of a channel to judge it: when it was in calibration, and the guards.

    ``logged`` is what of it came from loggers' files, each with a period of its own.
    """

    apart: tuple[Interval, ...] = ()
    guards: tuple[Guard, ...] = ()
    logged: tuple[Intake, ...] = ()


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """Certificate ``row`` found ``sensor`` off by more than its tolerance, worst at ``point``.

    Nobody knows since when: what it said in ``[since, at)`` is in doubt. ``since`` is the
    calibration before; None: there was none, so all that it ever said.
    """

    row: int
    sensor: str
    quantity: str
    since: int | None
    at: int
    tolerance: int
    point: Point


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Everything entered about sensors, corrections applied, as of one instant of the ledger.

    ``intakes`` are the loggers' files that were taken in.
    """

    sensors: tuple[Sensor, ...] = ()
    installations: tuple[Installation, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    periods: tuple[InCalibration, ...] = ()
    intakes: tuple[Intake, ...] = ()

    def held(self, channel: str, span: Interval) -> tuple[Held, ...]:
        """What measured at ``channel``, over the whole of ``span`` without a gap."""
        found: list[Held] = []
        at = span.start
        for one in self.at(channel, span):
            inside = within(one.start, one.end, span)
            if inside is None:
                continue
            if at < inside.start:
                found.append(Held(start=at, end=inside.start, status=Status.ABSENT))
            found += _by_certificate(one, self.of(one.sensor, one.quantity), inside)
            at = inside.end
        if at < span.end:
            found.append(Held(start=at, end=span.end, status=Status.ABSENT))
        return tuple(found)

    def marks(self, channel: str, span: Interval) -> Marks:
        """How readings of ``channel`` in ``span`` are judged."""
        guards = (
            Guard(one.start, one.end, one.uncertainty if one.status is Status.VALID else None)
            for one in self.held(channel, span)
        )
        return Marks(
            apart=self.apart(channel, span),
            guards=tuple(guards),
            logged=self.logged(channel, span),
        )

    def logged(self, channel: str, span: Interval) -> tuple[Intake, ...]:
        """What came of ``channel`` from loggers' files and may say something about ``span``."""
        mine = (one for one in self.intakes if f"{one.device}.{one.channel}" == channel)
        return tuple(one for one in mine if one.meets(span))

    def apart(self, channel: str, span: Interval) -> tuple[Interval, ...]:
        """When what measured at ``channel`` was in calibration, in the order of time."""
        found = []
        for one in self.at(channel, span):
            inside = within(one.start, one.end, span)
            for period in self.periods:
                if inside is not None and period.sensor == one.sensor:
                    part = within(period.start, period.end, inside)
                    found += [] if part is None else [part]
        return tuple(sorted(found, key=lambda part: part.start))

    def at(self, channel: str, span: Interval) -> tuple[Installation, ...]:
        """The installations at ``channel`` in ``span``, in the order of time."""
        mine = (one for one in self.installations if one.channel == channel)
        found = [one for one in mine if within(one.start, one.end, span) is not None]
        return tuple(sorted(found, key=lambda one: one.start))

    def of(self, sensor: str, quantity: str) -> tuple[Certificate, ...]:
        """The certificates of ``sensor`` for ``quantity``, oldest first."""
        mine = [c for c in self.certificates if (c.sensor, c.quantity) == (sensor, quantity)]
        return tuple(sorted(mine, key=lambda one: (one.at, one.row)))

    def due(self, channel: str, now: int) -> int | None:
        """When the sensor that is at ``channel`` now has to be calibrated; None: not known."""
        for one in self.at(channel, Interval(now, now + 1)):
            certificates = [c for c in self.of(one.sensor, one.quantity) if c.at <= now]
            if certificates:
                return certificates[-1].due
        return None

    def deviations(self) -> tuple[Deviation, ...]:
        """Every calibration that found a sensor out of tolerance, oldest first."""
        found: list[Deviation] = []
        for sensor, quantity in dict.fromkeys((c.sensor, c.quantity) for c in self.certificates):
            before: int | None = None
            for one in self.of(sensor, quantity):
                found += _found_off(one, before)
                before = one.at
        return tuple(sorted(found, key=lambda each: (each.at, each.row)))

    def touched(self, deviation: Deviation, channel: str, span: Interval) -> tuple[Interval, ...]:
        """The parts of ``span`` in which ``channel`` was measured by what was found off."""
        found = []
        for one in self.at(channel, span):
            if (one.sensor, one.quantity) == (deviation.sensor, deviation.quantity):
                inside = within(one.start, one.end, span)
                since = span.start if deviation.since is None else deviation.since
                part = None if inside is None else within(since, deviation.at, inside)
                found += [] if part is None else [part]
        return tuple(found)


def settled(quantity: str, unit: str, value: float) -> int:
    """``value``, read in ``unit``, in milli-units of the stored unit.

    Raises:
        ValueError: the quantity is not measured in this unit, or it is no number.
    """
    converted = stored(quantity, unit).convert(value)
    if not isfinite(converted) or abs(converted) * 1000 > FARTHEST:
        raise ValueError(f"{value:g} is not a number that a certificate states")
    return in_milli(converted)


def settled_width(quantity: str, unit: str, value: float) -> int:
    """An uncertainty or tolerance (a difference, so no offset) in milli-units, rounded up.

    Raises:
        ValueError: as ``settled``, or it is negative.
    """
    width = value * stored(quantity, unit).factor * 1000
    if not isfinite(width) or not 0 <= width <= FARTHEST:
        raise ValueError(f"{value:g}: an uncertainty or tolerance is a number, 0 or above")
    # To a millionth first: 0.2 times 1000 is a little more than 200 in binary.
    return ceil(round(width, 6))


def _by_certificate(
    one: Installation, certificates: Sequence[Certificate], inside: Interval
) -> Iterator[Held]:
    """``inside``, cut where a certificate begins to hold and where it falls due."""
    cuts = {inside.start, inside.end}
    for certificate in certificates:
        cuts |= {t for t in (certificate.at, certificate.due) if inside.start < t < inside.end}
    times = sorted(cuts)
    for start, end in pairwise(times):
        holding = [c for c in certificates if c.at <= start]
        if not holding:
            yield Held(start=start, end=end, status=Status.NEVER, sensor=one.sensor)
            continue
        newest = holding[-1]
        yield Held(
            start=start,
            end=end,
            status=newest.status(start),
            sensor=one.sensor,
            certificate=newest.row,
            due=newest.due,
            uncertainty=newest.uncertainty,
        )


def _found_off(one: Certificate, before: int | None) -> Iterable[Deviation]:
    worst = max(one.points, key=lambda point: abs(point.deviation))
    if abs(worst.deviation) > one.tolerance:
        yield Deviation(
            row=one.row,
            sensor=one.sensor,
            quantity=one.quantity,
            since=before,
            at=one.at,
            tolerance=one.tolerance,
            point=worst,
        )
