"""The alarm history: transitions in the order of the journal, appended and chained."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from alerts.transition import Transition
from storage.chain import GENESIS, Broken, Head, link

TABLE = "history"


class Row(NamedTuple):
    """A row: its number, the journal's entry behind it, what happened, and its hash."""

    number: int
    seq: int
    transition: Transition
    hash: str


def spelling(seq: int, transition: Transition) -> str:
    """What is hashed and kept of a transition that the journal's entry ``seq`` caused."""
    body = msgspec.to_builtins(transition) | {"seq": seq}
    return msgspec.json.encode(body, order="sorted").decode()


def append(db: sqlite3.Connection, seq: int, transition: Transition) -> int:
    """Chain one transition to the newest; its number, counted from 1."""
    last = head(db)
    body = spelling(seq, transition)
    number = last.sequence + 1
    db.execute(
        "INSERT INTO history (n, seq, body, hash) VALUES (?, ?, ?, ?)",
        (number, seq, body, link(last.hash, body)),
    )
    return number


def head(db: sqlite3.Connection) -> Head:
    """The newest row."""
    row = db.execute("SELECT n, hash FROM history ORDER BY n DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head(0, GENESIS)


def entries(db: sqlite3.Connection, *, after: int = 0) -> Iterator[tuple[int, Transition]]:
    """Each row's number and transition, oldest first."""
    for number, body in db.execute("SELECT n, body FROM history WHERE n > ? ORDER BY n", (after,)):
        yield number, msgspec.json.decode(body, type=Transition)


def rows(db: sqlite3.Connection, *, after: int, limit: int) -> list[Row]:
    """The ``limit`` rows that follow row ``after``, oldest first."""
    query = "SELECT n, seq, body, hash FROM history WHERE n > ? ORDER BY n LIMIT ?"
    return [
        Row(number, seq, msgspec.json.decode(body, type=Transition), hash_)
        for number, seq, body, hash_ in db.execute(query, (after, limit))
    ]


def verify(db: sqlite3.Connection, *, until: Head | None = None) -> Broken | None:
    """The first row that does not follow from the one before, or nothing.

    ``until`` is a head that was noted elsewhere: rows cut off the end are missed with it.
    """
    previous, expected = GENESIS, 1
    for number, seq, body, kept in db.execute("SELECT n, seq, body, hash FROM history ORDER BY n"):
        wrong = _wrong((number, seq, body, kept), expected, previous)
        if wrong is None and until is not None and number == until.sequence and kept != until.hash:
            wrong = ("hash", "is not the one that was noted; the chain was made anew")
        if wrong:
            return Broken(table=TABLE, row=number, field=wrong[0], why=wrong[1])
        previous, expected = kept, expected + 1
    if until is not None and expected <= until.sequence:
        return Broken(table=TABLE, row=expected, field="n", why="is missing at the end")
    return None


def _wrong(row: tuple[int, int, str, str], expected: int, previous: str) -> tuple[str, str] | None:
    number, seq, body, kept = row
    if number != expected:
        return "n", f"row {expected} is missing"
    if kept != link(previous, body):
        return "hash", "does not follow from the row before and what this row says"
    if msgspec.json.decode(body).get("seq") != seq:
        return "seq", "differs from what the row says"
    return None
