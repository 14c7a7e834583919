"""The environmental record of one batch: everything that is said about it, in one value."""

from collections.abc import Callable, Sequence

import msgspec

from alerts.reader import AlarmReader
from alerts.rule import Rule
from batches.batch import Batch
from batches.episode import Episode, device_of, episodes
from batches.findings import Stay, complete, open_items, verdict
from batches.ledger import Ledger
from batches.placement import Interval, Placement, Refused, bench
from batches.policy import Verdict
from batches.setting import Setting
from batches.survey import Part, Readings, survey
from devices.scan import Scan
from storage.acts import Act
from storage.chain import Head

SCHEMA = "culturewatch.record/2"

Visit = Callable[[int, Interval, Part, Scan], None]
"""Is shown the number and time of a stay, and each scan that was read for it."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a record, and when (epoch milliseconds, UTC)."""

    by: str
    at: int


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record. Times are epoch milliseconds, UTC; values are in stored units.

    ``complete``: nothing that has limits went unmeasured at any time of a stay. ``verdict``:
    over all stays and limits. ``open_items`` are sentences for whoever judges the batch.
    ``acts`` is the audit trail of the batch, corrections included. ``damaged`` are entries of
    the journal, up to ``journal_last``, that could not be read.
    """

    schema: str
    id: str
    made: Made
    setting: Setting
    batch: Batch
    span: Interval
    complete: bool
    verdict: Verdict
    open_items: tuple[str, ...]
    stays: tuple[Stay, ...]
    bench: tuple[Interval, ...]
    alarms: tuple[Episode, ...]
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
    stays = tuple(
        _stay(number, placement, readings=readings, setting=setting, now=made.at, visit=visit)
        for number, placement in enumerate(placements, start=1)
    )
    until = made.at if culture.closed_at is None else culture.closed_at
    devices = {stay.placement.device for stay in stays}
    rules = tuple(rule for rule in setting.rules if device_of(rule.channel) in devices)
    alarm_head = alarms.head()
    raised = tuple(e for e in episodes(alarms, devices, made.at) if _touches(e, stays))
    bench_time = bench(culture, placements, made.at)
    damaged = {str(seq): why for seq, why in sorted(readings.damaged.items())}
    return BatchRecord(
        schema=SCHEMA,
        id=record_id(batch, made),
        made=made,
        setting=_relevant(setting, devices, rules),
        batch=culture,
        span=Interval(culture.opened_at, until),
        complete=complete(stays),
        verdict=verdict(stays),
        open_items=tuple(open_items(culture, stays, bench_time, raised, damaged=len(damaged))),
        stays=stays,
        bench=bench_time,
        alarms=raised,
        acts=entered.acts,
        ledger_head=entered.head,
        alarm_head=alarm_head,
        journal_last=last,
        damaged=damaged,
    )


def _stay(
    number: int,
    placement: Placement,
    *,
    readings: Readings,
    setting: Setting,
    now: int,
    visit: Visit,
) -> Stay:
    equipment = next((e for e in setting.equipment if e.id == placement.device), None)
    if equipment is None:
        raise Refused(
            f"{placement.batch}: stood in {placement.device}, which this site does not know; "
            "add the device to the site to make the record",
            row=placement.row,
        )
    span = Interval(placement.start, now if placement.end is None else min(placement.end, now))
    summaries = survey(
        readings,
        placement.device,
        span,
        period=equipment.period,
        channels=equipment.channels,
        rules=setting.rules,
        sink=lambda part, scan: visit(number, span, part, scan),
    )
    return Stay(number=number, placement=placement, span=span, channels=summaries)


def _touches(episode: Episode, stays: Sequence[Stay]) -> bool:
    return any(
        stay.placement.device == episode.device and episode.touches(stay.span.start, stay.span.end)
        for stay in stays
    )


def _relevant(setting: Setting, devices: set[str], rules: tuple[Rule, ...]) -> Setting:
    equipment = tuple(e for e in setting.equipment if e.id in devices)
    return msgspec.structs.replace(setting, equipment=equipment, rules=rules)
