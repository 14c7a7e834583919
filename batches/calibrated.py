"""Sensors and calibration of a record: what measured in each stay, and what is open about it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from batches.calibration import Book, Certificate, Deviation, Held, Status
from batches.findings import Stay
from batches.placement import Interval
from batches.sensor import InCalibration, Sensor
from batches.survey import Summary
from devices.duration import Duration
from devices.units import STORED_UNIT

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = {"degC": "°C", "1": "", "n": ""}


class MeasuredBy(msgspec.Struct, frozen=True, kw_only=True):
    """What measured ``channel`` over the whole of stay number ``stay``, part by part.

    ``apart`` is when that was in calibration. ``limited``: the record judges this channel.
    """

    stay: int
    device: str
    channel: str
    title: str
    limited: bool
    held: tuple[Held, ...]
    apart: tuple[Interval, ...]


class InDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """Readings of a stay that a later calibration puts in doubt: those in ``parts``."""

    stay: int
    channel: str
    deviation: Deviation
    parts: tuple[Interval, ...]


class Calibrations(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, with the sensors, certificates and times in calibration that it speaks of.

    Values in certificates are milli-units of the stored unit; times are epoch ms, UTC.
    """

    channels: tuple[MeasuredBy, ...]
    sensors: tuple[Sensor, ...]
    certificates: tuple[Certificate, ...]
    periods: tuple[InCalibration, ...]
    in_doubt: tuple[InDoubt, ...]


def calibrations(book: Book, stays: Sequence[Stay]) -> Calibrations:
    """What ``book`` knows of the sensors that measured during ``stays``."""
    channels = tuple(_measured(book, stay, each) for stay in stays for each in stay.channels)
    in_doubt = tuple(_in_doubt(book, stays))
    serials = {held.sensor for each in channels for held in each.held}
    rows = {held.certificate for each in channels for held in each.held}
    rows |= {each.deviation.row for each in in_doubt}
    return Calibrations(
        channels=channels,
        sensors=tuple(one for one in book.sensors if one.serial in serials),
        certificates=tuple(one for one in book.certificates if one.row in rows),
        periods=tuple(one for one in book.periods if _touches(one, channels)),
        in_doubt=in_doubt,
    )


def calibration_items(found: Calibrations, zone: ZoneInfo) -> Iterable[str]:
    """Sentences about what somebody must still look at; times are those of ``zone``."""
    for each in found.channels:
        yield from _status_items(each, zone)
    for period in found.periods:
        if period.end is None:
            yield (
                f"The calibration of sensor {period.sensor} that began on "
                f"{moment(period.start, zone)} was never ended; nothing it says since is judged."
            )
    for doubt in found.in_doubt:
        parts = ", ".join(
            f"{moment(part.start, zone)} to {moment(part.end, zone)}" for part in doubt.parts
        )
        yield (
            f"Stay {doubt.stay}, {doubt.channel}: {deviation_told(doubt.deviation, zone)}; "
            f"what it said from {parts} is in doubt."
        )


def deviation_told(found: Deviation, zone: ZoneInfo) -> str:
    """``as-found deviation +0.4 °C at 37 °C on …``, with the sensor and its tolerance."""
    unit = unit_of(found.quantity)
    point = found.point
    return (
        f"as-found deviation {point.deviation / 1000:+g}{unit} at {point.reference / 1000:g}{unit} "
        f"on {moment(found.at, zone)} (sensor {found.sensor}, tolerance "
        f"{found.tolerance / 1000:g}{unit})"
    )


def unit_of(quantity: str) -> str:
    """The stored unit of a quantity as people write it behind a number."""
    unit = STORED_UNIT[quantity]
    shown = _SHOWN.get(unit, unit)
    return f" {shown}" if shown else ""


def moment(at: int, zone: ZoneInfo) -> str:
    """``2026-01-05 08:00 CET``."""
    return f"{(_EPOCH + timedelta(milliseconds=at)).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _measured(book: Book, stay: Stay, summary: Summary) -> MeasuredBy:
    return MeasuredBy(
        stay=stay.number,
        device=stay.placement.device,
        channel=summary.channel,
        title=summary.title,
        limited=summary.exposure.limits.given,
        held=book.held(summary.channel, stay.span),
        apart=book.apart(summary.channel, stay.span),
    )


def _in_doubt(book: Book, stays: Sequence[Stay]) -> Iterator[InDoubt]:
    for deviation in book.deviations():
        for stay in stays:
            for summary in stay.channels:
                parts = book.touched(deviation, summary.channel, stay.span)
                if parts:
                    yield InDoubt(
                        stay=stay.number,
                        channel=summary.channel,
                        deviation=deviation,
                        parts=parts,
                    )


def _touches(period: InCalibration, channels: Iterable[MeasuredBy]) -> bool:
    return any(
        held.sensor == period.sensor
        and period.start < held.end
        and (period.end is None or period.end > held.start)
        for each in channels
        for held in each.held
    )


def _status_items(each: MeasuredBy, zone: ZoneInfo) -> Iterator[str]:
    where = f"Stay {each.stay} in {each.device}, {each.title}"
    for held in each.held:
        span = f"from {moment(held.start, zone)} to {moment(held.end, zone)}"
        if held.status is Status.ABSENT and each.limited:
            yield f"{where}: the sensor is {held.status} ({span})."
        elif held.status is Status.NEVER and each.limited:
            yield f"{where}: sensor {held.sensor} is {held.status} ({span})."
        elif held.status in {Status.OVERDUE, Status.OFF} and held.due is not None:
            due = moment(held.due, zone)
            yield f"{where}: sensor {held.sensor} was {held.status}, due on {due} ({span})."
    in_calibration = sum(part.length for part in each.apart)
    if in_calibration:
        yield f"{where}: in calibration for {Duration(in_calibration)}; that time is not judged."
