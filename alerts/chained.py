"""The chain over the rows that tell what was said to whom: each commit ends with its own part.

Whatever a transaction writes into one of ``KEYS`` gets a row of ``chain``: the SHA-256 of the
whole row as it then stands, and the hash over that and the row of the chain before. So the newest
one of a row of the outbox holds its mutable columns too. The history has a chain of its own.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from storage.chain import GENESIS, Head
from storage.row_sum import Value, digest

TABLE = "chain"
KEYS: Mapping[str, str] = MappingProxyType(
    {"outbox": "id", "delivery_log": "n", "answer": "command", "trouble": "n", "held": "n"}
)
"""The tables whose rows are chained, each with the column by which a row is called."""
DDL = """
CREATE TABLE chain (
    n INTEGER PRIMARY KEY,
    tab TEXT NOT NULL,
    key NOT NULL,
    found INTEGER NOT NULL,
    digest BLOB NOT NULL,
    hash BLOB NOT NULL
);
"""
"""``found`` is 1 for what stood there when a store that had no chain was given one."""
BEGINNING = bytes.fromhex(GENESIS)
_INSERT = "INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?)"
_TOUCHED = """
CREATE TEMP TABLE touched (tab TEXT NOT NULL, key NOT NULL, UNIQUE (tab, key));
"""
_TOUCHES = """
CREATE TEMP TRIGGER {table}_touched_by_{verb} AFTER {verb} ON main.{table}
BEGIN INSERT OR IGNORE INTO touched VALUES ('{table}', NEW.{key}); END
"""
_Row = tuple[str, Value, tuple[Value, ...]]
_Link = tuple[int, str, Value, int, bytes, bytes]
_spell = msgspec.msgpack.Encoder().encode


def link(previous: bytes, row: Sequence[Value]) -> bytes:
    """The hash of a row of the chain, without its hash, after the one hashed ``previous``."""
    return hashlib.sha256(previous + _spell(row)).digest()


def watch(db: sqlite3.Connection) -> None:
    """Have this connection remember which rows it writes, until ``extend`` chains them.

    What another connection writes is not remembered, and never chained: ``proof`` finds it.
    """
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute(_TOUCHED)
    for table, key in KEYS.items():
        for verb in ("INSERT", "UPDATE"):
            db.execute(_TOUCHES.format(table=table, key=key, verb=verb))


def extend(db: sqlite3.Connection) -> None:
    """Chain what was written since the transaction began; the last thing it does."""
    touched = db.execute("SELECT tab, key FROM touched ORDER BY rowid").fetchall()
    if touched:
        rows = ((tab, key, _row(db, tab, key)) for tab, key in touched)
        _append(db, rows, found=0)
        db.execute("DELETE FROM touched")


def begin(db: sqlite3.Connection) -> None:
    """Chain all that stands in a store whose rows are in no chain yet, marked as found there."""
    for table, key in KEYS.items():
        rows = db.execute(f"SELECT {key}, * FROM {table} ORDER BY {key}")  # noqa: S608 # names of this file
        _append(db, ((table, row[0], row[1:]) for row in rows), found=1)


def head(db: sqlite3.Connection) -> Head:
    """The newest row."""
    row = db.execute("SELECT n, hash FROM chain ORDER BY n DESC LIMIT 1").fetchone()
    return Head(row[0], row[1].hex()) if row else Head(0, GENESIS)


def at(db: sqlite3.Connection, number: int) -> str | None:
    """The hash of that row; None where there is no such row."""
    row = db.execute("SELECT hex(hash) FROM chain WHERE n = ?", (number,)).fetchone()
    return None if row is None else str(row[0]).lower()


def _row(db: sqlite3.Connection, tab: str, key: Value) -> tuple[Value, ...]:
    query = f"SELECT * FROM {tab} WHERE {KEYS[tab]} = ?"  # noqa: S608 # names of this file
    row: tuple[Value, ...] = db.execute(query, (key,)).fetchone()
    return row


def _append(db: sqlite3.Connection, rows: Iterable[_Row], *, found: int) -> None:
    last = db.execute("SELECT n, hash FROM chain ORDER BY n DESC LIMIT 1").fetchone()
    number, previous = last or (0, BEGINNING)
    db.executemany(_INSERT, _links(number, previous, rows, found))


def _links(number: int, previous: bytes, rows: Iterable[_Row], found: int) -> Iterator[_Link]:
    for at, (tab, key, values) in enumerate(rows, start=number + 1):
        row = (at, tab, key, found, digest(tab, values))
        previous = link(previous, row)
        yield (*row, previous)
