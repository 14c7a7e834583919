"""What an SQLite file declares: tables, indexes, triggers, held against what they should be."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

_LISTED = """
SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
_COLUMNS = 'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)'


class Deviation(NamedTuple):
    """A part that is not as it should be, such as ``trigger history_refuses_UPDATE``, and how."""

    part: str
    why: str


def deviations(db: sqlite3.Connection, fresh: sqlite3.Connection) -> Iterator[Deviation]:
    """Where ``db`` declares something else than ``fresh``, a new file of the same version.

    A trigger that was taken away, or another column, would let the tables say something else.

    Raises:
        sqlite3.Error: one cannot be read.
    """
    found, expected = parts(db), parts(fresh)
    for part in sorted(found.keys() | expected.keys()):
        if found.get(part) != expected.get(part):
            why = "was added"
            if part in expected:
                why = "was changed" if part in found else "is missing"
            yield Deviation(part, why)


def parts(db: sqlite3.Connection) -> dict[str, object]:
    """Tables by their columns, for an upgrade words them otherwise; all else as it is worded."""
    found: dict[str, object] = {}
    for kind, name, table, sql in db.execute(_LISTED).fetchall():
        columns = db.execute(_COLUMNS, (name,)).fetchall() if kind == "table" else sql
        found[f"{kind} {name}"] = (table, columns)
    return found
