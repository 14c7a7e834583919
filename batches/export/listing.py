"""A report of facts and tables, written as a folder like a record: JSON, CSV, HTML, manifest."""

import csv
import io
from pathlib import Path

import msgspec

from batches.export import manifest
from batches.export.html import pages
from batches.export.json import canonical
from batches.export.manifest import Manifest, describe
from batches.export.publish import check_free, published
from storage.chain import Head

REPORT, PAGE = "report.json", "report.html"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table as people read it; ``file`` is the name of its CSV, without the ending."""

    title: str
    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a report shows: facts by name, sentences that are still open, and tables."""

    title: str
    facts: tuple[tuple[str, str], ...]
    open_items: tuple[str, ...]
    tables: tuple[Table, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report that can be written: what it says as a value, and as a listing.

    ``subject`` is what it is of, as ``batch`` is of a record; the heads are those of the chains.
    """

    id: str
    schema: str
    subject: str
    value: msgspec.Struct
    listing: Listing
    ledger_head: Head
    alarm_head: Head


def write_report(report: Report, out: Path) -> Path:
    """Write ``report`` into the folder ``out``, and return that; the same report, the same bytes.

    Raises:
        batches.export.publish.RecordError: it cannot be written, or something else is there.
    """
    check_free(out, report.id)
    with published(out) as folder:
        written = {REPORT: canonical(report.value), PAGE: _page(report)}
        written |= {f"{table.file}.csv": _csv(table) for table in report.listing.tables}
        for name, data in written.items():
            (folder / name).write_bytes(data)
        listed = Manifest(
            schema=manifest.SCHEMA,
            record=report.id,
            record_schema=report.schema,
            batch=report.subject,
            files={name: describe(folder / name) for name in sorted(written)},
            ledger_head=report.ledger_head,
            alarm_head=report.alarm_head,
        )
        (folder / manifest.NAME).write_bytes(canonical(listed.sealed()))
    return out


def _csv(table: Table) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return out.getvalue().encode()


def _page(report: Report) -> bytes:
    return pages().get_template("report.html.j2").render(r=report, l=report.listing).encode()
