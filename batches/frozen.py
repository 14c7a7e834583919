"""What a vial's cells went through while frozen, from the readings of every freezer."""

import msgspec

from batches.bank import Bank, Carried, Lived, Status
from batches.cryo import Warmth, cumulated, together
from batches.exposure import Exposure
from batches.placement import Interval, Refused
from batches.setting import Setting
from batches.survey import Channel, Readings, survey
from batches.vial import Vial, number_of
from devices.scan import Scan


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


Measured = dict[tuple[str, int, int], Exposure | None]
"""What was found of a device between two times, so that vials that stood together ask once."""


def frozen_life(
    vial: str,
    *,
    bank: Bank,
    readings: Readings,
    setting: Setting,
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
        now: up to when, epoch milliseconds, UTC.
        measured: where to keep what was found, for other vials of the same stays.

    Raises:
        Refused: there is no such vial, or it was in a freezer that the site does not know.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
    """
    lived = bank.life(vial)
    vials, carried = _vials(vial, bank)
    probes = _Probes(bank, readings, setting, {} if measured is None else measured)
    found: list[Exposure] = []
    unwatched = 0
    for each in vials:
        began = carried[each.id].until if each.id in carried else each.frozen_at
        ended = now if each.ended_at is None else min(each.ended_at, now)
        unwatched += max(0, ended - began)
        for stay in lived:
            if stay.subject == each.id and stay.start < now:
                exposure = probes.exposure(stay, now)
                if exposure is not None:
                    found.append(exposure)
                    unwatched -= exposure.end - exposure.start
    before = [carried[each].warmth for each in sorted(carried)]
    return Frozen(
        vial=vial,
        until=now,
        stays=tuple(found),
        unwatched_ms=unwatched,
        warmth=together([cumulated(found, unwatched_ms=unwatched), *before]),
        carried=tuple(carried[each] for each in sorted(carried)),
    )


def _vials(vial: str, bank: Bank) -> tuple[tuple[Vial, ...], dict[str, Carried]]:
    """``vial``, and every vial that it comes from; what of them was carried here.

    What came before a vial that was carried here is in what it carried.
    """
    kin = bank.ancestors(vial)
    above = {each.parent for each in kin if number_of(each.parent) is not None}
    carried = bank.carried((vial, *above))
    for each in sorted(carried):
        before = {k.parent for k in (kin if each == vial else bank.ancestors(each))}
        above -= before
        carried = {name: what for name, what in carried.items() if name not in before}
    return tuple(bank.vial(each) for each in (vial, *sorted(above))), carried


class _Probes:
    """The temperature of stays, as the probes of the devices say."""

    def __init__(
        self, bank: Bank, readings: Readings, setting: Setting, measured: Measured
    ) -> None:
        self._bank = bank
        self._readings = readings
        self._setting = setting
        self._measured = measured

    def exposure(self, stay: Lived, now: int) -> Exposure | None:
        """Of the probe that was warm for longest; None when none could say anything."""
        end = now if stay.end is None else min(stay.end, now)
        key = stay.placement.device, stay.start, end
        if key not in self._measured:
            self._measured[key] = self._survey(stay, Interval(stay.start, end))
        return self._measured[key]

    def _survey(self, stay: Lived, span: Interval) -> Exposure | None:
        device = stay.placement.device
        if not device:
            return None
        period, channels = self._channels(stay)
        summaries = survey(
            self._readings,
            device,
            span,
            period=period,
            channels=channels,
            policies={},
            earlier={},
            sink=_unheeded,
        )
        exposures = [summary.exposure for summary in summaries]
        return max(exposures, key=_warm, default=None)

    def _channels(self, stay: Lived) -> tuple[int, list[Channel]]:
        device = stay.placement.device
        for equipment in self._setting.equipment:
            if equipment.id == device:
                temperatures = [c for c in equipment.channels if c.quantity == "temperature"]
                return equipment.period, temperatures
        if stay.status is Status.TRANSIT:
            return self._of_logger(device)
        raise Refused(
            f"{stay.subject}: stood in {device}, which this site does not know; "
            "add the device to the site",
            row=stay.placement.row,
        )

    def _of_logger(self, device: str) -> tuple[int, list[Channel]]:
        """A logger that only travels with vials is no device of the site."""
        logger = self._bank.logger(device)
        if logger is None or logger.quantity != "temperature":
            return 1, []
        return logger.period, [Channel(key=logger.channel, quantity="temperature", unit="degC")]


def _warm(exposure: Exposure) -> tuple[int, ...]:
    """The longest warm; of probes that say the same, the one that was read most."""
    return (*(each.ms for each in exposure.above), -exposure.unknown_ms)


def _unheeded(_: object, __: Scan) -> None:
    return
