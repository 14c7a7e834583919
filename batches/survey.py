"""Goes once through the readings of a stay and sums up every channel on the way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from alerts.rule import Rule
from batches.calibration import Book
from batches.cryo import THRESHOLDS_C
from batches.excursion import Limits
from batches.exposure import Exposure, Meter
from batches.placement import Interval
from batches.policy import Policy
from devices.scan import Layout

if TYPE_CHECKING:
    from storage.archive.pieces import Piece

_REACH = 2
"""Periods before and after a stay in which a reading may still say something about it: those of
the device, or of the slowest logger whose file was taken in."""


class Readings(Protocol):
    """Where the readings are kept; ``storage.archive.log.LogReader`` is one."""

    @property
    def damaged(self) -> Mapping[int, str]:
        """Entries that were left out because they did not match their checksum, and why."""
        ...

    @property
    def last(self) -> int:
        """The number of the newest entry."""
        ...

    def pieces(self, device: str, start: int, end: int) -> "Iterator[Piece]":
        """What ``device`` said in ``[start, end)``, epoch milliseconds, in the order of time."""
        ...


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel of a device measures, and in which stored unit."""

    key: str
    quantity: str
    unit: str
    name: str = ""


class Part(StrEnum):
    """Where a reading lies: inside a stay, or next to it and still needed to judge its edge."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


Sink = Callable[[Part, "Piece"], None]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a culture was exposed to on one channel during one stay."""

    channel: str
    quantity: str
    unit: str
    name: str
    exposure: Exposure

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.channel.rpartition(".")[2].replace("_", " ")


def survey(
    readings: Readings,
    device: str,
    span: Interval,
    *,
    period: int,
    channels: Sequence[Channel],
    policies: Mapping[str, Policy],
    book: Book,
    sink: Sink,
) -> tuple[Summary, ...]:
    """Sum up ``channels`` of ``device`` over ``span``, handing its readings to ``sink`` as well.

    ``policies`` are found by the key of the channel; ``book`` knows which of its readings were
    taken in calibration, how uncertain they are, and which a logger's file brought.

    Memory does not grow with the number of readings, but for one entry a gap and excursion.
    A scan that may be a repeat is shown to ``sink`` and not judged; test readings are rejected.

    Raises:
        ValueError: the readings are not in the order of time.
    """
    from batches.flow import Feeder  # noqa: PLC0415 # numpy, which the core needs not

    files = (one for each in channels for one in book.logged(f"{device}.{each.key}", span))
    reach = _REACH * max([period, *(one.period for one in files)])
    # A reading next to the stay holds into it unless it was taken in calibration.
    around = Interval(span.start - reach, span.end + reach)
    meters = {
        each.key: Meter(
            start=span.start,
            end=span.end,
            period=period,
            policy=policies.get(each.key),
            kinetic=each.quantity == "temperature",
            above=THRESHOLDS_C if each.quantity == "temperature" else (),
            marks=book.marks(f"{device}.{each.key}", around),
        )
        for each in channels
    }
    feed = Feeder(meters)
    near = readings.pieces(device, around.start, around.end)
    for part, piece in needed(near, span):
        sink(part, piece)
        feed(piece)
    return tuple(
        Summary(
            channel=f"{device}.{each.key}",
            quantity=each.quantity,
            unit=each.unit,
            name=each.name,
            exposure=meters[each.key].result(),
        )
        for each in channels
    )


def needed(pieces: "Iterable[Piece]", span: Interval) -> "Iterator[tuple[Part, Piece]]":
    """What lies inside ``span``, with what was said last before it and first after it.

    A message may tell of some channels only: that is one scan of each layout.
    """
    before: dict[Layout, Piece] = {}
    after: set[Layout] = set()
    for piece in pieces:
        count = len(piece.rows.at)
        begin, end = piece.rows.at.searchsorted((span.start, span.end)).tolist()
        if begin:
            # Taken out first, they stay in the order of time.
            before.pop(piece.layout, None)
            before[piece.layout] = piece.slice(begin - 1, begin)
        if begin == count:
            continue
        yield from ((Part.BEFORE, each) for each in before.values())
        before = {}
        if begin < end:
            yield Part.INSIDE, piece.slice(begin, end)
        if end < count and piece.layout not in after:
            after.add(piece.layout)
            yield Part.AFTER, piece.slice(end, end + 1)
    yield from ((Part.BEFORE, each) for each in before.values())


def limits_of(rules: Iterable[Rule], channel: str) -> Limits:
    """The narrowest limits that ``rules`` set on ``channel``; silence and doors set none."""
    mine = [rule for rule in rules if rule.channel == channel and rule.limit is not None]
    lows = [rule.limit for rule in mine if rule.kind == "low" and rule.limit is not None]
    highs = [rule.limit for rule in mine if rule.kind == "high" and rule.limit is not None]
    return Limits(low=max(lows, default=None), high=min(highs, default=None))
