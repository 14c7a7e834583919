"""Messages that quiet hours hold back: the alarm goes on, its message comes in the morning."""

import sqlite3
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from alerts.rule import Severity
from alerts.transition import Transition

TABLES = """
CREATE TABLE IF NOT EXISTS held (
    n INTEGER PRIMARY KEY, history INTEGER NOT NULL, person TEXT NOT NULL,
    arrived INTEGER NOT NULL, until INTEGER NOT NULL, sent_in INTEGER
);
CREATE INDEX IF NOT EXISTS held_waiting ON held (until) WHERE sent_in IS NULL;
"""
LONGEST_MS = 26 * 3_600_000
"""No quiet hours last longer; what is held for longer was dated by a clock that was wrong."""


class Waiting(NamedTuple):
    """What is due for one person: the newest history row, when it arrived, and what it says.

    The severity is the worst of all that waits.
    """

    person: str
    history: int
    arrived: int
    newest: Transition


def hold(db: sqlite3.Connection, history: int, person: str, *, until: int, arrived: int) -> None:
    """Keep the message of a history row until then (epoch ms)."""
    db.execute(
        "INSERT INTO held (history, person, arrived, until) VALUES (?, ?, ?, ?)",
        (history, person, arrived, until),
    )


def is_held(db: sqlite3.Connection, rule: str, occurrence: int, person: str) -> bool:
    """Whether something about the alarm waits for the person."""
    found = db.execute(
        "SELECT 1 FROM held JOIN history h ON h.n = held.history WHERE sent_in IS NULL"
        " AND h.rule = ? AND h.occurrence = ? AND person = ? LIMIT 1",
        (rule, occurrence, person),
    ).fetchone()
    return found is not None


def due(db: sqlite3.Connection, *, now: int) -> list[Waiting]:
    """For whom quiet hours are over, with what was held."""
    rows = db.execute(
        "SELECT person, history, arrived, body FROM held JOIN history h ON h.n = held.history"
        " WHERE sent_in IS NULL AND person IN (SELECT person FROM held WHERE sent_in IS NULL"
        " AND (until <= ? OR until > ?)) ORDER BY person, history",
        (now, now + LONGEST_MS),
    ).fetchall()
    found: dict[str, Waiting] = {}
    for person, history, first, body in rows:
        newest = msgspec.json.decode(body, type=Transition)
        before = found.get(person)
        if before is not None:
            worst = max(before.newest.severity, newest.severity, key=_rank)
            newest = replace(newest, severity=worst)
        arrived = first if before is None else min(before.arrived, first)
        found[person] = Waiting(person, history, arrived, newest)
    return list(found.values())


def _rank(severity: str) -> int:
    return int(Severity[severity.upper()]) if severity else 0


def sent(db: sqlite3.Connection, person: str, row: int) -> None:
    """All that is held for the person goes with the outbox's ``row``."""
    db.execute("UPDATE held SET sent_in = ? WHERE person = ? AND sent_in IS NULL", (row, person))
