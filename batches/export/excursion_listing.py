"""The excursions of a period as people read them."""

from zoneinfo import ZoneInfo

from alerts.transition import What
from batches.calibrated import moment
from batches.episode import Episode
from batches.excursions import ExcursionReport
from batches.export.chart import chart
from batches.export.listing import Listing, Report, Table
from batches.export.paper.outside import excursion_sheet
from batches.export.trace import Trace
from batches.outside import Known, Outside
from batches.survey import Summary
from devices.duration import Duration

MOST = 40
"""Charts in one report; a page holds about four."""
EXCURSIONS = (
    *("From", "Until", "Length", "Channel", "Limits", "Worst", "Against", "Standing"),
    *("Alarms", "Batches", "Vials", "Patients"),
)
ALARMS = (
    *("Set", "Rule", "No.", "Severity", "Why", "Told", "Acknowledged", "By", "After"),
    *("Comments", "Cleared"),
)
COVERAGE = ("Channel", "Known, %", "Not known", "Of that in calibration")


class Lines:
    """Keeps the lines of what was out of limits, to draw those of the longest excursions."""

    def __init__(self) -> None:
        self._kept: list[tuple[Summary, Trace]] = []

    def __call__(self, summary: Summary, trace: Trace) -> None:
        self._kept.append((summary, trace))

    def charts(self, zone: ZoneInfo) -> tuple[tuple[tuple[Summary, str], ...], int]:
        """Those that are drawn, in the order in which they came, and how many are not."""
        longest = sorted(self._kept, key=lambda each: -(each[0].exposure.out_ms or 0))[:MOST]
        wanted = {id(summary) for summary, _ in longest}
        drawn = tuple((s, chart(s, trace, zone)) for s, trace in self._kept if id(s) in wanted)
        return drawn, len(self._kept) - len(drawn)


def excursions_report(found: ExcursionReport, lines: Lines | None = None) -> Report:
    """What is written of ``found``, with the charts of ``lines``."""
    zone = ZoneInfo(found.setting.time_zone)
    charts, omitted = ((), 0) if lines is None else lines.charts(zone)
    return Report(
        id=found.id,
        schema=found.schema,
        subject=", ".join(found.devices),
        made=found.made,
        value=found,
        listing=_listing(found, zone),
        sheet=excursion_sheet(found, charts, omitted),
        ledger_head=found.ledger_head,
        alarm_head=found.alarm_head,
    )


def _listing(found: ExcursionReport, zone: ZoneInfo) -> Listing:
    return Listing(
        title="Excursions of a period",
        facts=(
            ("Site", found.setting.site),
            ("Devices", ", ".join(found.devices)),
            ("From", moment(found.span.start, zone)),
            ("Until", moment(found.span.end, zone)),
            ("Made", f"{moment(found.made.at, zone)} by {found.made.by}"),
            ("Version", str(found.version.number)),
            ("In limits", found.verdict.value),
            ("Excursions", str(len(found.excursions))),
            ("Alarms", str(len(found.alarms))),
        ),
        open_items=found.open_items,
        tables=(
            Table(
                title="Excursions",
                file="excursions",
                columns=EXCURSIONS,
                rows=tuple(_excursion(each, zone) for each in found.excursions),
            ),
            Table(
                title="Alarms",
                file="alarms",
                columns=ALARMS,
                rows=tuple(_alarm(each, zone) for each in found.alarms),
            ),
            Table(
                title="What is known of the period",
                file="coverage",
                columns=COVERAGE,
                rows=tuple(_coverage(each) for each in found.known),
            ),
        ),
    )


def _excursion(each: Outside, zone: ZoneInfo) -> tuple[str, ...]:
    excursion = each.judged.excursion
    edges = ("any" if e is None else f"{e:g}" for e in (each.low, each.high))
    return (
        moment(excursion.start, zone),
        moment(excursion.end, zone),
        str(Duration(excursion.length)),
        each.channel,
        " to ".join(edges),
        f"{excursion.worst:g}",
        each.by,
        each.judged.standing.value,
        ", ".join(f"{rule} no. {occurrence}" for rule, occurrence in each.alarms),
        ", ".join(each.batches),
        ", ".join(each.vials),
        ", ".join(each.patients),
    )


def _coverage(each: Known) -> tuple[str, ...]:
    return (
        each.channel,
        f"{each.coverage:.2f}",
        str(Duration(each.unknown_ms)),
        str(Duration(each.calibration_ms)),
    )


def _alarm(each: Episode, zone: ZoneInfo) -> tuple[str, ...]:
    acknowledged = each.acknowledged_at
    comments = (t.why for t in each.trail if t.what in {What.ACK, What.UNACK, What.RESET} and t.why)
    return (
        moment(each.set_at, zone),
        each.rule,
        str(each.occurrence),
        each.severity,
        each.why,
        ", ".join(each.told),
        "" if acknowledged is None else moment(acknowledged, zone),
        each.acknowledged_by,
        "" if acknowledged is None else str(Duration(acknowledged - each.set_at)),
        "; ".join(comments),
        "" if each.cleared_at is None else moment(each.cleared_at, zone),
    )
