"""The pages of an equipment log: what was in the device, and what was done to it (211.182)."""

from zoneinfo import ZoneInfo

from batches import care
from batches.equipment_log import Entry, EquipmentLog
from batches.export.paper import changes, front
from batches.export.paper.report import report_sheet
from batches.export.paper.sheet import (
    Answer,
    Block,
    Cell,
    Facts,
    Heading,
    Section,
    Sheet,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, moment, span
from batches.setting import Equipment

_KIND = "Equipment log"
ENTRIES = 5_000
"""Lines on paper: a log is kept to be read whole, and two hundred pages is what one reads."""


def log_sheet(log: EquipmentLog) -> Sheet:
    """The pages; the places for signatures are empty."""
    zone = ZoneInfo(log.time_zone)
    device = log.device
    return report_sheet(
        log,
        kind=_KIND,
        title=f"{_KIND} of {device.id}",
        subject=device.id,
        about=front.short(f"{moment(zone, log.span.start)} to {moment(zone, log.span.end)}", 180),
        site=log.site,
        answers=(_over(log), _checked(log)),
        summary=_summary(log, zone),
        sections=(_inside(log, zone), _entries(log, zone), _device(log), _origin(log)),
    )


def _over(log: EquipmentLog) -> Answer:
    if log.span.end <= log.made.at:
        return Answer("Complete?", "Yes", "the period was over when this was made", Tone.GOOD)
    return Answer("Complete?", "No", "the period was not over when this was made", Tone.UNSURE)


def _checked(log: EquipmentLog) -> Answer:
    cared = [each for each in log.entries if each.what in care.CHECKED]
    missing = sum(each.checked_by is None for each in cared)
    if not cared:
        said = "no cleaning or maintenance is entered"
        return Answer("Checked?", "Nothing to check", said, Tone.UNSURE)
    if missing:
        said = f"of {len(cared):,} cleanings and the like nobody checked {missing:,}"
        return Answer("Checked?", "No", said, Tone.UNSURE)
    said = f"each of {len(cared):,} cleanings and the like, by a second person"
    return Answer("Checked?", "Yes", said, Tone.GOOD)


def _summary(log: EquipmentLog, zone: ZoneInfo) -> Facts:
    kinds = dict.fromkeys(each.what for each in log.entries)
    counts = [f"{sum(e.what == what for e in log.entries):,} {what}" for what in kinds]
    start, end = moment(zone, log.span.start), moment(zone, log.span.end)
    rows = (
        ("Period", cell(f"{start} to {end}, {span(log.span.length)}")),
        ("Device", cell(_named(log.device))),
        ("In it at the beginning", cell(f"{len(log.inside):,} batches and vials")),
        ("Entries", cell(f"{len(log.entries):,}" + (f": {', '.join(counts)}" if counts else ""))),
        ("People", cell(", ".join(log.people) or NOTHING)),
        ("Version", front.version_cell(log.version, zone)),
    )
    return Facts(rows)


def _named(device: Equipment) -> str:
    called = f"{device.id} ({device.name})" if device.name else device.id
    return f"{called}, {device.maker} {device.model}"


def _inside(log: EquipmentLog, zone: ZoneInfo) -> Section:
    blocks = _listed(log.inside, zone, "In the device when the period began")
    return Section("In the device when the period began", blocks)


def _entries(log: EquipmentLog, zone: ZoneInfo) -> Section:
    blocks = _listed(log.entries, zone, "In the order of time")
    return Section("In the order of time", blocks)


def _listed(entries: tuple[Entry, ...], zone: ZoneInfo, what: str) -> tuple[Block, ...]:
    if not entries:
        return (Text("Nothing is entered.", Tone.SOFT),)
    columns = [
        *(("Date, time", 3.0), ("What", 2.3), ("Batch, vial or sensor", 3.8)),
        *(("Position, agent", 2.8), ("By", 2.5), ("Checked by", 2.5), ("Reason", 2.9)),
        (">Row", 1.1),
    ]
    note = left_out(len(entries), ENTRIES, f"lines of “{what}”")
    return (table(columns, (_line(each, zone) for each in entries[:ENTRIES]), note),)


def _line(each: Entry, zone: ZoneInfo) -> tuple[Cell | str, ...]:
    until = "" if each.until is None else f"until {moment(zone, each.until)}"
    checked = cell(each.checked_by or NOTHING)
    if each.what in care.CHECKED and not each.checked_by:
        checked = cell("nobody", "", Tone.UNSURE)
    return (
        cell(moment(zone, each.at), until),
        each.what,
        cell(each.subject or NOTHING, each.product),
        each.detail or NOTHING,
        each.by or cell("nobody entered it", "", Tone.UNSURE),
        checked,
        each.reason or NOTHING,
        str(each.row or NOTHING),
    )


def _device(log: EquipmentLog) -> Section:
    device = log.device
    rows = (
        ("Maker and model", cell(f"{device.maker} {device.model}")),
        ("Addresses from", cell(device.manual)),
        ("Profile", Cell(device.profile, device.profile_sha256)),
        ("Read every", cell(span(device.period))),
        ("Measures", cell(", ".join(each.name or each.key for each in device.channels))),
    )
    return Section("The device", (Facts(rows),))


def _origin(log: EquipmentLog) -> Section:
    head = log.ledger_head
    rows = (
        ("Record", Cell(log.id)),
        ("Schema", Cell(log.schema)),
        ("Ledger up to", Cell(f"row {head.sequence:,}", head.hash)),
        ("Configuration", Cell("SHA-256", log.configuration)),
        ("Software", Cell(f"culturewatch {log.software}")),
    )
    text = (
        "The last column is the row of the ledger, whose chain of hashes holds who entered it and "
        "when. What was corrected since stands here as corrected; the ledger keeps both. A "
        "fill that the level shows has no row: it was read, and not entered."
    )
    tables = ("inside.csv, log.csv", "the two lists, for spreadsheets")
    blocks = (Facts(rows), Heading("What the rows are"), Text(text, Tone.SOFT))
    return Section("Origin and verification", (*blocks, changes.files(tables)))
