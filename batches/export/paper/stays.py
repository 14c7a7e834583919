"""Where the batch stood, what was measured there, and what was out of limits or not known."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from batches.export.drawings import Drawings, key_of
from batches.export.method import method
from batches.export.paper import handled
from batches.export.paper.front import TONES
from batches.export.paper.sheet import (
    LISTED,
    SHOWN,
    Block,
    Cell,
    Heading,
    Key,
    Picture,
    Section,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, counted, limits, moment, number, span, unit
from batches.findings import Stay
from batches.placement import Interval
from batches.policy import Judged, Standing
from batches.record import BatchRecord
from batches.survey import Summary

_PART = re.compile(r"(?<=[a-z])(?=[0-9])")
STANDINGS = {Standing.ALLOWED: Tone.GOOD, Standing.UNSURE: Tone.UNSURE}


def stays(record: BatchRecord, zone: ZoneInfo) -> Section:
    """One row a stay, and the time in no device."""
    if not record.stays:
        return Section("Stays", (Text("It was never placed in a device."),))
    columns = [
        *((">No.", 1.0), ("Device, position", 3.6), ("From", 3.0), ("Until", 3.0)),
        *((">Length", 2.4), ("Judged by", 3.0), ("Entered by", 3.0), ("Second check", 2.6)),
    ]
    rows = (_row(stay, record.subject, zone) for stay in record.stays[:LISTED])
    blocks: list[Block] = [table(columns, rows, left_out(len(record.stays), LISTED, "stays"))]
    if record.bench:
        blocks += [
            Heading("In no device"),
            table(
                [("From", 4), ("Until", 4), (">Length", 2), ("", 6)],
                (
                    (moment(zone, b.start), moment(zone, b.end), span(b.length), "")
                    for b in record.bench[:SHOWN]
                ),
                left_out(len(record.bench), SHOWN, "intervals"),
            ),
        ]
    return Section("Stays", tuple(blocks))


def _row(stay: Stay, subject: str, zone: ZoneInfo) -> tuple[Cell | str, ...]:
    placed = stay.placement
    until = moment(zone, stay.span.end)
    goes_on = "still there" if placed.end is None and stay.span.end != placed.end else ""
    by = f"corrects row {placed.corrects}" if placed.corrects else ""
    why = ": ".join(each for each in (by, placed.reason) if each)
    checked = cell(placed.checked_by or NOTHING)
    if stay.unchecked:
        checked = cell("missing", "the step needs one", Tone.BAD)
    whose = "" if placed.batch == subject else f"of {placed.batch}"
    judged = cell(stay.step or NOTHING, stay.protocol) if stay.protocol else cell("alarm rules")
    return (
        str(stay.number),
        cell(placed.device, "\n".join(filter(None, (placed.position, whose)))),
        moment(zone, stay.span.start),
        cell(until, goes_on),
        span(stay.span.length),
        judged,
        cell(placed.by, why),
        checked,
    )


def measured(record: BatchRecord, drawings: Drawings, zone: ZoneInfo) -> Iterator[Section]:
    """What each stay was like: figures, charts, excursions, gaps."""
    if not record.stays:
        return
    blocks: list[Block] = []
    if drawings.charts:
        blocks.append(Key())
    for stay in record.stays:
        blocks += _stay(record, stay, drawings, zone)
    if drawings.omitted:
        blocks.append(
            Text(
                f"{drawings.omitted} further charts are not drawn: those with excursions, gaps and "
                "limits came first. readings.csv and readings.parquet hold every reading."
            )
        )
    blocks.append(Text(method(record), Tone.SOFT))
    yield Section("Measurements, excursions and gaps", tuple(blocks))


def too_warm(record: BatchRecord, zone: ZoneInfo) -> Iterator[Section]:
    """Of a vial: how long it was above the limits of the cold chain, over its frozen life."""
    if record.vial is None:
        return
    columns = [(">Above", 3), (">For", 4), (">Not known for", 4), ("", 7)]
    rows = (
        (f"{each.threshold:g} °C", span(each.above_ms), span(each.unknown_ms), "")
        for each in record.warmth
    )
    text = (
        "Cumulated over the frozen life of the vial and of the vials it comes from, until they "
        "were thawed. Time in no freezer is not known. Of several probes the warmest counts."
    )
    blocks: list[Block] = [Text(text, Tone.SOFT), table(columns, rows)]
    blocks += _carried(record, zone)
    blocks += _journeys(record, zone)
    yield Section("Time too warm while frozen", tuple(blocks))


def _carried(record: BatchRecord, zone: ZoneInfo) -> Iterator[Block]:
    """What of that another site's ledger said."""
    if not record.carried:
        return
    yield Heading("Of that, from the ledgers of other sites")
    columns = [("Vial", 4), ("Shipment", 3), ("Until", 4), (">Above", 2)]
    yield table(
        [*columns, (">For", 3), (">Not known for", 3)],
        (
            (
                each.vial,
                each.shipment,
                moment(zone, each.until),
                f"{warm.threshold:g} °C",
                span(warm.above_ms),
                span(warm.unknown_ms),
            )
            for each in record.carried
            for warm in each.warmth
        ),
    )


def _journeys(record: BatchRecord, zone: ZoneInfo) -> Iterator[Block]:
    """Stays on the way."""
    if not record.journeys:
        return
    yield Heading("On the way")
    columns = [("Shipment, logger", 4.5), ("From", 3.5), ("Until", 3.5), (">Warmest", 2.2)]
    yield table(
        [*columns, (">Not known for", 3)],
        (
            (
                f"{each.placement.position}, {each.placement.device or 'no logger'}",
                moment(zone, each.span.start),
                moment(zone, each.span.end),
                f"{number(each.warmest)} °C" if each.warmest is not None else NOTHING,
                span(each.unknown_ms),
            )
            for each in record.journeys
        ),
    )


