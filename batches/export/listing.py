"""A report of facts and tables, written as a folder like a record: PDF, JSON, CSV, HTML, manifest.

The files are called as those of a record, so that whatever checks and signs one does the other.
"""

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from importlib.resources import files
from pathlib import Path

import msgspec

from batches.export import manifest
from batches.export.chart import FONTS, printable, width
from batches.export.glyphs import Glyphs
from batches.export.html import pages
from batches.export.json import canonical
from batches.export.manifest import PAGE, PAPER, RECORD, VERIFIER, Manifest, describe
from batches.export.paper.sheet import Sheet
from batches.export.pdf import pdf
from batches.export.publish import check_free, published
from batches.record import Made
from storage.chain import Head


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
    """A report that can be written: what it says as a value, as a listing, and as pages.

    ``subject`` is what it is of, as ``batch`` is of a record; the heads are those of the chains.
    """

    id: str
    schema: str
    subject: str
    made: Made
    value: msgspec.Struct
    listing: Listing
    sheet: Sheet
    ledger_head: Head
    alarm_head: Head


def write_report(
    report: Report,
    out: Path,
    *,
    keeping: Callable[[str], AbstractContextManager[None]] | None = None,
) -> Path:
    """Write ``report`` into the folder ``out``, and return that; the same report, the same bytes.

    ``keeping`` is entered with the SHA-256 of the manifest before the folder appears, and left
    when it has; what it raises leaves no folder.

    Raises:
        batches.export.publish.RecordError: it cannot be written, or something else is there.
    """
    check_free(out, report.id)
    # What keeps it is left last: after the folder has appeared.
    with ExitStack() as kept, published(out) as folder:
        written = {
            RECORD: canonical(report.value),
            PAGE: _page(report),
            PAPER: pdf(report.sheet, Glyphs(printable(), width), FONTS, at=report.made.at),
            VERIFIER: (files("batches.export") / VERIFIER).read_bytes(),
        }
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
        if keeping is not None:
            kept.enter_context(keeping(describe(folder / manifest.NAME).sha256))
    return out


def _csv(table: Table) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return out.getvalue().encode()


def _page(report: Report) -> bytes:
    return pages().get_template("report.html.j2").render(r=report, l=report.listing).encode()
