"""The excursions of a period by alarm rules and protocols, with the alarms and who was there.

What judges is what was in force at the time, as in a record: the rules that ran then, and of
whatever stood there the version of its protocol of then.
"""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import msgspec

from alerts.reader import AlarmReader
from batches.calibrated import moment
from batches.episode import Episode, episodes
from batches.in_force import InForce, RulesSince
from batches.ledger import Ledger
from batches.outside import Known, Outside, Search, Visit, unheeded
from batches.placement import Interval, Refused
from batches.policy import Standing, Verdict
from batches.record import Made
from batches.setting import Setting
from batches.survey import Readings
from batches.version import Version, hashed
from devices.duration import Duration
from storage.chain import Head

SCHEMA = "culturewatch.excursions/2"


class ExcursionReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, over ``span``. ``alarms`` are those on ``devices`` at any time of it.

    ``rules`` are those on ``devices`` that were in force, from when on; where there are none, the
    limits are those of the rules of the ``setting``. ``verdict`` is over all limits and all of the
    time: in only when everything was known, limited and in limits. ``version`` is its place among
    the reports of the same devices and period; ``people`` are those who acted on its alarms.
    """

    schema: str
    id: str
    made: Made
    version: Version
    setting: Setting
    devices: tuple[str, ...]
    span: Interval
    rules: tuple[RulesSince, ...]
    verdict: Verdict
    excursions: tuple[Outside, ...]
    alarms: tuple[Episode, ...]
    known: tuple[Known, ...]
    open_items: tuple[str, ...]
    people: tuple[str, ...]
    ledger_head: Head
    alarm_head: Head

    @property
    def subject(self) -> str:
        """What it is a version of: the devices and the period."""
        return self.id.rpartition("/")[0]

    @property
    def content(self) -> dict[str, str]:
        """What it says in short, to be compared with another version."""
        return {
            "verdict": self.verdict.value,
            "excursions": f"{len(self.excursions):,}",
            "alarms": f"{len(self.alarms):,}",
            "time not known": str(Duration(sum(each.unknown_ms for each in self.known))),
            "open items": f"{len(self.open_items):,}",
            "limits and excursions": hashed((self.rules, self.excursions)),
        }


def report_id(devices: Sequence[str], span: Interval, made: Made) -> str:
    """The name of the report over ``span``; of all devices of a site unless one is named."""
    of = devices[0] if len(devices) == 1 else "all"
    return f"excursions/{of}/{span.start}-{span.end}/{made.at}"


def excursion_report(
    span: Interval,
    devices: Sequence[str],
    *,
    ledger: Ledger,
    readings: Readings,
    alarms: AlarmReader,
    setting: Setting,
    made: Made,
    past: InForce | None = None,
    visit: Visit = unheeded,
) -> ExcursionReport:
    """Go through the readings of ``devices`` in ``span``, which must be over.

    ``past`` is what was in force before; None: what the setting says, all the time. ``visit`` is
    shown each channel that was out of the limits of the rules, and its line.

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
    then = (past or InForce()).over(span)
    search = Search(
        span,
        ledger=ledger,
        readings=readings,
        setting=setting,
        alarms=raised,
        then=then,
        visit=visit,
    )
    for device in devices:
        search.look(known[device])
    return ExcursionReport(
        schema=SCHEMA,
        id=report_id(devices, span, made),
        made=made,
        version=Version(),
        setting=setting.on(devices),
        devices=tuple(devices),
        span=span,
        rules=tuple(each.on(devices) for each in then.rules),
        verdict=_verdict(search),
        excursions=tuple(
            sorted(search.found, key=lambda o: (o.judged.excursion.start, o.channel, o.by))
        ),
        alarms=raised,
        known=tuple(search.known),
        open_items=tuple(_open_items(search, then, raised, ZoneInfo(setting.time_zone))),
        people=tuple(sorted({t.by for alarm in raised for t in alarm.trail if t.by})),
        ledger_head=search.head,
        alarm_head=alarm_head,
    )


def _verdict(search: Search) -> Verdict:
    if {each.judged.standing for each in search.found} - {Standing.ALLOWED, Standing.UNSURE}:
        return Verdict.OUT
    sure = not search.found or all(e.judged.standing is Standing.ALLOWED for e in search.found)
    measured = search.known and not any(each.unknown_ms for each in search.known)
    return Verdict.IN if sure and measured and not search.unlimited else Verdict.UNKNOWN


def _open_items(
    search: Search, then: InForce, alarms: Sequence[Episode], zone: ZoneInfo
) -> Iterator[str]:
    for each in then.rules:
        if each.rules is None:
            yield (
                f"The alarm rules {each.digest[:12]} that ran from {moment(each.since, zone)} on "
                "were not kept; what the limits were is not known."
            )
    for known in search.known:
        if known.unknown_ms:
            yield f"{known.channel}: {known.coverage:.2f} % known; what was between is not known."
    yield from _unlimited(search, zone)
    for reference in sorted(search.unkept):
        yield f"Protocol {reference} is not in the ledger; nothing was held against it."
    for alarm in alarms:
        if alarm.acknowledged_at is None:
            yield f"Alarm {alarm.rule} no. {alarm.occurrence} was never acknowledged."


def _unlimited(search: Search, zone: ZoneInfo) -> Iterator[str]:
    for device, span in search.unlimited:
        if span == search.span:
            yield f"{device}: no limits are in force, so no excursion can be found."
        else:
            when = f"from {moment(span.start, zone)} until {moment(span.end, zone)}"
            yield f"{device}: no limits were in force {when}, so no excursion can be found then."
