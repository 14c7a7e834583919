"""Lines about the alarm system itself, kept for whoever looks, and the auditor who finds some."""

import sqlite3
from collections.abc import Iterable

AUDIT_MS = 60_000


def record(db: sqlite3.Connection, lines: Iterable[str], *, now: int) -> None:
    """Append lines; ``now`` is epoch ms."""
    db.executemany("INSERT INTO trouble (at, line) VALUES (?, ?)", [(now, line) for line in lines])


def oldest_page_ms(db: sqlite3.Connection, *, now: int) -> int:
    """For how long the oldest page that no provider has taken has waited; 0 without one."""
    row = db.execute(
        "SELECT min(queued) FROM outbox WHERE notice = 'page' AND state IN ('queued', 'claimed')"
    ).fetchone()
    return 0 if row[0] is None else max(0, now - int(row[0]))


def unsent(db: sqlite3.Connection, *, now: int) -> tuple[int, str]:
    """How many pages have waited for longer than ``AUDIT_MS``, and a line about the oldest.

    The list of a hand-over stands for pages, and is one. A page counts from when it was first
    queued, whatever ways it was tried on since, until it was handed to a provider or is no longer
    needed.
    """
    rows = db.execute(
        "SELECT person, rule, since FROM (SELECT person, rule, id, (SELECT min(first.queued)"
        " FROM outbox first WHERE first.history = o.history) AS since FROM outbox o"
        " WHERE notice IN ('page', 'handover') AND state IN ('queued', 'claimed')) WHERE since <= ?"
        " ORDER BY since, id",
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
