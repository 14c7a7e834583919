"""The environmental record of one batch: everything that is said about it, in one value."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import msgspec

from alerts.reader import AlarmReader
from alerts.rule import Rule
from batches.batch import Batch
from batches.calibrated import Calibrations, calibration_items, calibrations
from batches.calibration import Book
from batches.episode import Episode, device_of, episodes
from batches.excursion import Excursion
from batches.findings import Stay, complete, open_items, verdict
from batches.ledger import Ledger
from batches.placement import Interval, Placement, Refused, bench
from batches.policy import Policy, Verdict
from batches.protocol import Step
from batches.setting import Equipment, Setting
from batches.shelf import Kept
from batches.survey import Part, Readings, limits_of, survey
from devices.scan import Scan
from storage.acts import Act
from storage.chain import Head

SCHEMA = "culturewatch.record/3"

Visit = Callable[[int, Interval, Part, Scan], None]
"""Is shown the number and time of a stay, and each scan that was read for it."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a record, and when (epoch milliseconds, UTC)."""

    by: str
    at: int


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record. Times are epoch milliseconds, UTC; values are in stored units.

    ``complete``: nothing that has limits went unmeasured at any time of a stay. ``verdict``:
    over all stays and limits. ``protocol`` is the version that judges; without one the limits are
    those of the alarm rules. ``open_items`` are sentences for whoever judges the batch.
    ``acts`` is the audit trail of the batch, corrections included. ``damaged`` are entries of
    the journal, up to ``journal_last``, that could not be read.
    """

    schema: str
    id: str
    made: Made
    setting: Setting
    batch: Batch
    protocol: Kept | None
    span: Interval
    complete: bool
    verdict: Verdict
    open_items: tuple[str, ...]
    stays: tuple[Stay, ...]
    bench: tuple[Interval, ...]
    alarms: tuple[Episode, ...]
    calibrations: Calibrations
    acts: tuple[Act, ...]
    ledger_head: Head
    alarm_head: Head
    journal_last: int
    damaged: dict[str, str]


def record_id(batch: str, made: Made) -> str:
    """The name of the record of ``batch`` that was made then."""
    return f"{batch}/{made.at}"


def assemble(
    batch: str,
    *,
    ledger: Ledger,
    readings: Readings,
    alarms: AlarmReader,
    setting: Setting,
    made: Made,
    visit: Visit,
) -> BatchRecord:
    """The record of ``batch`` as of ``made.at``, going once through its readings.

    Args:
        batch: its id.
        ledger: where it is entered.
        readings: where the readings are kept.
        alarms: the alarm history and the pages.
        setting: what is in force.
        made: by whom and when.
        visit: is shown every scan on the way.

    Raises:
        Refused: the batch is unknown, or stood in a device that the site does not know.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm history cannot be read.
    """
    entered = ledger.dossier(batch)
    culture = entered.batch
    placements = tuple(p for p in entered.stays if p.start < made.at)
    last = readings.last
    examiner = _Examiner(
        readings, setting, entered.protocol, book=entered.book, now=made.at, visit=visit
    )
    stays = tuple(
        examiner.stay(number, placement) for number, placement in enumerate(placements, start=1)
    )
    until = made.at if culture.closed_at is None else culture.closed_at
    devices = {stay.placement.device for stay in stays}
    rules = tuple(rule for rule in setting.rules if device_of(rule.channel) in devices)
    alarm_head = alarms.head()
    raised = tuple(e for e in episodes(alarms, devices, made.at) if _touches(e, stays))
    bench_time = bench(culture, placements, made.at)
    sensors = calibrations(entered.book, stays)
    damaged = {str(seq): why for seq, why in sorted(readings.damaged.items())}
    return BatchRecord(
        schema=SCHEMA,
        id=record_id(batch, made),
        made=made,
        setting=_relevant(setting, devices, rules),
        batch=culture,
        protocol=entered.protocol,
        span=Interval(culture.opened_at, until),
        complete=complete(stays),
        verdict=verdict(stays),
        open_items=(
            *_unknown_protocol(culture, entered.protocol),
            *open_items(culture, stays, bench_time, raised, damaged=len(damaged)),
            *calibration_items(sensors, ZoneInfo(setting.time_zone)),
        ),
        stays=stays,
        bench=bench_time,
        alarms=raised,
        calibrations=sensors,
        acts=entered.acts,
        ledger_head=entered.head,
        alarm_head=alarm_head,
        journal_last=last,
        damaged=damaged,
    )


class _Examiner:
    """Measures stay after stay; excursions of earlier ones count for how often they may be."""

    def __init__(
        self,
        readings: Readings,
        setting: Setting,
        kept: Kept | None,
        *,
        book: Book,
        now: int,
        visit: Visit,
    ) -> None:
        self._readings = readings
        self._setting = setting
        self._protocol = None if kept is None else kept.protocol
        self._book = book
        self._now = now
        self._visit = visit
        self._earlier: dict[tuple[str, str], list[Excursion]] = {}

    def stay(self, number: int, placement: Placement) -> Stay:
        equipment = self._equipment(placement)
        end = self._now if placement.end is None else min(placement.end, self._now)
        span = Interval(placement.start, end)
        step = self._protocol and self._protocol.step_in(placement.device)
        named = step.id if step else ""
        keys = [channel.key for channel in equipment.channels]
        summaries = survey(
            self._readings,
            placement.device,
            span,
            period=equipment.period,
            channels=equipment.channels,
            policies={key: self._policy(step or None, placement.device, key) for key in keys},
            earlier={key: self._earlier.get((named, key), []) for key in keys},
            book=self._book,
            sink=lambda part, scan: self._visit(number, span, part, scan),
        )
        for key, summary in zip(keys, summaries, strict=True):
            self._earlier.setdefault((named, key), []).extend(summary.exposure.excursions)
        return Stay(
            number=number,
            placement=placement,
            span=span,
            step=named,
            unchecked=bool(step and step.second_check and placement.checked_by is None),
            channels=summaries,
        )

    def _equipment(self, placement: Placement) -> Equipment:
        for each in self._setting.equipment:
            if each.id == placement.device:
                return each
        raise Refused(
            f"{placement.batch}: stood in {placement.device}, which this site does not know; "
            "add the device to the site to make the record",
            row=placement.row,
        )

    def _policy(self, step: Step | None, device: str, key: str) -> Policy:
        if self._protocol is None:
            return Policy(limits=limits_of(self._setting.rules, f"{device}.{key}"))
        return Policy() if step is None else step.policy(key)


def _unknown_protocol(culture: Batch, kept: Kept | None) -> tuple[str, ...]:
    if not culture.protocol or kept is not None:
        return ()
    what = "is not in the ledger; the limits are those of the alarm rules."
    return (f"Protocol {culture.protocol} {what}",)


def _touches(episode: Episode, stays: Sequence[Stay]) -> bool:
    return any(
        stay.placement.device == episode.device and episode.touches(stay.span.start, stay.span.end)
        for stay in stays
    )


def _relevant(setting: Setting, devices: set[str], rules: tuple[Rule, ...]) -> Setting:
    equipment = tuple(e for e in setting.equipment if e.id in devices)
    return msgspec.structs.replace(setting, equipment=equipment, rules=rules)
