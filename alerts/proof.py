"""Whether ``alarms.db`` is what was written, beside its history: every row of every table."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from typing import NamedTuple

from alerts import chained, working
from alerts.chained import BEGINNING, KEYS, TABLE
from alerts.schema import VERSION, make, version_of
from storage.chain import Broken
from storage.declared import deviations
from storage.row_sum import Value, as_it_stands, crc, digest

NAMED = 20
"""So many faults of a kind are named at most."""
_NEWEST = "SELECT key, digest, max(n) FROM chain WHERE tab = ?1 GROUP BY key"
# The bare columns of a query with max() are those of its row: https://www.sqlite.org/lang_select.html
# With the plus SQLite compares without affinity and makes an index for it; else each row reads all.
_CHAINED = """
SELECT newest.digest, t.{key}, t.* FROM {table} t
LEFT JOIN ({newest}) newest ON newest.key = +t.{key} ORDER BY t.{key}
"""
_GONE = """
SELECT key FROM ({newest}) newest
WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.{key} = newest.key) ORDER BY key
"""


class Proven(NamedTuple):
    """What was found wrong; how long the chain is, and how much of it stood there before it."""

    broken: tuple[Broken, ...]
    chained: int
    found: int


def check(db: sqlite3.Connection) -> Proven | None:
    """Hold every row against the chain or its checksum; None for a store of before the chain.

    ``db`` is one that only reads: text that is none is given back as bytes from here on.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    db.text_factory = as_it_stands
    db.execute("BEGIN")
    try:
        return _check(db)
    finally:
        db.execute("ROLLBACK")


def _check(db: sqlite3.Connection) -> Proven | None:
    version = version_of(db)
    if version != VERSION:
        listed = "SELECT 1 FROM sqlite_schema WHERE name = ?"
        if db.execute(listed, (TABLE,)).fetchone() is None:
            return None
        why = f"says {version!r}, the tables are those of version {VERSION}"
        return Proven((Broken(table="schema_version", row=1, field="version", why=why),), 0, 0)
    if wrong := tuple(_schema(db)):
        return Proven(wrong, 0, 0)
    links = _Links()
    broken = [*islice(links.follow(db), NAMED)]
    if not broken:
        # Where it is broken itself, nothing can be held against it.
        for table, key in KEYS.items():
            broken += islice(chain(_changed(db, table, key), _gone(db, table, key)), NAMED)
    for table in working.TABLES:
        broken += islice(_summed(db, table), NAMED)
    return Proven(tuple(broken or _numbers(db)), links.number, links.found)


class _Links:
    """Follows the chain; ``number`` rows long so far, of which ``found`` stood before it."""

    def __init__(self) -> None:
        self.number = 0
        self.found = 0

    def follow(self, db: sqlite3.Connection) -> Iterator[Broken]:
        """Where it does not hold."""
        before: tuple[bytes, ...] = (BEGINNING,)
        for *row, kept in db.execute("SELECT * FROM chain ORDER BY n"):
            number = row[0]
            if number != self.number + 1:
                why = f"is missing; the next one is row {number}"
                yield Broken(table=TABLE, row=self.number + 1, field="n", why=why)
                before = ()
            hashes = [chained.link(each, row) for each in before]
            if before and kept not in hashes:
                why = "does not follow from the row before and what this row says"
                yield Broken(table=TABLE, row=number, field="hash", why=why)
            self.number, self.found = number, self.found + (row[3] == 1)
            # Where only its hash was changed, the next row follows from what it was.
            before = (*hashes, *([kept] if isinstance(kept, bytes) and kept not in hashes else ()))


def _changed(db: sqlite3.Connection, table: str, key: str) -> Iterator[Broken]:
    query = _CHAINED.format(table=table, key=key, newest=_NEWEST)
    for said, name, *row in db.execute(query, (table,)):
        if said is None:
            yield _named(table, key, name, "no commit wrote this row; it was put in")
        elif said != digest(table, row):
            yield _named(table, key, name, "is not what was written")


def _gone(db: sqlite3.Connection, table: str, key: str) -> Iterator[Broken]:
    for (name,) in db.execute(_GONE.format(table=table, key=key, newest=_NEWEST), (table,)):
        yield _named(table, key, name, "the row is gone")


def _summed(db: sqlite3.Connection, table: str) -> Iterator[Broken]:
    rows = db.execute(f"SELECT * FROM {table}")  # noqa: S608 # names of this package
    key = rows.description[0][0]
    for row in rows:
        if row[-1] != crc(table, row[:-1]):
            yield _named(table, key, row[0], "does not match its checksum")


def _numbers(db: sqlite3.Connection) -> Iterator[Broken]:
    """What SQLite itself notes: it gives out no number of the outbox twice."""
    query = "SELECT seq, (SELECT max(id) FROM outbox) FROM sqlite_sequence WHERE name = 'outbox'"
    given, newest = db.execute(query).fetchone() or (None, None)
    newest = newest or db.execute("SELECT max(id) FROM outbox").fetchone()[0]
    if given != newest:
        why = f"says that {given} rows were numbered, the newest is {newest}"
        yield Broken(table="sqlite_sequence", row=None, field="outbox", why=why)
    for table in ("progress", "schema_version"):
        count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 # literals
        if count != 1:
            yield Broken(table=table, row=None, field="rows", why=f"has {count} rows instead of 1")


def _schema(db: sqlite3.Connection) -> Iterator[Broken]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        make(fresh)
        for part, why in deviations(db, fresh):
            yield Broken(table="(schema)", row=None, field=part, why=why)


def _named(table: str, key: str, name: Value, why: str) -> Broken:
    if isinstance(name, int):
        return Broken(table=table, row=name, field="content", why=why)
    return Broken(table=table, row=None, field=f"{key} {name!a}", why=why)
