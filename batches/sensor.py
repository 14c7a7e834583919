"""Sensors, where each of them measured, and when one was in calibration; what is refused of that.

A sensor has a serial number. It is installed at channels of one device at a time; a swap ends one
installation and begins the next. Intervals are half-open, times epoch milliseconds, UTC.
"""

import re
from collections.abc import Iterable

import msgspec

from batches.placement import Interval, Refused

_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,62}")
LONGEST_MS = 7 * 24 * 3_600_000
"""No calibration is planned to last longer: meanwhile nobody judges what the sensor says."""


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """A measuring instrument, by the number on it. ``row`` is the entry that says so."""

    row: int
    serial: str
    model: str
    maker: str


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """``sensor`` measures ``quantity`` at ``channel`` (``inc1.temperature``); None: it still does.

    ``ending`` is the entry that ended it, ``corrects`` the one that it took the place of.
    """

    row: int
    sensor: str
    channel: str
    quantity: str
    start: int
    end: int | None
    by: str
    entered: int
    reason: str
    corrects: int | None = None
    ending: int | None = None

    @property
    def device(self) -> str:
        """The device of the channel."""
        return self.channel.rpartition(".")[0]


class InCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """What ``sensor`` says from ``start`` on is no product data, until somebody ends it.

    ``until`` is the planned end: from then on its alarms page again, whatever was entered.
    """

    row: int
    sensor: str
    start: int
    until: int
    end: int | None
    by: str
    entered: int
    reason: str
    ending: int | None = None


def within(start: int, end: int | None, span: Interval) -> Interval | None:
    """The part of ``[start, end)`` in ``span``; None when there is none."""
    first, last = max(start, span.start), span.end if end is None else min(end, span.end)
    return Interval(first, last) if first < last else None


def overlap(start: int, end: int | None, other_start: int, other_end: int | None) -> bool:
    """Whether two half-open intervals have an instant in common."""
    return (other_end is None or start < other_end) and (end is None or other_start < end)


def check_serial(serial: str) -> None:
    """``serial`` can be kept and typed.

    Raises:
        Refused: it cannot.
    """
    if not _SERIAL.fullmatch(serial):
        raise Refused(
            f"{serial!a} is no serial number; it may hold letters, digits, spaces and . _ / - only"
        )


def check_interval(what: str, start: int, end: int | None) -> None:
    """``[start, end)`` holds an instant.

    Raises:
        Refused: it does not.
    """
    if end is not None and end <= start:
        raise Refused(f"{what}: must end after it starts")


def check_installed(
    sensor: str, channel: str, start: int, end: int | None, others: Iterable[Installation]
) -> None:
    """``sensor`` can have been at ``channel`` then, beside the installations in ``others``.

    A channel has one sensor at a time, and a sensor is in one device at a time: a probe that
    measures two quantities is at two channels of it.

    Raises:
        Refused: it cannot; the row that stands against it is named.
    """
    device = channel.rpartition(".")[0]
    for other in others:
        if not overlap(start, end, other.start, other.end):
            continue
        if other.channel == channel:
            raise Refused(f"{channel}: has sensor {other.sensor} at that time", row=other.row)
        if other.sensor == sensor and other.device != device:
            raise Refused(f"sensor {sensor}: is at {other.channel} at that time", row=other.row)


def check_calibrating(
    sensor: str, start: int, end: int | None, others: Iterable[InCalibration]
) -> None:
    """``sensor`` was in no other calibration then.

    Raises:
        Refused: it was; the row of that one is named.
    """
    for other in others:
        if overlap(start, end, other.start, other.end):
            raise Refused(f"sensor {sensor}: is in calibration at that time", row=other.row)
