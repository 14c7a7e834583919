"""The excursions of a period by alarm rules and protocols, with the alarms and who was there."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import and_, or_

from alerts.reader import AlarmReader
from batches import kinship, shelf, standing
from batches.bank import Bank
from batches.calibration import Book
from batches.episode import Episode, episodes
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.placement import Interval, Placement, Refused
from batches.policy import Judged, Policy
from batches.protocol import Step
from batches.record import Made
from batches.setting import Equipment, Setting
from batches.survey import Readings, Summary, limits_of, survey
from batches.vial import number_of
from storage import schema
from storage.chain import Head

SCHEMA = "culturewatch.excursions/1"
RULES = "alarm rules"


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """An excursion on ``channel`` against what ``by`` says: the alarm rules, or a protocol's step.

    ``batches`` and ``vials`` are who was there meanwhile, under that protocol; ``patients`` their
    tokens. ``alarms`` are rule and occurrence of the alarms that were on meanwhile.
    """

    device: str
    channel: str
    title: str
    unit: str
    by: str
    low: float | None
    high: float | None
    judged: Judged
    batches: tuple[str, ...]
    vials: tuple[str, ...]
    patients: tuple[str, ...]
    alarms: tuple[tuple[str, int], ...]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the period is known of a channel that has limits; times in milliseconds."""

    channel: str
    coverage: float
    unknown_ms: int
    calibration_ms: int


class ExcursionReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, over ``span``. ``alarms`` are those on ``devices`` at any time of it."""

    schema: str
    id: str
    made: Made
    site: str
    time_zone: str
    devices: tuple[str, ...]
    span: Interval
    excursions: tuple[Outside, ...]
    alarms: tuple[Episode, ...]
    known: tuple[Known, ...]
    open_items: tuple[str, ...]
    ledger_head: Head
    alarm_head: Head


def report_id(devices: Sequence[str], span: Interval) -> str:
    """The name of the report over ``span``; of all devices of a site unless one is named."""
    return f"excursions/{devices[0] if len(devices) == 1 else 'all'}/{span.start}-{span.end}"


def excursion_report(
    span: Interval,
    devices: Sequence[str],
    *,
    ledger: Ledger,
    readings: Readings,
    alarms: AlarmReader,
    setting: Setting,
    made: Made,
) -> ExcursionReport:
    """Go through the readings of ``devices`` in ``span``, which must be over.

    Raises:
        Refused: a device is unknown, or the period is not over.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm history cannot be read.
    """
    if span.end > made.at:
        raise Refused("the period is not over; name one that has ended")
    known = {each.id: each for each in setting.equipment}
    for device in devices:
        if device not in known:
            named = ", ".join(known)
            raise Refused(f"{device!a} is not a device of this site; known: {named}")
    alarm_head = alarms.head()
    raised = tuple(
        each for each in episodes(alarms, devices, made.at) if each.touches(span.start, span.end)
    )
    search = _Search(ledger, readings, setting, span, raised)
    for device in devices:
        search.look(known[device])
    return ExcursionReport(
        schema=SCHEMA,
        id=report_id(devices, span),
        made=made,
        site=setting.site,
        time_zone=setting.time_zone,
        devices=tuple(devices),
        span=span,
        excursions=tuple(
            sorted(search.found, key=lambda o: (o.judged.excursion.start, o.channel, o.by))
        ),
        alarms=raised,
        known=tuple(search.known),
        open_items=tuple(_open_items(search, raised)),
        ledger_head=search.head,
        alarm_head=alarm_head,
    )


def _open_items(search: "_Search", alarms: Sequence[Episode]) -> Iterator[str]:
    for each in search.known:
        if each.unknown_ms:
            yield f"{each.channel}: {each.coverage:.2f} % known; what was between is not known."
    for device in search.unlimited:
        yield f"{device}: no limits are in force, so no excursion can be found."
    for alarm in alarms:
        if alarm.acknowledged_at is None:
            yield f"Alarm {alarm.rule} no. {alarm.occurrence} was never acknowledged."


class _Search:
    """Looks through device after device."""

    def __init__(
        self,
        ledger: Ledger,
        readings: Readings,
        setting: Setting,
        span: Interval,
        alarms: Sequence[Episode],
    ) -> None:
        self._ledger = ledger
        self._readings = readings
        self._setting = setting
        self._span = span
        self._alarms = alarms
        self._bank = Bank(ledger)
        self.head = ledger.head()
        self._book: Book = Instruments(ledger).book()
        self.found: list[Outside] = []
        self.known: list[Known] = []
        self.unlimited: list[str] = []

    def look(self, device: Equipment) -> None:
        """Judge it by the rules, then by each protocol of what stood there."""
        rules = self._setting.rules
        by_rules = {
            c.key: Policy(limits=limits_of(rules, f"{device.id}.{c.key}")) for c in device.channels
        }
        summaries = self._survey(device, by_rules)
        limited = [each for each in summaries if each.exposure.limits.given]
        if not limited:
            self.unlimited.append(device.id)
        for each in limited:
            self._note(device.id, RULES, each, None)
            self.known.append(
                Known(
                    channel=each.channel,
                    coverage=each.exposure.coverage,
                    unknown_ms=each.exposure.unknown_ms,
                    calibration_ms=each.exposure.calibration_ms,
                )
            )
        for reference, (step, subjects) in self._steps(device.id).items():
            policies = {c.key: step.policy(c.key) for c in device.channels}
            for each in self._survey(device, policies):
                self._note(device.id, f"{reference}, step {step.id}", each, subjects)

    def _survey(self, device: Equipment, policies: Mapping[str, Policy]) -> tuple[Summary, ...]:
        return survey(
            self._readings,
            device.id,
            self._span,
            period=device.period,
            channels=device.channels,
            policies=policies,
            book=self._book,
            sink=_unheeded,
        )

    def _note(
        self, device: str, by: str, summary: Summary, subjects: frozenset[str] | None
    ) -> None:
        limits = summary.exposure.limits
        for judged in summary.exposure.judged:
            start, end = judged.excursion.start, judged.excursion.end
            there = self._bank.endangered(device, start, end)
            batches, vials = (_among(stays, subjects) for stays in (there.batches, there.vials))
            if subjects is not None and not (batches or vials):
                # Nothing that follows this protocol was there then.
                continue
            self.found.append(
                Outside(
                    device=device,
                    channel=summary.channel,
                    title=summary.title,
                    unit=summary.unit,
                    by=by,
                    low=limits.low,
                    high=limits.high,
                    judged=judged,
                    batches=batches,
                    vials=vials,
                    patients=self._patients({*batches, *vials}),
                    alarms=tuple(
                        (alarm.rule, alarm.occurrence)
                        for alarm in self._alarms
                        if alarm.channel == summary.channel and alarm.touches(start, end)
                    ),
                )
            )

    def _patients(self, subjects: set[str]) -> tuple[str, ...]:
        with self._ledger.database.reading() as connection:
            found = kinship.patients(connection, subjects)
        return tuple(sorted({token for tokens in found.values() for token in tokens}))

    def _steps(self, device: str) -> dict[str, tuple[Step, frozenset[str]]]:
        """The protocols of what stood in ``device``: the step that happens there, and of whom."""
        found: dict[str, tuple[Step, set[str]]] = {}
        stay = schema.stay.c
        there = or_(stay.end_at.is_(None), stay.end_at > self._span.start)
        where = and_(stay.device == device, stay.start_at < self._span.end, there)
        with self._ledger.database.reading() as connection:
            stays = standing.stays(connection, where)
            protocols = {b.id: b.protocol for b in standing.cultures(connection) if b.protocol}
            for each in stays:
                reference = protocols.get(_batch_of(each.batch), "")
                if reference not in found:
                    step = shelf.step(connection, reference, device)
                    if step is None:
                        continue
                    found[reference] = step, set()
                found[reference][1].add(each.batch)
        return {name: (step, frozenset(who)) for name, (step, who) in found.items()}


def _batch_of(subject: str) -> str:
    """The batch that a vial was frozen of, by its id; a batch itself."""
    return subject if number_of(subject) is None else subject.rpartition("-V")[0]


def _among(stays: Sequence[Placement], subjects: frozenset[str] | None) -> tuple[str, ...]:
    who = (stay.batch for stay in stays if subjects is None or stay.batch in subjects)
    return tuple(dict.fromkeys(who))


def _unheeded(_: object, __: object) -> None:
    return
