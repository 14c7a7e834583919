"""Goes once through the readings of a stay and sums up every channel on the way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from alerts.rule import Rule
from batches.calibration import Book
from batches.cryo import THRESHOLDS_C
from batches.excursion import Limits
from batches.exposure import Exposure, Meter
from batches.placement import Interval
from batches.policy import Policy
from devices.quality import Quality
from devices.scan import Layout, Scan, Source

_GOOD = int(Quality.GOOD)
_IN_CALIBRATION = int(Quality.IN_CALIBRATION)
_REACH = 2
"""Periods before and after a stay in which a reading may still say something about it."""


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

    def scans(self, device: str, start: int, end: int) -> Iterator[Scan]:
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


Sink = Callable[[Part, Scan], None]


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
    """Sum up ``channels`` of ``device`` over ``span``, handing each scan to ``sink`` as well.

    ``policies`` are found by the key of the channel; ``book`` knows which of its readings were
    taken in calibration, and how uncertain they are.

    Memory does not grow with the number of readings, but for one entry a gap and excursion.
    A scan that may be a repeat is shown to ``sink`` and not judged; test readings are rejected.

    Raises:
        ValueError: the readings are not in the order of time.
    """
    reach = _REACH * period
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
    feed = _Feeder(meters)
    near = readings.scans(device, around.start, around.end)
    for part, scan in needed(near, span):
        sink(part, scan)
        feed(scan)
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


def needed(scans: Iterable[Scan], span: Interval) -> Iterator[tuple[Part, Scan]]:
    """The scans inside ``span``, with the last one before it and the first one after it."""
    before: Scan | None = None
    for scan in scans:
        if scan.at < span.start:
            before = scan
            continue
        if before is not None:
            yield Part.BEFORE, before
            before = None
        if scan.at >= span.end:
            yield Part.AFTER, scan
            return
        yield Part.INSIDE, scan
    if before is not None:
        yield Part.BEFORE, before


def limits_of(rules: Iterable[Rule], channel: str) -> Limits:
    """The narrowest limits that ``rules`` set on ``channel``; silence and doors set none."""
    mine = [rule for rule in rules if rule.channel == channel and rule.limit is not None]
    lows = [rule.limit for rule in mine if rule.kind == "low" and rule.limit is not None]
    highs = [rule.limit for rule in mine if rule.kind == "high" and rule.limit is not None]
    return Limits(low=max(lows, default=None), high=min(highs, default=None))


class _Feeder:
    """Hands the values of a scan to the meters of their channels."""

    def __init__(self, meters: dict[str, Meter]) -> None:
        self._meters = meters
        self._layout: Layout | None = None
        self._columns: list[tuple[int, Callable[..., None]]] = []
        self._all_good = b""

    def __call__(self, scan: Scan) -> None:
        if scan.repeat:
            return
        if scan.layout is not self._layout:
            self._know(scan.layout)
        at, values, source = scan.at, scan.values, scan.source
        if scan.qualities == self._all_good and source is Source.LIVE:
            for column, feed in self._columns:
                feed(at, values[column])
            return
        backfilled, tested = source is Source.BACKFILL, source is Source.TEST
        for column, feed in self._columns:
            quality = scan.qualities[column]
            judged = quality == _GOOD and not tested
            feed(
                at,
                values[column] if judged else None,
                backfilled=backfilled,
                calibrating=quality == _IN_CALIBRATION,
            )

    def _know(self, layout: Layout) -> None:
        self._layout = layout
        self._all_good = bytes((_GOOD,)) * len(layout.keys)
        self._columns = [
            (column, self._meters[key].feed)
            for column, key in enumerate(layout.keys)
            if key in self._meters
        ]
