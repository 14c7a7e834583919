"""What a vial's cells went through while frozen, from the readings of every freezer."""

from collections.abc import Iterable, Sequence

import msgspec

from batches.bank import Bank, Lived
from batches.cryo import Warmth, cumulated
from batches.exposure import Exposure
from batches.placement import Interval, Refused
from batches.setting import Setting
from batches.survey import Readings, survey
from batches.vial import Vial, number_of
from devices.scan import Scan


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen life of ``vial`` up to ``until`` (epoch ms, UTC).

    It is its own and that of the vials it comes from, until they were thawed. For ``unwatched_ms``
    it was in no freezer, or in one without a temperature: that counts as unknown.
    """

    vial: str
    until: int
    stays: tuple[Exposure, ...]
    unwatched_ms: int
    warmth: tuple[Warmth, ...]


def frozen_life(vial: str, *, bank: Bank, readings: Readings, setting: Setting, now: int) -> Frozen:
    """Go once through the readings of every stay.

    Of several probes in a freezer the one that was warm for longest counts.

    Raises:
        Refused: there is no such vial, or it was in a freezer that the site does not know.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
    """
    lived = bank.life(vial)
    found: list[Exposure] = []
    unwatched = 0
    for each in _vials(vial, bank):
        ended = now if each.ended_at is None else min(each.ended_at, now)
        unwatched += max(0, ended - each.frozen_at)
        for stay in lived:
            if stay.subject == each.id and stay.start < now:
                measured = _measured(stay, readings, setting, now)
                if measured is not None:
                    found.append(measured)
                    unwatched -= measured.end - measured.start
    return Frozen(
        vial=vial,
        until=now,
        stays=tuple(found),
        unwatched_ms=unwatched,
        warmth=cumulated(found, unwatched_ms=unwatched),
    )


def warmth(
    vials: Sequence[Vial], stays: Iterable[tuple[str, Sequence[Exposure]]], now: int
) -> tuple[Warmth, ...]:
    """The same from stays that were measured already: whose each was, and its temperatures."""
    found = [(subject, max(each, key=_warm, default=None)) for subject, each in stays]
    names = {vial.id for vial in vials}
    frozen = [each for subject, each in found if each is not None and subject in names]
    lived = sum(
        max(0, (now if vial.ended_at is None else min(vial.ended_at, now)) - vial.frozen_at)
        for vial in vials
    )
    watched = sum(each.end - each.start for each in frozen)
    return cumulated(frozen, unwatched_ms=lived - watched)


def _vials(vial: str, bank: Bank) -> tuple[Vial, ...]:
    """``vial``, and every vial that it comes from."""
    above = {kin.parent for kin in bank.ancestors(vial) if number_of(kin.parent) is not None}
    return tuple(bank.vial(each) for each in (vial, *sorted(above)))


def _measured(stay: Lived, readings: Readings, setting: Setting, now: int) -> Exposure | None:
    device = stay.placement.device
    equipment = next((each for each in setting.equipment if each.id == device), None)
    if equipment is None:
        raise Refused(
            f"{stay.subject}: stood in {device}, which this site does not know; "
            "add the device to the site",
            row=stay.placement.row,
        )
    summaries = survey(
        readings,
        device,
        Interval(stay.start, now if stay.end is None else min(stay.end, now)),
        period=equipment.period,
        channels=[each for each in equipment.channels if each.quantity == "temperature"],
        policies={},
        sink=_unheeded,
    )
    exposures = [summary.exposure for summary in summaries]
    return max(exposures, key=_warm, default=None)


def _warm(exposure: Exposure) -> tuple[int, ...]:
    """The longest warm; of probes that say the same, the one that was read most."""
    return (*(each.ms for each in exposure.above), -exposure.unknown_ms)


def _unheeded(_: object, __: Scan) -> None:
    return