def _stay(record: BatchRecord, stay: Stay, drawings: Drawings, zone: ZoneInfo) -> Iterable[Block]:
    where = ", ".join(each for each in (stay.placement.device, stay.placement.position) if each)
    begun, ended = moment(zone, stay.span.start), moment(zone, stay.span.end)
    yield Heading(f"Stay {stay.number}: {where} · {begun} to {ended}")
    columns = [
        *(("Channel", 4.2), ("Limits", 2.4), ("Verdict", 2.2), (">Known, %", 1.8), (">Min", 1.6)),
        *((">Mean", 1.6), (">Max", 1.6), (">SD", 1.3), (">MKT", 1.8), (">Out", 2.1)),
        *((">Unknown", 2.1), (">Good of expected", 2.5)),
    ]
    yield table(columns, (_figures(summary) for summary in stay.channels))
    for summary in stay.channels:
        svg = drawings.charts.get(key_of(stay, summary))
        if svg is not None:
            yield Picture(_named(summary), summary.channel, svg, _told(summary))
    for summary in stay.channels:
        yield from _excursions(record, stay, summary, zone)
    yield from _gaps(stay, zone)


def _figures(summary: Summary) -> tuple[Cell | str, ...]:
    exposure = summary.exposure
    verdict = cell(NOTHING)
    if exposure.verdict is not None:
        verdict = cell(str(exposure.verdict), "", TONES[exposure.verdict])
    late = f"{exposure.backfilled} late" if exposure.backfilled else ""
    bad = f"{exposure.rejected} not good" if exposure.rejected else ""
    return (
        cell(_named(summary)),
        limits(exposure.limits),
        verdict,
        number(exposure.coverage),
        number(exposure.minimum),
        number(exposure.mean),
        number(exposure.maximum),
        number(exposure.deviation),
        number(exposure.kinetic) + ("*" if exposure.kinetic_only_informs else ""),
        _parted(exposure.out_ms),
        _parted(exposure.unknown_ms),
        cell(f"{exposure.good} / {exposure.expected}", ", ".join(e for e in (bad, late) if e)),
    )


def _parted(ms: int | None) -> str:
    """A span that may end a line after each of its parts: the columns beside it are full."""
    return _PART.sub(" ", span(ms))


def _named(summary: Summary) -> str:
    of = unit(summary.unit)
    return f"{summary.title}, {of}" if of else summary.title


def _told(summary: Summary) -> str:
    exposure = summary.exposure
    return (
        f"{_named(summary)}: {number(exposure.minimum)} to {number(exposure.maximum)}, limits "
        f"{limits(exposure.limits)}, {counted(len(exposure.judged), 'excursion')}, "
        f"{counted(len(exposure.gaps), 'gap')}"
    )


def _excursions(
    record: BatchRecord, stay: Stay, summary: Summary, zone: ZoneInfo
) -> Iterable[Block]:
    judged = summary.exposure.judged
    if not judged:
        return
    # The longest of too many, so that paper never leaves out the worst.
    longest = sorted(judged, key=lambda j: j.excursion.length, reverse=True)[:SHOWN]
    shown = sorted(longest, key=lambda j: j.excursion.start)
    of = unit(summary.unit)
    columns = [
        *(("From", 3.4), ("Until", 3.4), (">Length", 2.2), ("Side", 1.4)),
        *((f">Worst, {of}" if of else ">Worst", 2), (f">Area, {of} s" if of else ">Area", 2.2)),
        ("By the policy", 5),
    ]
    yield Heading(f"Excursions of {summary.title}, stay {stay.number}")
    note = left_out(len(judged), SHOWN, "excursions", "longest")
    rows = (
        _excursion(each, handled.meanwhile(record, stay, each.excursion), zone) for each in shown
    )
    yield table(columns, rows, note)


def _excursion(judged: Judged, opened: str, zone: ZoneInfo) -> tuple[Cell | str, ...]:
    each = judged.excursion
    piece = ""
    if judged.whole is not None:
        piece = f"one piece of {span(judged.whole.length)} out of limits, which a move or the"
        piece += " other limit cut"
    beneath = "\n".join(filter(None, (piece, opened)))
    return (
        moment(zone, each.start),
        moment(zone, each.end),
        span(each.length),
        each.side,
        number(each.worst),
        number(each.area, 1),
        cell(str(judged.standing), beneath, STANDINGS.get(judged.standing, Tone.BAD)),
    )


def _gaps(stay: Stay, zone: ZoneInfo) -> Iterable[Block]:
    """One row a gap; what was silent together stands together."""
    silent: dict[Interval, list[str]] = defaultdict(list)
    for summary in stay.channels:
        for gap in summary.exposure.gaps:
            silent[gap].append(summary.title)
    if not silent:
        return
    longest = sorted(silent, key=lambda gap: gap.length, reverse=True)[:SHOWN]
    rows = (
        (
            moment(zone, gap.start),
            moment(zone, gap.end),
            span(gap.length),
            ", ".join(silent[gap]),
            "not judged yet",
        )
        for gap in sorted(longest, key=lambda gap: (gap.start, gap.end))
    )
    columns = [
        *(("From", 3.4), ("Until", 3.4), (">Length", 2.2), ("Not known", 5)),
        ("Cause, how bridged, judged by", 4),
    ]
    yield Heading(f"Gaps, stay {stay.number}")
    yield table(columns, rows, left_out(len(silent), SHOWN, "gaps", "longest"))
