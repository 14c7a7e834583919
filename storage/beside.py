"""What stands in the journal beside its entries: each row ends with a checksum of itself.

``seen`` by which a redelivery is known, ``quarantine``, the ``cursor`` of each consumer, the
numbers after a ``start``, the ``link`` of the chain, and up to where entries were ``removed``.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from storage.row_sum import Value, as_it_stands, crc, summed
from storage.waiting import PEOPLE

TABLES = ("seen", "quarantine", "cursor", "start", "link", "removed", "unsummed")
_NAMES = {"seen": 2}
"""By how many of its first columns a row is called, where that is not one."""
_FILLED = ("cursor", "start", "link", "removed")
SCHEMA = """
CREATE TABLE IF NOT EXISTS unsummed (
    one INTEGER PRIMARY KEY CHECK (one = 1), kept INTEGER NOT NULL, quarantine INTEGER NOT NULL,
    crc INTEGER);
"""
"""``unsummed``: what was seen up to then, and quarantine up to that row, may have no checksum.

An older version kept them, and an upgrade that summed up all of them would keep the core from
starting for minutes. What was seen is forgotten after a week.
"""
INSERT_UNSUMMED = "INSERT OR REPLACE INTO unsummed VALUES (?, ?, ?, ?)"
ALL = f"INSERT INTO unsummed VALUES (1, 0, 0, {crc('unsummed', (1, 0, 0))});"  # noqa: S608 # nothing of it comes from outside
"""Says that every row has its checksum."""
_NAMED = 20


class Unsound(NamedTuple):
    """A row that is not what was written: its table, what it is called by, and why."""

    table: str
    name: tuple[Value, ...]
    why: str

    def __str__(self) -> str:
        row = f", row {', '.join(f'{each!a}' for each in self.name)}" if self.name else ""
        return f"table {self.table}{row}: {self.why}"


def upgrade(db: sqlite3.Connection) -> None:
    """Give the tables of an older version the checksum; within a transaction.

    Raises:
        sqlite3.Error: it could not be written.
    """
    db.execute(SCHEMA)
    for table in TABLES[:-1]:
        listed = db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
        if ("crc",) not in listed:
            db.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER")
    for table in _FILLED:
        _fill(db, table, db.execute(f"SELECT * FROM {table}"))  # noqa: S608 # names of this file
    # For good: these are not forgotten.
    _fill(db, "seen", db.execute("SELECT * FROM seen WHERE topic = ?", (PEOPLE,)))
    kept, aside = db.execute(
        "SELECT (SELECT coalesce(max(kept), 0) FROM seen WHERE crc IS NULL AND topic != ?),"
        " (SELECT coalesce(max(id), 0) FROM quarantine)",
        (PEOPLE,),
    ).fetchone()
    db.execute(INSERT_UNSUMMED, summed("unsummed", 1, kept, aside))


def _fill(db: sqlite3.Connection, table: str, rows: sqlite3.Cursor) -> None:
    names = [column[0] for column in rows.description[: _NAMES.get(table, 1)]]
    where = " AND ".join(f"{name} = ?" for name in names)
    db.executemany(
        f"UPDATE {table} SET crc = ? WHERE {where}",  # noqa: S608 # names of this file
        [(crc(table, row[:-1]), *row[: len(names)]) for row in rows.fetchall()],
    )


def salvaged(table: str, row: Sequence[Value], width: int) -> tuple[Value, ...] | None:
    """The row, of ``width`` columns, for a new file; None for one that is not what was written."""
    *values, kept = list(row) + [None] * (width - len(row))
    whole = summed(table, *values)
    return whole if kept in {None, whole[-1]} else None


def unsound(db: sqlite3.Connection, tables: Sequence[str] = TABLES) -> Iterator[Unsound]:
    """Rows of ``tables`` that do not match their checksums, some of each at most; ``db`` reads.

    Text that is none is given back as bytes from here on.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    db.text_factory = as_it_stands
    bounds = db.execute("SELECT kept, quarantine FROM unsummed").fetchone() or (0, 0)
    for table in tables:
        yield from islice(_unsound(db, table, bounds), _NAMED)


def _unsound(db: sqlite3.Connection, table: str, bounds: tuple[Value, Value]) -> Iterator[Unsound]:
    rows = db.execute(f"SELECT * FROM {table}")  # noqa: S608 # names of this file
    for *values, kept in rows:
        if kept is None and _is_older(table, values, bounds):
            continue
        if kept != crc(table, values):
            name = tuple(values[: _NAMES.get(table, 1)])
            yield Unsound(table, name, "does not match its checksum")
    found = db.execute(f"PRAGMA integrity_check('{table}')").fetchone()[0]
    if found != "ok":
        yield Unsound(table, (), " ".join(str(found).split()))


def _is_older(table: str, values: Sequence[Value], bounds: tuple[Value, Value]) -> bool:
    """Whether a version wrote it that kept no checksums."""
    kept, aside = bounds
    match table, values:
        case "seen", [_, _, _, int(at)]:
            return isinstance(kept, int) and at <= kept
        case "quarantine", [int(number), *_]:
            return isinstance(aside, int) and number <= aside
    return False
