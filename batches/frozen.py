"""What a vial's cells went through while frozen, from the readings of every freezer."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from batches.bank import Bank
from batches.calibration import Book
from batches.cryo import Warmth, cumulated, together
from batches.exposure import Exposure
from batches.findings import Stay
from batches.logged import Intake
from batches.placement import Interval, Placement, Refused
from batches.provenance import Carried, Lived, Provenance, Status
from batches.setting import Setting
from batches.survey import Channel, Readings, survey


class Travelled(msgspec.Struct, frozen=True):
    """A stay on the way, and what the logger that went with it measured, if one did."""

    placement: Placement
    span: Interval
    exposures: tuple[Exposure, ...]

    @property
    def warmest(self) -> float | None:
        """The highest temperature, in °C; None where nothing was measured."""
        measured = [each.maximum for each in self.exposures if each.maximum is not None]
        return max(measured, default=None)

    @property
    def unknown_ms(self) -> int:
        """For how long nothing is known."""
        return self.span.length - sum(e.end - e.start - e.unknown_ms for e in self.exposures)


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen life of ``vial`` up to ``until`` (epoch ms, UTC).

    It is its own and that of the vials it comes from, until they were thawed. For ``unwatched_ms``
    it was in no freezer, or in one without a temperature, or on the way without a logger: that
    counts as unknown. ``carried`` is what other sites' ledgers say of it up to when they gave it
    away; ``warmth`` has that in it.
    """

    vial: str
    until: int
    stays: tuple[Exposure, ...]
    unwatched_ms: int
    warmth: tuple[Warmth, ...]
    carried: tuple[Carried, ...] = ()
    journeys: tuple[Travelled, ...] = ()


Measured = dict[tuple[str, int, int], tuple[Exposure, ...]]
"""What was found of a device between two times, so that vials that stood together ask once."""


def frozen_life(
    vial: str,
    *,
    bank: Bank,
    readings: Readings,
    setting: Setting,
    book: Book,
    now: int,
    measured: Measured | None = None,
) -> Frozen:
    """Go once through the readings of every stay.

    Of several probes in a freezer the one that was warm for longest counts.

    Args:
        vial: its id.
        bank: where its stays are.
        readings: where the readings are.
        setting: the devices of the site.
        book: the sensors, and when they were in calibration.
        now: up to when, epoch milliseconds, UTC.
        measured: where to keep what was found, for other vials of the same stays.

    Raises:
        Refused: there is no such vial, or it was in a freezer that the site does not know.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
    """
    return live_through(
        bank.provenance(vial),
        readings=readings,
        setting=setting,
        book=book,
        now=now,
        measured=measured,
    )


def live_through(
    provenance: Provenance,
    *,
    readings: Readings,
    setting: Setting,
    book: Book,
    now: int,
    measured: Measured | None = None,
) -> Frozen:
    """``frozen_life`` of the first vial of ``provenance``."""
    here = {} if measured is None else measured
    probes = _Probes(provenance.intakes, readings, setting, book, here)
    carried = {each.vial: each for each in provenance.carried}
    found: list[Exposure] = []
    journeys: list[Travelled] = []
    unwatched = 0
    for each in provenance.vials:
        began = carried[each.id].until if each.id in carried else each.frozen_at
        ended = now if each.ended_at is None else min(each.ended_at, now)
        unwatched += max(0, ended - began)
        for stay in provenance.lived:
            # What was before is in what came with it.
            if stay.subject == each.id and began <= stay.start < now:
                exposures = probes.exposures(stay, now)
                found += exposures
                unwatched -= sum(each.end - each.start for each in exposures)
                if stay.status is Status.TRANSIT:
                    span = Interval(stay.start, now if stay.end is None else min(stay.end, now))
                    journeys.append(Travelled(stay.placement, span, exposures))
    before = [each.warmth for each in provenance.carried]
    return Frozen(
        vial=provenance.vials[0].id,
        until=now,
        stays=tuple(found),
        unwatched_ms=unwatched,
        warmth=together([cumulated(found, unwatched_ms=unwatched), *before]),
        carried=provenance.carried,
        journeys=tuple(sorted(journeys, key=lambda each: each.span.start)),
    )


