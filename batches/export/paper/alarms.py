"""The alarms during the stays: told to whom, acknowledged by whom, and when they were over."""

from collections import Counter
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from alerts.reader import SentPage
from alerts.rule import Severity
from alerts.transition import Transition, What
from batches.episode import Episode
from batches.export.paper.sheet import (
    LISTED,
    Block,
    Cell,
    Heading,
    Section,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, counted, moment, span, unit
from batches.record import BatchRecord

_PAGES_SHOWN = 6
_RANKS = {severity.word: severity.value for severity in Severity}


def alarms(record: BatchRecord, zone: ZoneInfo) -> Section:
    """Every alarm that was going on while the batch stood there, and orders about them."""
    return Section("Alarms", (*gone_on(record.alarms, zone), *_orders(record.orders, zone)))


def gone_on(alarms: Sequence[Episode], zone: ZoneInfo) -> tuple[Block, ...]:
    """Each of ``alarms``, with its pages and who acknowledged it."""
    if not alarms:
        return (Text("None."),)
    return (Text(_counted(alarms)), _table(alarms, zone))


def _counted(alarms: Sequence[Episode]) -> str:
    by = Counter(each.severity for each in alarms)
    severities = ", ".join(
        f"{count:,} {word or 'without severity'}"
        for word, count in sorted(by.items(), key=lambda each: -_RANKS.get(each[0], 0))
    )
    never = sum(each.acknowledged_at is None for each in alarms)
    on = sum(each.cleared_at is None for each in alarms)
    return (
        f"{counted(len(alarms), 'alarm')}: {severities}. Never acknowledged: {never:,}. "
        f"Not over when this was made: {on:,}."
    )


def _table(alarms: Sequence[Episode], zone: ZoneInfo) -> Block:
    # The gravest of too many, then those nobody acknowledged.
    first = sorted(alarms, key=_weight)[:LISTED]
    columns = [
        *(("Alarm", 4.8), ("Severity", 1.9), ("Set", 2.7), ("Pages", 5.0)),
        *(("Acknowledged", 3.6), ("Cleared", 2.7)),
    ]
    rows = (_row(each, zone) for each in sorted(first, key=lambda e: (e.set_at, e.rule)))
    return table(columns, rows, left_out(len(alarms), LISTED, "alarms", "gravest"))


def _weight(each: Episode) -> tuple[int, bool, bool, int]:
    rank = -_RANKS.get(each.severity, 0)
    return rank, each.acknowledged_at is not None, each.cleared_at is not None, each.set_at


def _row(each: Episode, zone: ZoneInfo) -> tuple[Cell | str, ...]:
    told = "; ".join(filter(None, (each.channel, each.why.replace(" degC", f" {unit('degC')}"))))
    happened = _happened(each)
    cleared = moment(zone, each.cleared_at)
    if each.cleared_at is None:
        over = cell("not yet", "", Tone.BAD)
    else:
        over = cell(cleared, f"after {span(each.cleared_at - each.set_at)}")
    return (
        cell(f"{each.rule} no. {each.occurrence}", "; ".join(filter(None, (told, happened)))),
        each.severity or NOTHING,
        moment(zone, each.set_at),
        _pages(each, zone),
        _acknowledged(each, zone),
        over,
    )


def _happened(each: Episode) -> str:
    counts = Counter(entry.what for entry in each.trail)
    said = {
        What.ESCALATE: "escalated",
        What.EXHAUSTED: "nobody left to tell",
        What.RE_ALARM: "re-raised",
        What.UNACK: "given back",
    }
    return ", ".join(f"{word} ({counts[what]})" for what, word in said.items() if counts[what])


def _pages(each: Episode, zone: ZoneInfo) -> Cell:
    if not each.pages:
        held = next((entry.held for entry in each.trail if entry.held), "")
        return cell("nobody was paged", f"kept quiet: {held}" if held else "", Tone.UNSURE)
    lines = [_page(page, zone) for page in each.pages[:_PAGES_SHOWN]]
    if len(each.pages) > _PAGES_SHOWN:
        lines.append(f"and {len(each.pages) - _PAGES_SHOWN} more")
    missed = each.not_reached
    who = ", ".join(each.told) or "nobody was reached"
    if missed:
        who += f"; not reached: {', '.join(missed)}"
    return cell(who, "\n".join(lines), None if each.told and not missed else Tone.UNSURE)


def _page(page: SentPage, zone: ZoneInfo) -> str:
    when = page.queued if page.handed is None else page.handed
    error = f": {page.error}" if page.error else ""
    what = str(page.notice).replace("_", " ")
    to = f"{what} to {page.person} by {page.channel}"
    return f"{to}, {moment(zone, when)}, {page.state}{error}"


def _acknowledged(each: Episode, zone: ZoneInfo) -> Cell:
    if each.acknowledged_at is None:
        return cell("never", "", Tone.BAD)
    entry = next((e for e in each.trail if e.what is What.ACK), None)
    after = span(each.acknowledged_at - each.set_at)
    by = f" by {each.acknowledged_by}" if each.acknowledged_by else ""
    said = f"after {after}" + (f": {entry.why}" if entry is not None and entry.why else "")
    return cell(moment(zone, each.acknowledged_at) + by, said)


def _orders(orders: Sequence[Transition], zone: ZoneInfo) -> Iterable[Block]:
    yield Heading("Shelving, suppression, service and edits")
    if not orders:
        yield Text("None during the stays.", Tone.SOFT)
        return
    columns = [("When", 3.2), ("What", 3), ("Alarm", 4), ("By", 3), ("Why", 6)]
    rows = (
        (
            moment(zone, each.at),
            str(each.what).replace("_", " "),
            cell(each.rule, each.channel),
            each.by or "the system",
            cell(each.why or NOTHING, "; ".join(f"{k}: {v}" for k, v in each.detail.items())),
        )
        for each in orders[:LISTED]
    )
    yield table(columns, rows, left_out(len(orders), LISTED, "orders"))
