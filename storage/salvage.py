"""A new journal file out of what a damaged one still says."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from storage import spare
from storage.beside import salvaged
from storage.group import put_aside
from storage.journalfile import PAGE_BYTES, SCHEMA
from storage.links import REMOVED
from storage.pack import NOTE, checksum, is_sound, layout_body
from storage.pages import logged_rows, rows
from storage.row_sum import crc, summed
from storage.short import whole
from storage.waiting import KEPT_BYTES, oddity
from storage.wall import wall_ms

_AT_ONCE = 5_000
_ENTRY, _LAYOUT, _QUARANTINE = 5, 3, 8
_BY_SQL = {"seen": 5, "cursor": 3, "start": 3, "link": 3, "removed": 3}
"""Tables that are read by SQLite, as far as it can."""


class Salvaged(NamedTuple):
    """What came of it; ``missing`` counts the numbers below ``last`` that are not there."""

    entries: int
    missing: int
    last: int
    detail: str


def salvage(damaged: Path, fresh: Path) -> Salvaged:
    """Write into ``fresh`` every row of ``damaged`` that matches its checksum.

    Raises:
        OSError: the damaged file cannot be read.
        sqlite3.Error: the new one cannot be written.
    """
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(f"BEGIN; {SCHEMA} COMMIT; BEGIN")
        _copy_sound(damaged, db)
        _copy_spare_layouts(damaged.parent, db)
        for table, width in _BY_SQL.items():
            _copy_by_sql(damaged, db, table, width)
        orphans = _put_orphans_aside(db)
        removed = db.execute(REMOVED).fetchone()[0]
        skipped = _skipped(db, removed)
        db.execute("COMMIT")
        entries, last = db.execute("SELECT count(*), coalesce(max(seq), 0) FROM entry").fetchone()
    detail = f" ({orphans} of them because their layout is gone; in quarantine)" if orphans else ""
    return Salvaged(entries, max(0, last - removed) - entries - skipped, last, detail)


def last_in_log(path: Path) -> int:
    """The newest entry that can be made out in the write-ahead log of the file; 0 if none can.

    Raises:
        OSError: the file or its log cannot be read.
    """
    found = logged_rows(path)
    return max((number for number, values in found if _is_entry(number, values)), default=0)


def _copy_sound(damaged: Path, db: sqlite3.Connection) -> None:
    found = rows(damaged)
    while some := list(islice(found, _AT_ONCE)):
        for table, width, sound in (
            ("entry", _ENTRY, _is_entry),
            ("layout", _LAYOUT, _is_layout),
            ("quarantine", _QUARANTINE, _is_quarantined),
        ):
            marks = ",".join("?" * width)
            db.executemany(
                f"INSERT OR IGNORE INTO {table} VALUES ({marks})",  # noqa: S608 # names from above
                [_row(table, number, values) for number, values in some if sound(number, values)],
            )


def _row(table: str, number: int, values: list[Any]) -> tuple[Any, ...]:
    row = (number, *values[1:])
    return summed(table, *row[: _QUARANTINE - 1]) if table == "quarantine" else row


def _copy_spare_layouts(folder: Path, db: sqlite3.Connection) -> None:
    for number, layout in spare.read(folder).items():
        packed = layout_body(layout)
        crc = checksum(number, NOTE, NOTE, packed)
        db.execute("INSERT OR IGNORE INTO layout VALUES (?, ?, ?)", (number, crc, packed))


def _is_entry(number: int, values: list[Any]) -> bool:
    match values:
        case [_, layout, at, crc, packed]:
            return is_sound(*whole((number, layout, at, crc, packed)))
    return False


def _is_layout(number: int, values: list[Any]) -> bool:
    match values:
        case [None, int(crc), bytes(packed)]:
            return checksum(number, NOTE, NOTE, packed) == crc
    return False


def _is_quarantined(number: int, values: list[Any]) -> bool:
    match values:
        case [None, int(), str(), str(), int(), bytes(), bytes(), int(kept)]:
            return kept == crc("quarantine", (number, *values[1:-1]))
        case [None, int(), str(), str(), int(length), bytes(digest), bytes(payload)]:
            # As an older version wrote it.
            return length > KEPT_BYTES or hashlib.sha256(payload).digest() == digest
    return False


def _copy_by_sql(damaged: Path, db: sqlite3.Connection, table: str, width: int) -> None:
    marks = ",".join("?" * width)
    for row in _readable(damaged, table):
        if (whole := salvaged(table, row, width)) is not None:
            db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", whole)  # noqa: S608 # ours


def _readable(damaged: Path, table: str) -> Iterator[tuple[Any, ...]]:
    # What cannot be read is lost with its page: these tables only make repeats recognisable.
    # For reading only: another connection would at its end empty the log, which is damaged too.
    address = f"{damaged.absolute().as_uri()}?mode=ro"
    with (
        suppress(sqlite3.DatabaseError, UnicodeDecodeError),
        closing(sqlite3.connect(address, uri=True)) as old,
    ):
        yield from old.execute(f"SELECT * FROM {table}")  # noqa: S608 # names from above


def _put_orphans_aside(db: sqlite3.Connection) -> int:
    """Entries without a layout cannot be read, and a new layout may get the number of theirs."""
    where = "WHERE layout <> ? AND layout NOT IN (SELECT id FROM layout)"
    found = f"SELECT seq, layout, body FROM entry {where}"  # noqa: S608 # fixed words
    count, now = 0, wall_ms()
    for seq, layout, packed in db.execute(found, (NOTE,)):
        put_aside(db, oddity(f"journal entry {seq}", f"layout {layout} is gone", packed), now)
        count += 1
    db.execute(f"DELETE FROM entry {where}", (NOTE,))  # noqa: S608 # fixed words
    return count


def _skipped(db: sqlite3.Connection, removed: int) -> int:
    """How many numbers above ``removed`` were never given out."""
    found = "SELECT coalesce(sum(seq - max(before, ?1)), 0) FROM start WHERE seq > ?1"
    return int(db.execute(found, (removed,)).fetchone()[0])
