"""The pages of the excursions of a period: what, against which limits, and who was there."""

from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from batches.excursions import ExcursionReport
from batches.export.paper import alarms, changes, front, limits
from batches.export.paper.report import report_sheet
from batches.export.paper.sheet import (
    LISTED,
    Answer,
    Block,
    Cell,
    Facts,
    Heading,
    Key,
    Picture,
    Section,
    Sheet,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.paper.stays import STANDINGS
from batches.export.wording import NOTHING, counted, moment, number, span, unit
from batches.outside import Outside
from batches.policy import Verdict
from batches.survey import Summary

_KIND = "Excursions of a period"
_NAMED = 6
"""Batches, vials or patients named in a cell; record.json names them all."""
Charts = Sequence[tuple[Summary, str]]
"""What was out of limits, each over the time of its limits, with its SVG element."""


def excursion_sheet(found: ExcursionReport, charts: Charts, omitted: int) -> Sheet:
    """The pages, with ``charts``, of which ``omitted`` more could have been drawn."""
    zone = ZoneInfo(found.setting.time_zone)
    start, end = moment(zone, found.span.start), moment(zone, found.span.end)
    of = found.devices[0] if len(found.devices) == 1 else "all devices"
    return report_sheet(
        found,
        kind=_KIND,
        title=f"Excursions of {of}, {start} to {end}",
        subject=front.short(of, 60),
        about=f"{start} to {end}",
        site=found.setting.site,
        answers=(_known(found), _in_limits(found)),
        summary=_summary(found, zone),
        sections=(
            Section("Excursions", (*_excursions(found, zone), *_charts(charts, omitted, zone))),
            Section("Alarms", alarms.gone_on(found.alarms, zone)),
            _coverage(found),
            Section("Limits in force", tuple(_limits(found, zone))),
            _origin(found),
        ),
    )


def _known(found: ExcursionReport) -> Answer:
    unknown = sum(each.unknown_ms for each in found.known)
    if not found.known:
        return Answer("Complete?", "No", "nothing that was measured has limits", Tone.UNSURE)
    if unknown:
        said = f"channels with limits went unmeasured, together for {span(unknown)}"
        return Answer("Complete?", "No", said, Tone.UNSURE)
    said = "every channel with limits was measured throughout"
    return Answer("Complete?", "Yes", said, Tone.GOOD)


def _in_limits(found: ExcursionReport) -> Answer:
    count = counted(len(found.excursions), "excursion")
    match found.verdict:
        case Verdict.IN:
            said = f"{count}, allowed by the protocol" if found.excursions else "throughout"
            return Answer("In limits?", "In limits", said, Tone.GOOD)
        case Verdict.OUT:
            return Answer("In limits?", "Out of limits", f"at some time: {count}", Tone.BAD)
        case _:
            said = "nothing is known to be out, but a gap is never in limits"
            return Answer("In limits?", "Unknown", said, Tone.UNSURE)


def _summary(found: ExcursionReport, zone: ZoneInfo) -> Facts:
    start, end = moment(zone, found.span.start), moment(zone, found.span.end)
    out = [each.judged.excursion for each in found.excursions]
    subjects = {each for o in found.excursions for each in (*o.batches, *o.vials)}
    patients = {each for o in found.excursions for each in o.patients}
    known = f"{len(patients):,}" if patients or not subjects else "not known to the ledger"
    unknown = sum(each.unknown_ms for each in found.known)
    never = sum(alarm.acknowledged_at is None for alarm in found.alarms)
    rows = (
        ("Period", cell(f"{start} to {end}, {span(found.span.length)}")),
        ("Devices", cell(_several(found.devices, 20))),
        ("Judged by", cell("the alarm rules of then; protocols of what stood there, as of then")),
        (
            "Out of limits",
            cell(f"{span(front.outside(out))} in {counted(len(out), 'excursion')}"),
        ),
        ("Not known", cell(f"{span(unknown)}, of all channels with limits together")),
        ("There meanwhile", cell(f"batches and vials: {len(subjects):,}; patients: {known}")),
        ("Alarms", cell(f"{len(found.alarms):,}, of which {never:,} never acknowledged")),
        ("Version", front.version_cell(found.version, zone)),
    )
    return Facts(rows)


def _excursions(found: ExcursionReport, zone: ZoneInfo) -> Iterator[Block]:
    if not found.excursions:
        yield Text("None was found. What is not known is below.")
        return
    # The longest of too many, so that paper never leaves out the worst.
    longest = sorted(found.excursions, key=lambda o: o.judged.excursion.length, reverse=True)
    shown = sorted(
        longest[:LISTED], key=lambda o: (o.judged.excursion.start, o.channel, o.by, o.rules)
    )
    columns = [
        *(("From", 3.0), (">Length", 1.6), ("Channel", 3.4), (">Limits", 1.9), (">Worst", 1.4)),
        *(("Against", 2.6), ("By the policy", 2.7), ("Alarms", 4.1), ("There meanwhile", 3.3)),
    ]
    note = left_out(len(found.excursions), LISTED, "excursions", "longest")
    yield table(columns, (_excursion(each, zone) for each in shown), note)


def _excursion(each: Outside, zone: ZoneInfo) -> tuple[Cell | str, ...]:
    excursion = each.judged.excursion
    of = unit(each.unit)
    edges = (NOTHING if e is None else f"{e:g}" for e in (each.low, each.high))
    piece = ""
    if each.judged.whole is not None:
        piece = f"one piece of {span(each.judged.whole.length)}, cut where the limits changed"
    raised = [f"{rule} no.\N{NO-BREAK SPACE}{occurrence}" for rule, occurrence in each.alarms]
    patients = f"patient {_several(each.patients)}" if each.patients else ""
    return (
        cell(moment(zone, excursion.start), f"until {moment(zone, excursion.end)}"),
        span(excursion.length),
        cell(each.channel, f"{each.title}, {of}" if of else each.title),
        " to ".join(edges),
        number(excursion.worst),
        cell(each.by, f"rulebook {each.rules[:12]}" if each.rules else ""),
        cell(str(each.judged.standing), piece, STANDINGS.get(each.judged.standing, Tone.BAD)),
        _several(raised) or NOTHING,
        cell(_several([*each.batches, *each.vials]) or "nothing", patients),
    )


def _several(names: Sequence[str], most: int = _NAMED) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _charts(charts: Charts, omitted: int, zone: ZoneInfo) -> Iterator[Block]:
    if not charts:
        return
    yield Heading("What was out of the limits of the alarm rules")
    yield Key()
    for summary, svg in charts:
        exposure = summary.exposure
        of = unit(summary.unit)
        title = f"{summary.title}, {of}" if of else summary.title
        start, end = moment(zone, exposure.start), moment(zone, exposure.end)
        told = (
            f"{title}: {number(exposure.minimum)} to {number(exposure.maximum)}, "
            f"{counted(len(exposure.judged), 'excursion')}, {counted(len(exposure.gaps), 'gap')}"
        )
        yield Picture(title, f"{summary.channel}, {start} to {end}", svg, told)
    if omitted:
        yield Text(f"{omitted:,} further charts are not drawn; the longest excursions came first.")


def _coverage(found: ExcursionReport) -> Section:
    if not found.known:
        text = Text("No channel had limits, so nothing was judged.", Tone.UNSURE)
        return Section("What is known of the period", (text,))
    columns = [
        *(("Channel", 6), (">Known, %", 2.5), (">Not known for", 3)),
        (">Of that in calibration", 3.5),
    ]
    rows = [
        (
            each.channel,
            number(each.coverage),
            cell(span(each.unknown_ms), "", Tone.UNSURE if each.unknown_ms else None),
            span(each.calibration_ms),
        )
        for each in found.known
    ]
    note = left_out(len(rows), LISTED, "channels")
    return Section("What is known of the period", (table(columns, rows[:LISTED], note),))


def _limits(found: ExcursionReport, zone: ZoneInfo) -> Iterable[Block]:
    text = (
        "The limits of a channel are the narrowest that the alarm rules of then set. Protocols of "
        "what stood there are named with each excursion; the ledger keeps every version."
    )
    yield Text(text, Tone.SOFT)
    yield from limits.rules(found.rules, found.setting.rules, zone)


def _origin(found: ExcursionReport) -> Section:
    ledger, history = found.ledger_head, found.alarm_head
    rows = (
        ("Record", Cell(found.id)),
        ("Schema", Cell(found.schema)),
        ("Ledger up to", Cell(f"row {ledger.sequence:,}", ledger.hash)),
        ("Alarm history up to", Cell(f"row {history.sequence:,}", history.hash)),
        ("Configuration", Cell("SHA-256", found.setting.configuration)),
        ("Software", Cell(f"culturewatch {found.setting.software}")),
    )
    tables = ("excursions.csv, alarms.csv, coverage.csv", "the same lists, for spreadsheets")
    return Section("Origin and verification", (Facts(rows), changes.files(tables)))
