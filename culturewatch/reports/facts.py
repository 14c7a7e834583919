"""What each kind of report says, from the readings, the alarm history and the ledger."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from alerts.engine.view import AlarmView
from alerts.kpi import kpi
from alerts.reader import AlarmReader, Recorded
from alerts.transition import What
from batches import sensor_rows
from batches.equipment_log import equipment_log
from batches.export.listing import Listing, Table
from batches.export.log_listing import log_report
from batches.ledger import Ledger
from batches.placement import Interval
from batches.record import Made
from batches.setting import Equipment, Setting
from console import figures, words
from console.alarm_list import SILENCING
from culturewatch import paths
from culturewatch.parts import rulebook, setting
from culturewatch.reports import totals
from culturewatch.reports.schedule import Period
from culturewatch.site import Site
from culturewatch.site_file import ReportTable
from storage.archive.log import LogReader

_QUIETED = ("alarm", "how", "by", "until", "why", "would have paged")
_HISTORY = ("when", "alarm", "what", "severity", "by", "why")
NONE = "None."
LISTED = 200
"""Lines of one table at most: who reads a mail reads no more; the console has all."""


class Told(NamedTuple):
    """A report that was made: what it says, and the word that its subject begins with."""

    listing: Listing
    urgent: bool


def made(site: Site, report: ReportTable, period: Period, *, now: int) -> Told:
    """What ``report`` says of ``period`` at ``now`` (epoch ms).

    Raises:
        alerts.schema.StoreError: the alarm store cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
        storage.archive.seal.ArchiveError: a segment cannot be read.
        storage.database.DatabaseError: the ledger cannot be read.
    """
    with AlarmReader(paths.alarms(site.data)) as alarms:
        match report.kind:
            case "week":
                return _Maker(site, alarms, period, now).week()
            case "month":
                return _Maker(site, alarms, period, now).month(report.device)
            case "silenced":
                return _Maker(site, alarms, period, now).silenced()


class _Maker:
    def __init__(self, site: Site, alarms: AlarmReader, period: Period, now: int) -> None:
        self._site = site
        self._alarms = alarms
        self._span = Interval(period.start, period.end)
        self._now = now

    def week(self) -> Told:
        in_force, still_open = self._setting(), self._alarms.open_alarms()
        measured, gaps = self._measured(in_force.equipment)
        rated = kpi(
            self._alarms.told(), start=self._span.start, end=self._span.end, zone=self._site.zone
        )
        lines = tuple(
            (line.figure, line.value, line.asked, _met(line.met)) for line in figures.lines(rated)
        )
        tables = (
            self._still_open(still_open),
            measured,
            self._happened("Alarms of the week", self._set()),
            Table(
                title="How the alarms did (ISA-18.2, EEMUA 191)",
                file="figures",
                columns=("figure", "value", "asked for", "met"),
                rows=lines,
            ),
        )
        return self._told("Week of all rooms", (), gaps, tables, urgent=bool(still_open))

    def month(self, device: str) -> Told:
        in_force = self._setting()
        equipment = tuple(each for each in in_force.equipment if each.id == device)
        measured, gaps = self._measured(equipment)
        still_open = [one for one in self._alarms.open_alarms() if _is_of(one.channel, device)]
        own = [one for one in self._set() if _is_of(one.transition.channel, device)]
        with LogReader(self._site.data) as readings:
            found = equipment_log(
                device,
                self._span,
                ledger=self._ledger(),
                setting=in_force,
                made=Made(by="culturewatch", at=self._now),
                readings=readings,
            )
        log = log_report(found).listing
        tables = (
            self._still_open(still_open),
            measured,
            self._happened("Alarms of the month", own),
            *log.tables,
        )
        facts = tuple(fact for fact in log.facts if fact[0] in {"Device", "Model"})
        items = (*gaps, *log.open_items)
        return self._told(f"Month of {device}", facts, items, tables, urgent=bool(still_open))

    def silenced(self) -> Told:
        quiet = [one for one in self._alarms.alarms() if one.quiet]
        past = [
            one
            for one in self._alarms.between(self._span.start, self._span.end)
            if one.transition.what in SILENCING
        ]
        rows = tuple(
            (
                one.rule,
                why.how,
                why.by or words.NOTHING,
                words.moment(why.until, self._site.zone),
                why.why,
                str(one.held),
            )
            for one in quiet
            for why in one.quiet
        )
        tables = (
            _table("What pages nobody now", "silenced", _QUIETED, rows, "Nothing is silenced."),
            self._happened("What was silenced in the period", past),
        )
        return self._told("What is silenced", (), (), tables, urgent=bool(quiet))

    def _told(
        self,
        title: str,
        facts: tuple[tuple[str, str], ...],
        items: Iterable[str],
        tables: tuple[Table, ...],
        *,
        urgent: bool,
    ) -> Told:
        zone = self._site.zone
        facts = (
            ("Site", self._site.file.site.name),
            *facts,
            ("From", words.moment(self._span.start, zone)),
            ("Until", words.moment(self._span.end, zone)),
            ("Made", words.moment(self._now, zone)),
            ("Console", self._site.public_url),
        )
        filled = tuple(_filled(one) for one in tables)
        listing = Listing(title=title, facts=facts, open_items=tuple(items), tables=filled)
        return Told(listing, urgent)

    def _setting(self) -> Setting:
        return setting(self._site, rulebook(self._site))

    def _ledger(self) -> Ledger:
        return Ledger(self._site.ledger_url)

    def _measured(self, devices: Sequence[Equipment]) -> tuple[Table, tuple[str, ...]]:
        ledger = self._ledger()
        with ledger.database.reading() as connection:
            book = sensor_rows.book(connection)
        with LogReader(self._site.data) as readings:
            found = totals.totals(readings, devices, self._span, book)
        return totals.table(devices, found), tuple(totals.gaps(devices, found))

    def _set(self) -> list[Recorded]:
        """The alarms that were set and not kept quiet."""
        return [
            one
            for one in self._alarms.between(self._span.start, self._span.end)
            if one.transition.what is What.SET and not one.transition.held
        ]

    def _still_open(self, found: Iterable[AlarmView]) -> Table:
        rows = tuple(
            (one.rule, one.severity, words.state(one), words.moment(one.since, self._site.zone))
            for one in found
        )
        columns = ("alarm", "severity", "state", "since")
        return _table("Alarms that are open now", "open", columns, rows, "No alarm is open.")

    def _happened(self, title: str, found: Iterable[Recorded]) -> Table:
        rows = tuple(
            (
                words.moment(one.transition.at, self._site.zone),
                one.transition.rule,
                words.spaced(one.transition.what.value),
                one.transition.severity,
                one.transition.by or words.NOTHING,
                one.transition.why,
            )
            for one in found
        )
        return _table(title, "history", _HISTORY, rows)


def _table(
    title: str,
    file: str,
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
    none: str = NONE,
) -> Table:
    return _filled(Table(title=title, file=file, columns=columns, rows=rows), none)


def _filled(table: Table, none: str = NONE) -> Table:
    """With a line that says so where there is none, or more than anybody reads."""
    blank = ("",) * (len(table.columns) - 1)
    more = len(table.rows) - LISTED
    rows = table.rows[:LISTED] or ((none, *blank),)
    if more > 0:
        rows += ((f"and {more} more: see the console", *blank),)
    return replace(table, rows=rows)


def _is_of(channel: str, device: str) -> bool:
    return channel.partition(".")[0] == device


def _met(met: bool | None) -> str:  # noqa: FBT001 # as the figure has it
    return "" if met is None else "yes" if met else "NO"