def known(stays: Iterable[Stay], provenance: Provenance) -> Measured:
    """What was measured of ``stays`` already, as far as it is what ``live_through`` would find.

    A stay that was cut where its limits changed is not: its parts are not judged by one probe. Nor
    is one in a device of which files were taken in: those have a period of their own.
    """
    by_row: dict[int, list[Stay]] = {}
    for stay in stays:
        by_row.setdefault(stay.placement.row, []).append(stay)
    whole = [parts[0] for parts in by_row.values() if len(parts) == 1]
    filed = {intake.device for intake in provenance.intakes}
    found: Measured = {}
    for stay in whole:
        if stay.placement.device in filed:
            continue
        probes = [s.exposure for s in stay.channels if s.quantity == "temperature"]
        key = stay.placement.device, stay.span.start, stay.span.end
        found[key] = (max(probes, key=_warm),) if probes else ()
    return found


class _Probes:
    """The temperature of stays, as the probes of the devices say."""

    def __init__(
        self,
        intakes: Sequence[Intake],
        readings: Readings,
        setting: Setting,
        book: Book,
        measured: Measured,
    ) -> None:
        self._intakes = intakes
        self._readings = readings
        self._setting = setting
        self._book = book
        self._measured = measured

    def exposures(self, stay: Lived, now: int) -> tuple[Exposure, ...]:
        """Of each part of the stay, by the probe that was warm for longest.

        None when no probe could say anything.
        """
        end = now if stay.end is None else min(stay.end, now)
        key = stay.placement.device, stay.start, end
        if key not in self._measured:
            self._measured[key] = tuple(self._survey(stay, Interval(stay.start, end)))
        return self._measured[key]

    def _survey(self, stay: Lived, span: Interval) -> Iterator[Exposure]:
        device = stay.placement.device
        if not device:
            return
        usual = self._usual(stay)
        intakes = self._of(device)
        for part in _parts(span, intakes):
            periods = usual | {
                i.channel: i.period for i in intakes if i.start <= part.start < _end(i)
            }
            exposures = [
                summary.exposure
                for period in sorted(set(periods.values()))
                for summary in survey(
                    self._readings,
                    device,
                    part,
                    period=period,
                    channels=[_temperature(key) for key in periods if periods[key] == period],
                    policies={},
                    book=self._book,
                    sink=_unheeded,
                )
            ]
            if exposures:
                yield max(exposures, key=_warm)

    def _of(self, device: str) -> list[Intake]:
        return [each for each in self._intakes if each.device == device]

    def _usual(self, stay: Lived) -> dict[str, int]:
        """The probes of the device, and how often they are read, but for what files say."""
        device = stay.placement.device
        for equipment in self._setting.equipment:
            if equipment.id == device:
                return {
                    channel.key: equipment.period
                    for channel in equipment.channels
                    if channel.quantity == "temperature"
                }
        if stay.status is Status.TRANSIT:
            # A logger that only travels with vials is no device of the site.
            return {}
        raise Refused(
            f"{stay.subject}: stood in {device}, which this site does not know; "
            "add the device to the site",
            row=stay.placement.row,
        )


def _parts(span: Interval, intakes: Iterable[Intake]) -> Iterator[Interval]:
    """``span``, cut where the readings of a file begin and end: they have their own period."""
    cuts = {at for each in intakes for at in (each.start, _end(each))}
    edges = sorted({span.start, span.end, *(at for at in cuts if span.start < at < span.end)})
    return (Interval(start, end) for start, end in pairwise(edges))


def _end(intake: Intake) -> int:
    """Until when its last reading stands."""
    return intake.end + intake.period


def _temperature(key: str) -> Channel:
    return Channel(key=key, quantity="temperature", unit="degC")


def _warm(exposure: Exposure) -> tuple[int, ...]:
    """The longest warm; of probes that say the same, the one that was read most."""
    return (*(each.ms for each in exposure.above), -exposure.unknown_ms)


def _unheeded(_: object, __: object) -> None:
    return
