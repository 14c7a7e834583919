"""The environmental record of one batch: everything that is said about it, in one value."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from alerts.reader import AlarmReader
from alerts.transition import Transition, What
from batches.bank import Bank
from batches.batch import Batch
from batches.calibrated import Calibrations, calibration_items, calibrations
from batches.cryo import Warmth
from batches.dossier import Dossier
from batches.episode import Episode, device_of, episodes
from batches.examination import Examiner, Visit
from batches.findings import Stay, complete, open_items, verdict
from batches.frozen import Frozen, Travelled, known, live_through
from batches.holding import Method
from batches.in_force import InForce, Ran, RulesSince
from batches.kinship import Kin
from batches.ledger import Ledger
from batches.logged import Intake
from batches.placement import Interval, Placement, bench
from batches.policy import Verdict
from batches.provenance import Carried, Status
from batches.setting import Setting
from batches.shelf import Adopted
from batches.survey import Readings
from batches.version import Content, Former, Version, content, differences
from batches.vial import Vial, number_of
from devices.duration import Duration
from storage.acts import Act
from storage.chain import Head
from storage.entry import ClockStep

SCHEMA = "culturewatch.record/6"
_ORDERED = frozenset(
    {
        *(What.EDITED, What.REMOVED, What.SHELVED, What.UNSHELVED, What.SUPPRESSED),
        *(What.UNSUPPRESSED, What.OUT_OF_SERVICE, What.IN_SERVICE),
    }
)
"""What was done to alarms beyond the occurrences of one."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a record, and when (epoch milliseconds, UTC)."""

    by: str
    at: int


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record. Times are epoch milliseconds, UTC; values are in stored units.

    Of a ``vial`` it holds every stay of what its cells come from up to the split, ``batch`` is
    the one it was frozen from, and ``warmth`` how long it was too warm while frozen (as
    ``batches.frozen``): in freezers, on its ``journeys``, and in what was ``carried`` from other
    sites' ledgers.

    ``complete``: nothing that has limits went unmeasured at any time of a stay. ``verdict``:
    over all stays and limits. ``version`` is its place among the records of the same batch or
    vial, and what has changed since the one before. ``protocols`` are the versions that judge,
    from when on; where there is none, the limits are those of the alarm ``rules`` of then.
    ``open_items`` are sentences for whoever judges the batch. ``parents`` lead up to the patient's
    token, ``children`` are what came of the batch. ``acts`` is the audit trail of the batch,
    corrections included; ``orders`` what was done to the alarms of its devices (edits, shelving,
    suppression), ``runs`` when the core began and ended, ``clock`` the steps of its clock.
    ``damaged`` are entries of the journal, up to ``journal_last``, that could not be read.
    ``method`` is how readings were summed up, and ``loggers`` are the loggers' files that brought
    some of them: those hold for the logger's period.
    """

    schema: str
    id: str
    made: Made
    version: Version
    setting: Setting
    batch: Batch
    vial: Vial | None
    passage: int | None
    parents: tuple[Kin, ...]
    children: tuple[Kin, ...]
    protocols: tuple[Adopted, ...]
    rules: tuple[RulesSince, ...]
    span: Interval
    complete: bool
    verdict: Verdict
    open_items: tuple[str, ...]
    stays: tuple[Stay, ...]
    bench: tuple[Interval, ...]
    warmth: tuple[Warmth, ...]
    journeys: tuple[Travelled, ...]
    carried: tuple[Carried, ...]
    alarms: tuple[Episode, ...]
    calibrations: Calibrations
    orders: tuple[Transition, ...]
    acts: tuple[Act, ...]
    runs: tuple[Ran, ...]
    clock: tuple[ClockStep, ...]
    ledger_head: Head
    alarm_head: Head
    journal_last: int
    damaged: dict[str, str]
    method: Method
    loggers: tuple[Intake, ...]

    @property
    def subject(self) -> str:
        """The id of the vial or of the batch."""
        return self.batch.id if self.vial is None else self.vial.id

    @property
    def content(self) -> Content:
        """What it says in short, to be compared with another version."""
        return content(
            self.stays,
            verdict=self.verdict,
            complete=self.complete,
            until=self.span.end,
            alarms=len(self.alarms),
            acts=self.acts,
            open_items=len(self.open_items),
            protocols=[each.reference for each in self.protocols if each.reference],
        )

    def after(self, former: Former, said: Content) -> "BatchRecord":
        """The same as the version after ``former``, which said ``said``."""
        changed = differences(said, self.content)
        version = Version(number=former.version + 1, former=former, changed=changed)
        return msgspec.structs.replace(self, version=version)


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
    past: InForce | None = None,
) -> BatchRecord:
    """The record of ``batch`` as of ``made.at``, going once through its readings.

    Args:
        batch: its id, or that of a vial.
        ledger: where it is entered.
        readings: where the readings are kept.
        alarms: the alarm history and the pages.
        setting: what is in force.
        made: by whom and when.
        visit: is shown every scan on the way.
        past: what was in force before; None: what the setting says, all the time.

    Raises:
        Refused: the batch is unknown, or stood in a device that the site does not know.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm history cannot be read.
    """
    entered = dossier(batch, ledger)
    culture = entered.batch
    placements = tuple(p for p in entered.stays if p.start < made.at)
    last = readings.last
    until = made.at if entered.ended is None else entered.ended
    span = Interval(entered.began, until)
    then = (past or InForce()).over(span)
    bench_time = bench(span.start, span.end, [*placements, *_travels(entered, made.at)])
    examiner = Examiner(readings, setting, entered.protocols, then, visit, book=entered.book)
    stays = examiner.stays(placements, now=made.at, bench=bench_time)
    devices = {stay.placement.device for stay in stays}
    life = (
        live_through(
            entered.provenance,
            readings=readings,
            setting=setting,
            book=entered.book,
            now=made.at,
            measured=known(stays, entered.provenance),
        )
        if entered.provenance is not None
        else None
    )
    alarm_head = alarms.head()
    raised = tuple(e for e in episodes(alarms, devices, made.at) if _touches(e, stays))
    sensors = calibrations(entered.book, stays)
    damaged = {str(seq): why for seq, why in sorted(readings.damaged.items())}
    return BatchRecord(
        schema=SCHEMA,
        id=record_id(batch, made),
        made=made,
        version=Version(),
        setting=setting.on(devices),
        batch=culture,
        vial=entered.vial,
        passage=entered.passage,
        parents=entered.parents,
        children=entered.children,
        protocols=entered.protocols,
        rules=tuple(each.on(devices) for each in then.rules),
        span=span,
        complete=complete(stays),
        verdict=verdict(stays),
        open_items=(
            *_of_protocols(entered.protocols),
            *_of_rules(then, entered.protocols),
            *open_items(
                culture, stays, bench_time, raised, damaged=len(damaged), vial=entered.vial
            ),
            *_on_the_way(life),
            *calibration_items(sensors, ZoneInfo(setting.time_zone)),
        ),
        stays=stays,
        bench=bench_time,
        warmth=() if life is None else life.warmth,
        journeys=() if life is None else life.journeys,
        carried=() if life is None else life.carried,
        alarms=raised,
        calibrations=sensors,
        orders=tuple(_orders(alarms, stays)),
        acts=entered.acts,
        runs=then.runs,
        clock=then.clock,
        ledger_head=entered.head,
        alarm_head=alarm_head,
        journal_last=last,
        damaged=damaged,
        method=Method(),
        loggers=tuple(_loggers(entered.book.intakes, stays, life)),
    )


def dossier(subject: str, ledger: Ledger) -> Dossier:
    """What the ledger holds about a batch or a vial.

    Raises:
        Refused: it holds nothing.
        storage.database.DatabaseError: it cannot be read.
    """
    if number_of(subject) is None:
        return ledger.dossier(subject)
    return Bank(ledger).dossier(subject)


def _travels(entered: Dossier, now: int) -> Iterable[Placement]:
    if entered.provenance is not None:
        for each in entered.provenance.lived:
            if each.status is not Status.PLACED and each.start < now:
                yield msgspec.structs.replace(each.placement, start=each.start, end=each.end)


def _loggers(
    intakes: Iterable[Intake], stays: Sequence[Stay], life: Frozen | None
) -> Iterable[Intake]:
    """Those of what it went through: where it stood, and what travelled with it."""
    there = [(each.placement.device, each.span) for each in stays]
    there += [(each.placement.device, each.span) for each in (life.journeys if life else ())]
    for intake in intakes:
        if any(device == intake.device and intake.meets(span) for device, span in there):
            yield intake


def _on_the_way(life: Frozen | None) -> Iterable[str]:
    for each in () if life is None else life.journeys:
        where = f"On the way ({each.placement.position}) for {Duration(each.span.length)}"
        if not each.exposures:
            yield f"{where} without readings; its temperature there is not known."
        elif each.unknown_ms:
            yield f"{where}: {Duration(each.unknown_ms)} unknown."


def _of_protocols(adopted: Sequence[Adopted]) -> Iterable[str]:
    for each in adopted:
        if each.reference and each.kept is None:
            what = "is not in the ledger; the limits are those of the alarm rules."
            yield f"Protocol {each.reference} {what}"
    for before, after in pairwise(adopted):
        if before.batch != after.batch:
            continue
        was, is_ = (each.reference or "none" for each in (before, after))
        yield f"The protocol was changed from {was} to {is_} by {after.by}: {after.reason}."


def _of_rules(then: InForce, adopted: Sequence[Adopted]) -> Iterable[str]:
    if all(each.kept is not None for each in adopted):
        return
    for each in then.rules:
        if each.rules is None:
            yield (
                f"The alarm rules {each.digest[:12]} that ran then were not kept; "
                "what the limits were is not known."
            )


def _touches(episode: Episode, stays: Sequence[Stay]) -> bool:
    return any(
        stay.placement.device == episode.device and episode.touches(stay.span.start, stay.span.end)
        for stay in stays
    )


def _orders(alarms: AlarmReader, stays: Sequence[Stay]) -> Iterable[Transition]:
    if not stays:
        return
    first, last = min(s.span.start for s in stays), max(s.span.end for s in stays)
    for row in alarms.between(first, last):
        entry = row.transition
        device = device_of(entry.channel)
        if entry.what in _ORDERED and any(
            stay.placement.device == device and stay.span.start <= entry.at < stay.span.end
            for stay in stays
        ):
            yield entry
