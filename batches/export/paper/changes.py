"""What was changed during the stays, by whom and why; where the record comes from; signatures."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from batches.export.paper.sheet import (
    LISTED,
    Block,
    Cell,
    Facts,
    Heading,
    Section,
    Table,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, moment
from batches.record import BatchRecord


def changes(record: BatchRecord, zone: ZoneInfo) -> Section:
    """The audit trail: of the batch in the ledger, of rules and software in the journal."""
    acts = record.acts
    columns = [
        *(("Act", 3), ("Done", 3.2), ("Entered", 3.2), ("By", 3), ("Reason", 6)),
    ]
    rows = (
        (
            cell(act.kind, f"corrects row {act.corrects}" if act.corrects else ""),
            moment(zone, act.at),
            moment(zone, act.entered),
            act.by,
            act.reason or NOTHING,
        )
        for act in acts[:LISTED]
    )
    return Section(
        "Changes (audit trail)",
        (
            Heading("Ledger entries about this batch"),
            table(columns, rows, left_out(len(acts), LISTED, "entries")),
            *_software(record, zone),
        ),
    )


def _software(record: BatchRecord, zone: ZoneInfo) -> Iterator[Block]:
    yield Heading("Software and rules")
    found = [
        (run.at, run.what, f"culturewatch {run.software}" if run.software else NOTHING)
        for run in record.runs
    ]
    found += [
        (each.since, f"alarm rules: {each.why}", each.digest[:16])
        for each in record.rules
        if each.since >= record.span.start
    ]
    if not found:
        yield Text("No start, stop or change of rules is in the journal for this time.", Tone.SOFT)
        return
    rows = ((moment(zone, at), what, which) for at, what, which in sorted(found)[:LISTED])
    columns = [("When", 3.4), ("What", 9), ("Version or rulebook", 5)]
    yield table(columns, rows, left_out(len(found), LISTED, "events"))


def origin(record: BatchRecord) -> Section:
    """From what state of which stores it was made, and how to check it."""
    damaged = len(record.damaged)
    journal = f"entry {record.journal_last:,}"
    journal_cell = cell(journal)
    if damaged:
        journal_cell = cell(f"{journal}, {damaged:,} damaged", "", Tone.BAD)
    rows = (
        ("Record", Cell(f"{record.id}, schema {record.schema}")),
        ("Ledger up to", Cell(f"row {record.ledger_head.sequence:,}", record.ledger_head.hash)),
        (
            "Alarm history up to",
            Cell(f"row {record.alarm_head.sequence:,}", record.alarm_head.hash),
        ),
        ("Journal up to", journal_cell),
        ("Configuration", Cell("SHA-256", record.setting.configuration)),
    )
    readings = ("readings.csv, readings.parquet", "every reading that was judged, with its quality")
    return Section("Origin and verification", (Facts(rows), files(readings)))


def files(table_of: tuple[str, str]) -> Table:
    """What lies in the folder; ``table_of`` are its tables, and what they hold."""
    return table(
        [("File", 5), ("Holds", 13)],
        (
            ("record.pdf, record.html", "this record, for people"),
            ("record.json", "all of it and more, for programs; docs/the-record.md tells of it"),
            table_of,
            ("manifest.json", "size and SHA-256 of each file, and a seal over itself"),
            ("verify_record.py", "checks all of them with Python alone, on any computer"),
        ),
    )


def signed() -> Section:
    """What the places on page 1 mean."""
    text = (
        "The places for signatures are on page 1. A signature says who signed, when, and with "
        "which meaning; it is bound to the SHA-256 of manifest.json and stands in signatures.json "
        "beside it, so that it cannot be carried to another record. record-signed.pdf, if there is "
        "one, is this file with the places filled in. What is changed after signing "
        "is a new version of the record, and the old one stays."
    )
    return Section("Signatures", (Text(text),))
