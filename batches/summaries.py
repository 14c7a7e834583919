"""What many stays came to, channel by channel: from sums of the archive where they can be used."""

from collections.abc import Iterator, Mapping, Sequence
from math import floor

import msgspec

from batches.beyond import excursions
from batches.calibration import Book
from batches.excursion import Excursion, Limits
from batches.exposure import Exposure
from batches.placement import Interval, Placement, Refused
from batches.policy import Policy
from batches.setting import Equipment
from batches.summing import NotSummable, Stay, Summing, Total
from batches.survey import Channel, survey
from devices.scan import Layout
from storage.archive.log import LogReader
from storage.archive.seal import ArchiveError


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One channel over one stay of ``subject``, a batch or a vial.

    The stay is the part of it that was asked for, ``start`` to ``end`` (epoch ms, UTC). Values of
    ``total`` are in the stored ``unit``; its ``rejected`` has readings in calibration too.
    ``excursions`` is None where there are no limits.
    """

    subject: str
    device: str
    position: str
    start: int
    end: int
    channel: str
    quantity: str
    unit: str
    total: Total
    limits: Limits
    excursions: tuple[Excursion, ...] | None

    @property
    def coverage(self) -> float:
        """Percent of the time about which something is known; never rounded up."""
        length = self.end - self.start
        return floor(self.total.known_ms * 10_000 / length) / 100 if length else 0.0


class Summaries:
    """Sums up stays at the devices of a site; what the archive knows is loaded once for all."""

    def __init__(
        self,
        readings: LogReader,
        *,
        equipment: Sequence[Equipment],
        book: Book,
        placements: Sequence[Placement],
        span: Interval,
        limits: Mapping[str, Limits],
    ) -> None:
        """Of ``placements`` what lies in ``span``; ``limits`` are those of quantities.

        Raises:
            Refused: one stood in a device that the site does not know.
            storage.waiting.JournalError: the journal cannot be read.
            storage.archive.seal.ArchiveError: what was summed up cannot be read.
        """
        self._readings = readings
        self._equipment = {each.id: each for each in equipment}
        self._book = book
        self._limits = limits
        # The newest of each device.
        self._layouts = {each.device: each for each in readings.layouts()}
        self._stays = [
            (each, self._stay(each, span))
            for each in placements
            if each.start < span.end and (each.end is None or each.end > span.start)
        ]
        self._summing = Summing(readings, [stay for _, stay in self._stays])

    def __len__(self) -> int:
        """How many stays there are."""
        return len(self._stays)

    def __iter__(self) -> Iterator[tuple[Line, ...]]:
        """The lines of stay after stay.

        Raises:
            storage.waiting.JournalError: the journal cannot be read.
        """
        for placement, stay in self._stays:
            yield tuple(self._lines(placement, stay))

    def _stay(self, placement: Placement, span: Interval) -> Stay:
        device = self._equipment.get(placement.device)
        if device is None:
            raise Refused(
                f"{placement.batch}: stood in {placement.device}, which this site does not know; "
                "add the device to the site to sum it up",
                row=placement.row,
            )
        end = span.end if placement.end is None else min(placement.end, span.end)
        return Stay(device.id, max(placement.start, span.start), end, device.period)

    def _lines(self, placement: Placement, stay: Stay) -> Iterator[Line]:
        device = self._equipment[stay.device]
        limits = {each.key: self._limits.get(each.quantity, Limits()) for each in device.channels}
        found = self._by_sums(stay, device, limits) or self._one_by_one(stay, device, limits)
        for channel in device.channels:
            total, out = found[channel.key]
            yield Line(
                subject=placement.batch,
                device=device.id,
                position=placement.position,
                start=stay.start,
                end=stay.end,
                channel=f"{device.id}.{channel.key}",
                quantity=channel.quantity,
                unit=channel.unit,
                total=total,
                limits=limits[channel.key],
                excursions=out if limits[channel.key].given else None,
            )

    def _by_sums(self, stay: Stay, device: Equipment, limits: Mapping[str, Limits]) -> "_Found":
        """Empty where only the readings themselves can tell."""
        layout = self._layouts.get(device.id)
        if layout is None or not _measures(layout, device.channels):
            return {}
        given = {key: each for key, each in limits.items() if each.given}
        try:
            totals = self._summing.totals(stay, layout, self._book)
            out = excursions(self._readings, stay, layout, given, self._book) if given else {}
        except (NotSummable, ArchiveError):
            # What cannot be read of the archive is named by whoever reads it.
            return {}
        return {key: (total, out.get(key, ())) for key, total in totals.items()}

    def _one_by_one(self, stay: Stay, device: Equipment, limits: Mapping[str, Limits]) -> "_Found":
        found = survey(
            self._readings,
            device.id,
            Interval(stay.start, stay.end),
            period=stay.period,
            channels=device.channels,
            policies={key: Policy(limits=each) for key, each in limits.items()},
            book=self._book,
            sink=_unheeded,
        )
        keys = [channel.key for channel in device.channels]
        return {
            key: (_total(each.exposure), each.exposure.excursions)
            for key, each in zip(keys, found, strict=True)
        }


_Found = dict[str, tuple[Total, tuple[Excursion, ...]]]


def _measures(layout: Layout, channels: Sequence[Channel]) -> bool:
    """Whether all ``channels`` are in the layout in which the device spoke last."""
    spoken = dict(zip(layout.keys, layout.quantities, strict=True))
    return all(spoken.get(each.key) == each.quantity for each in channels)


def _total(found: Exposure) -> Total:
    return Total(
        expected=found.expected,
        received=found.received,
        good=found.good,
        rejected=found.rejected + found.in_calibration,
        backfilled=found.backfilled,
        known_ms=found.known_ms,
        unknown_ms=found.unknown_ms,
        minimum=found.minimum,
        mean=found.mean,
        maximum=found.maximum,
        kinetic=found.kinetic,
    )


def _unheeded(_: object, __: object) -> None:
    return
