"""Makes the folder of a record: tables of readings, pages, record.json and manifest.json."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from importlib.resources import files
from pathlib import Path

from alerts.reader import AlarmReader
from batches.export import html, manifest
from batches.export.chart import FONTS, printable, width
from batches.export.chunk import Chunk
from batches.export.csv import ReadingsTable
from batches.export.drawings import draw
from batches.export.glyphs import Glyphs
from batches.export.json import canonical
from batches.export.manifest import COLUMNS, PAGE, PAPER, READINGS, RECORD, VERIFIER, Manifest
from batches.export.paper.whole import sheet
from batches.export.parquet import ReadingsColumns
from batches.export.pdf import pdf
from batches.export.publish import check_free, published
from batches.export.trace import Trace, good_readings
from batches.in_force import InForce
from batches.ledger import Ledger
from batches.placement import Interval
from batches.record import BatchRecord, Made, assemble, dossier, record_id
from batches.setting import Setting
from batches.survey import Part, Readings
from batches.version import Content, Former
from devices.quality import Quality
from storage.archive.pieces import Piece

Progress = Callable[[int, int], None]
"""Is told how many scans of how many, as far as that can be known, are done."""
_GOOD = int(Quality.GOOD)
_TOLD_EVERY = 2_000
"""Scans."""


def make_record(
    batch: str,
    out: Path,
    *,
    ledger: Ledger,
    readings: Readings,
    alarms: AlarmReader,
    setting: Setting,
    made: Made,
    past: InForce | None = None,
    former: Callable[[], tuple[Former, Content] | None] = lambda: None,
    keeping: Callable[[BatchRecord, str], AbstractContextManager[None]] | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Path:
    """Write the record of ``batch`` into the folder ``out``, and return that.

    The same input gives the same bytes; where ``out`` holds them already, nothing changes.

    Args:
        batch: its id, or that of a vial.
        out: the folder to make; it may exist if it is empty or holds this very record.
        ledger: where the batch is entered.
        readings: where the readings are kept.
        alarms: the alarm history and the pages.
        setting: what is in force at the site.
        made: by whom and when; part of the record.
        past: what was in force before; None: what the setting says, all the time.
        former: the version before this one, and what it said; None: there is none.
        keeping: entered with the record and the SHA-256 of its manifest before the folder appears,
            and left when it has; what it raises leaves no folder.
        progress: how far it has come.

    Raises:
        Refused: the batch is unknown, or stood in a device that the site does not know.
        batches.export.publish.RecordError: the folder cannot be written, or holds something else.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm history cannot be read.
    """
    check_free(out, record_id(batch, made))
    # What keeps it is left last: after the folder has appeared.
    with ExitStack() as kept, published(out) as folder:
        with (
            (folder / READINGS).open("wb") as rows,
            (folder / COLUMNS).open("wb") as file,
            closing(ReadingsColumns(file)) as columns,
        ):
            visitor = _Visitor(
                ReadingsTable(rows), columns, progress, _expected(batch, ledger, setting, made)
            )
            record = assemble(
                batch,
                ledger=ledger,
                readings=readings,
                alarms=alarms,
                setting=setting,
                made=made,
                past=past,
                visit=visitor,
            )
            visitor.finish()
        before = former()
        if before is not None:
            record = record.after(*before)
        (folder / RECORD).write_bytes(canonical(record))
        _write_pages(folder, record, visitor.traces)
        (folder / VERIFIER).write_bytes((files("batches.export") / VERIFIER).read_bytes())
        _write_manifest(folder, record, tuple(visitor.table.chunks))
        if keeping is not None:
            kept.enter_context(keeping(record, manifest.describe(folder / manifest.NAME).sha256))
    return out


class _Visitor:
    """Writes readings into the tables, and draws the good ones into the charts."""

    def __init__(
        self, table: ReadingsTable, columns: ReadingsColumns, progress: Progress, expected: int
    ) -> None:
        self.table = table
        self.traces: dict[tuple[int, str], Trace] = {}
        self._columns = columns
        self._progress = progress
        self._expected = expected
        self._done = 0

    def __call__(self, stay: int, span: Interval, part: Part, piece: Piece) -> None:
        self.table.add(stay, part, piece)
        self._columns.add(stay, part, piece)
        self._tell(len(piece.rows.at))
        if part is Part.INSIDE:
            self._draw(stay, span, piece)

    def _tell(self, count: int) -> None:
        before, self._done = self._done, self._done + count
        if before // _TOLD_EVERY < self._done // _TOLD_EVERY:
            self._progress(self._done, max(self._done, self._expected))

    def _draw(self, stay: int, span: Interval, piece: Piece) -> None:
        for column, at, values in good_readings(piece):
            key = stay, piece.layout.channels[column]
            self.traces.setdefault(key, Trace(span)).extend(at, values)

    def finish(self) -> None:
        self.table.finish()
        self._columns.finish()
        self._progress(self._done, self._done)


def _expected(batch: str, ledger: Ledger, setting: Setting, made: Made) -> int:
    """About how many scans there will be."""
    period = {each.id: each.period for each in setting.equipment}
    return sum(
        max(0, (made.at if stay.end is None else min(stay.end, made.at)) - stay.start)
        // period.get(stay.device, 1_000)
        for stay in dossier(batch, ledger).stays
    )


def _write_pages(folder: Path, record: BatchRecord, traces: dict[tuple[int, str], Trace]) -> None:
    drawings = draw(record, traces)
    (folder / PAGE).write_bytes(html.page(record, drawings))
    pages = pdf(sheet(record, drawings), Glyphs(printable(), width), FONTS, at=record.made.at)
    (folder / PAPER).write_bytes(pages)


def _write_manifest(folder: Path, record: BatchRecord, chunks: tuple[Chunk, ...]) -> None:
    listed = {name: manifest.describe(folder / name) for name in (PAGE, PAPER, RECORD, VERIFIER)}
    listed[READINGS] = manifest.describe(folder / READINGS, chunks)
    listed[COLUMNS] = manifest.describe(folder / COLUMNS)
    whole = Manifest(
        schema=manifest.SCHEMA,
        record=record.id,
        record_schema=record.schema,
        batch=record.batch.id,
        files=listed,
        ledger_head=record.ledger_head,
        alarm_head=record.alarm_head,
    )
    (folder / manifest.NAME).write_bytes(canonical(whole.sealed()))
