"""What stood where a sensor measured that a later calibration found off, and what is due."""

import msgspec

from batches.bank import Bank, Endangered
from batches.calibration import Book, Deviation
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.placement import Interval, Refused


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """A deviation, and for each time that it puts in doubt who was there."""

    deviation: Deviation
    parts: tuple[Endangered, ...]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """When ``sensor``, which is at ``channel``, is due (epoch ms); None: nobody knows."""

    sensor: str
    channel: str
    due: int | None
    is_over: bool


def impact(ledger: Ledger, serial: str) -> tuple[Impact, ...]:
    """What each calibration that found sensor ``serial`` out of tolerance puts in doubt.

    Raises:
        Refused: there is no such sensor.
        storage.database.DatabaseError: the ledger cannot be read.
    """
    book = Instruments(ledger).book()
    if all(one.serial != serial for one in book.sensors):
        raise Refused(f"{serial!a} is no sensor of this ledger")
    bank = Bank(ledger)
    return tuple(
        Impact(
            deviation=deviation,
            parts=tuple(
                bank.endangered(device, part.start, part.end)
                for device, part in _parts(book, deviation)
            ),
        )
        for deviation in book.deviations()
        if deviation.sensor == serial
    )


def dues(book: Book, now: int) -> tuple[Due, ...]:
    """Every sensor that is installed ``now``: first of which nothing is known, then by date."""
    found = []
    for one in book.installations:
        if one.start <= now and (one.end is None or now < one.end):
            due = book.due(one.channel, now)
            over = due is not None and due <= now
            found.append(Due(sensor=one.sensor, channel=one.channel, due=due, is_over=over))
    return tuple(sorted(found, key=lambda each: (each.due or 0, each.sensor, each.channel)))


def _parts(book: Book, deviation: Deviation) -> list[tuple[str, Interval]]:
    mine = [one for one in book.installations if one.sensor == deviation.sensor]
    whole = Interval(min((one.start for one in mine), default=0), deviation.at)
    return [
        (channel.rpartition(".")[0], part)
        for channel in dict.fromkeys(one.channel for one in mine)
        for part in book.touched(deviation, channel, whole)
    ]
