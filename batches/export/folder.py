"""Makes the folder of a record: readings.csv, record.json, record.html and manifest.json.

The folder appears whole or not at all, and a different record is never written over.
"""

from pathlib import Path
from typing import BinaryIO

from alerts.reader import AlarmReader
from batches.export import html, manifest
from batches.export.csv import Chunk, ReadingsTable
from batches.export.json import canonical
from batches.export.manifest import PAGE, READINGS, RECORD, Manifest, describe
from batches.export.publish import check_free, published
from batches.export.trace import Trace
from batches.ledger import Ledger
from batches.placement import Interval
from batches.record import BatchRecord, Made, assemble, record_id
from batches.setting import Setting
from batches.survey import Part, Readings
from devices.quality import Quality
from devices.scan import Layout, Scan, Source

_GOOD = int(Quality.GOOD)


def make_record(
    batch: str,
    out: Path,
    *,
    ledger: Ledger,
    readings: Readings,
    alarms: AlarmReader,
    setting: Setting,
    made: Made,
) -> Path:
    """Write the record of ``batch`` into the folder ``out``, and return that.

    The same input gives the same bytes; where ``out`` holds them already, nothing changes.

    Args:
        batch: its id.
        out: the folder to make; it may exist if it is empty or holds this very record.
        ledger: where the batch is entered.
        readings: where the readings are kept.
        alarms: the alarm history and the pages.
        setting: what is in force at the site.
        made: by whom and when; part of the record.

    Raises:
        Refused: the batch is unknown, or stood in a device that the site does not know.
        RecordError: the folder cannot be written, or holds something else.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm history cannot be read.
    """
    check_free(out, record_id(batch, made))
    with published(out) as folder:
        with (folder / READINGS).open("wb") as file:
            visitor = _Visitor(file)
            record = assemble(
                batch,
                ledger=ledger,
                readings=readings,
                alarms=alarms,
                setting=setting,
                made=made,
                visit=visitor,
            )
            visitor.table.finish()
        (folder / RECORD).write_bytes(canonical(record))
        (folder / PAGE).write_bytes(html.page(record, visitor.traces))
        _write_manifest(folder, record, tuple(visitor.table.chunks))
    return out


class _Visitor:
    """Writes each scan into the table, and draws its good values into the charts."""

    def __init__(self, file: BinaryIO) -> None:
        self.table = ReadingsTable(file)
        self.traces: dict[tuple[int, str], Trace] = {}
        self._drawn: tuple[int, Layout] | None = None
        self._lines: list[Trace] = []

    def __call__(self, stay: int, span: Interval, part: Part, scan: Scan) -> None:
        self.table.add(stay, part, scan)
        if part is not Part.INSIDE or scan.repeat or scan.source is Source.TEST:
            return
        if self._drawn is None or self._drawn[0] != stay or self._drawn[1] is not scan.layout:
            self._drawn = (stay, scan.layout)
            self._lines = [
                self.traces.setdefault((stay, channel), Trace(span))
                for channel in scan.layout.channels
            ]
        for line, value, code in zip(self._lines, scan.values, scan.qualities, strict=True):
            if value is not None and code == _GOOD:
                line.add(scan.at, value)


def _write_manifest(folder: Path, record: BatchRecord, chunks: tuple[Chunk, ...]) -> None:
    files = {
        READINGS: describe(folder / READINGS, chunks),
        RECORD: describe(folder / RECORD),
        PAGE: describe(folder / PAGE),
    }
    listed = Manifest(
        schema=manifest.SCHEMA,
        record=record.id,
        record_schema=record.schema,
        batch=record.batch.id,
        files=files,
        ledger_head=record.ledger_head,
        alarm_head=record.alarm_head,
    )
    (folder / manifest.NAME).write_bytes(canonical(listed.sealed()))
