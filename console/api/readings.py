"""Readings of one channel over a span: in buckets for drawing, or each as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from console.api import days
from console.api.bucket import Bucket
from devices.quality import Quality
from devices.scan import Layout
from devices.units import STORED_UNIT
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader

LONGEST_MS = 31 * DAY_MS
"""So much is looked at reading by reading."""
MOST_DAYS = 4_000
"""A curve of days is no longer: some eleven years."""
MOST_BUCKETS = 2_000
_CSV_HEAD = "at,received,value,quality,source\n"


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A channel from ``start`` to before ``end`` (epoch ms), a bucket each ``step`` ms.

    ``of`` says what it is made of. ``readings``: each one was looked at, and a mean is theirs.
    ``days``: over 31 days it is made of whole days (UTC), ``start`` and ``end`` are theirs, and a
    mean weighs each reading by how long it held. ``damaged`` counts entries of the log that could
    not be read, and are not in it.
    """

    channel: str
    quantity: str
    unit: str
    start: int
    end: int
    step: int
    damaged: int
    of: Literal["readings", "days"]
    buckets: tuple[Bucket, ...]


def curve(data: Path, channel: str, start: int, end: int, buckets: int) -> Curve:
    """The channel in ``buckets`` equal spans.

    Raises:
        storage.waiting.JournalError: the log cannot be read.
        KeyError: no device ever spoke on that channel.
    """
    if end - start > LONGEST_MS:
        return _curve_of_days(data, channel, start, end, buckets)
    step = max(1, -(-(end - start) // buckets))
    with LogReader(data) as log:
        quantity = quantity_of(log, channel)
        sums = [_Sum() for _ in range(-(-(end - start) // step))]
        for reading in _readings(log, channel, start, end):
            sums[(reading.at - start) // step].add(reading)
        return Curve(
            channel=channel,
            quantity=quantity,
            unit=STORED_UNIT.get(quantity, ""),
            start=start,
            end=end,
            step=step,
            damaged=len(log.damaged),
            of="readings",
            buckets=tuple(one.bucket(start + n * step) for n, one in enumerate(sums)),
        )


def _curve_of_days(data: Path, channel: str, start: int, end: int, most: int) -> Curve:
    first, last = start // DAY_MS, -(-end // DAY_MS)
    step = -(-(last - first) // most)
    # The last bucket is as long as the others.
    last = first + step * -(-(last - first) // step)
    with LogReader(data) as log:
        quantity = quantity_of(log, channel)
        made = days.buckets(log, channel, first, last, step)
        return Curve(
            channel=channel,
            quantity=quantity,
            unit=STORED_UNIT.get(quantity, ""),
            start=first * DAY_MS,
            end=last * DAY_MS,
            step=step * DAY_MS,
            damaged=len(log.damaged),
            of="days",
            buckets=made,
        )


def quantity_of(log: LogReader, channel: str) -> str:
    """The quantity that ``channel`` measures.

    Raises:
        KeyError: no device ever spoke on that channel.
    """
    for layout in reversed(log.layouts()):
        # Not every message of a device tells of all its channels.
        if channel in layout.channels:
            return layout.quantities[layout.channels.index(channel)]
    raise KeyError(channel)


def lines(data: Path, channel: str, start: int, end: int, *, csv: bool) -> Iterator[str]:
    """Each reading as a line of JSON or CSV, then one that says how many there were.

    Who does not get the last line has not got all.

    Raises:
        storage.waiting.JournalError: the log cannot be read.
    """
    count = 0
    with LogReader(data) as log:
        if csv:
            yield _CSV_HEAD
        for reading in _readings(log, channel, start, end):
            count += 1
            yield _as_csv(reading) if csv else _as_json(reading)
        damaged = len(log.damaged)
        if csv:
            yield f"# end: {count} readings, {damaged} entries damaged\n"
        else:
            yield f'{{"end":true,"readings":{count},"damaged":{damaged}}}\n'


class _Read(NamedTuple):
    """One reading of the channel."""

    at: int
    received: int
    value: float | None
    quality: Quality
    source: str


def _readings(log: LogReader, channel: str, start: int, end: int) -> Iterator[_Read]:
    device = channel.rpartition(".")[0]
    # Where it stands in each layout: the other channels of a scan are not looked at.
    places: dict[Layout, int] = {}
    for scan in log.scans(device, start, end):
        place = places.get(scan.layout)
        if place is None:
            found = scan.layout.channels
            place = places[scan.layout] = found.index(channel) if channel in found else -1
        if place >= 0:
            yield _Read(
                scan.at,
                scan.received,
                scan.values[place],
                Quality(scan.qualities[place]),
                scan.source.name.lower(),
            )


def _as_json(reading: _Read) -> str:
    said = {
        "at": reading.at,
        "received": reading.received,
        "value": reading.value,
        "quality": reading.quality.word,
        "source": reading.source,
    }
    return msgspec.json.encode(said).decode() + "\n"


def _as_csv(reading: _Read) -> str:
    value = "" if reading.value is None else repr(reading.value)
    return f"{reading.at},{reading.received},{value},{reading.quality.word},{reading.source}\n"


class _Sum:
    """What a bucket has so far."""

    __slots__ = ("good", "last_other", "least", "most", "other", "total")

    def __init__(self) -> None:
        self.good = self.other = 0
        self.total = 0.0
        self.least = self.most = 0.0
        self.last_other = ""

    def add(self, reading: _Read) -> None:
        """One more."""
        if reading.quality is not Quality.GOOD or reading.value is None:
            self.other += 1
            self.last_other = reading.quality.word
            return
        value = reading.value
        self.least = value if not self.good else min(self.least, value)
        self.most = value if not self.good else max(self.most, value)
        self.good += 1
        self.total += value

    def bucket(self, at: int) -> Bucket:
        """All of it."""
        if not self.good:
            return Bucket(at=at, good=0, other=self.other, last_other=self.last_other)
        return Bucket(
            at=at,
            good=self.good,
            other=self.other,
            least=self.least,
            mean=self.total / self.good,
            most=self.most,
            last_other=self.last_other,
        )
