"""Lines about the alarm system itself, kept for whoever looks, and what an auditor looks for."""

import sqlite3
from collections.abc import Iterable

AUDIT_MS = 60_000


def record(db: sqlite3.Connection, lines: Iterable[str], *, now: int) -> None:
    """Append lines; ``now`` is epoch ms."""
    db.executemany("INSERT INTO trouble (at, line) VALUES (?, ?)", [(now, line) for line in lines])


_WAITING = """
SELECT person, rule, id, (SELECT min(first.queued) FROM outbox first
                          WHERE first.history = o.history) AS since
FROM outbox o WHERE notice IN ('page', 'handover') AND state IN ('queued', 'claimed')
"""
"""Pages that no provider has taken, and the lists that stand for pages.

``since`` is when one was first queued, whatever ways it was tried on since.
"""


def oldest_page_ms(db: sqlite3.Connection, *, now: int) -> int:
    """For how long the oldest page that no provider has taken has waited; 0 without one."""
    row = db.execute(f"SELECT min(since) FROM ({_WAITING})").fetchone()  # noqa: S608 # a literal of this file
    return 0 if row[0] is None else max(0, now - int(row[0]))


def unsent(db: sqlite3.Connection, *, now: int) -> tuple[int, str]:
    """How many pages have waited for longer than ``AUDIT_MS``, and a line about the oldest.

    The list of a hand-over stands for pages, and is one. A page counts from when it was first
    queued, whatever ways it was tried on since, until it was handed to a provider or is no longer
    needed.
    """
    rows = db.execute(
        f"SELECT person, rule, since FROM ({_WAITING}) WHERE since <= ? ORDER BY since, id",  # noqa: S608 # a literal of this file
        (now - AUDIT_MS,),
    ).fetchall()
    if not rows:
        return 0, ""
    person, rule, queued = rows[0]
    return len(rows), (
        f"{len(rows)} pages have not been handed over for more than {AUDIT_MS // 1000} s; the "
        f"oldest is to {person} about {rule}, {(now - queued) // 1000} s old; "
        "look at the network and the mail server, and call them"
    )


def overdue(db: sqlite3.Connection, *, now: int) -> tuple[int, str]:
    """How many escalations are late by more than ``AUDIT_MS``, and a line about the latest."""
    due = "json_extract(CAST(body AS TEXT), '$.step_due')"
    rows = db.execute(
        f"SELECT rule, {due} AS due FROM alarm WHERE state != 'N' AND {due} <= ?"  # noqa: S608 # a literal of this function
        " ORDER BY due, rule",
        (now - AUDIT_MS,),
    ).fetchall()
    if not rows:
        return 0, ""
    rule, since = rows[0]
    return len(rows), (
        f"{len(rows)} escalations are late by more than {AUDIT_MS // 1000} s; the next step of "
        f"{rule} was due {(now - since) // 1000} s ago; call whoever is next, and look at the core"
    )
