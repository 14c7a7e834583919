"""From transitions to rows of the outbox, inside the transaction that keeps both."""

import sqlite3
from typing import NamedTuple

from alerts.delivery import TABLE, Delivery, Event
from alerts.directory import Directory, Way
from alerts.notice import CLOSING, NOTICE_OF, Notice
from alerts.rule import Severity
from alerts.store import Caused
from alerts.transition import Transition, What

_ENDS_PAGES = frozenset(
    {What.ACK, What.VOID, What.CANCELLED, What.ALL_CLEAR, What.CLOSED}
    | {What.SHELVED, What.OUT_OF_SERVICE}
)
_TOLD = "(handed IS NOT NULL OR may_repeat = 1 OR state IN ('claimed', 'accepted', 'delivered'))"


class Origin(NamedTuple):
    """What a row came of."""

    history: int
    arrived: int
    transition: Transition


def enqueue(
    db: sqlite3.Connection,
    number: int,
    caused: Caused,
    directory: Directory,
    *,
    now: int,
    handed: Way | None = None,
) -> None:
    """Queue, cancel and replace what history row ``number`` asks for. ``now`` is epoch ms.

    ``handed`` is the way on which its page went out already, from memory.
    """
    transition = caused.transition
    if transition.rule and transition.occurrence is not None and transition.what in _ENDS_PAGES:
        _end_pages(db, transition, now)
    notice = NOTICE_OF.get(transition.what)
    origin = Origin(number, caused.arrived, transition)
    if notice is not None and transition.to:
        _queue(db, origin, notice, handed or directory.first(transition.to), now)
        if handed is not None:
            _was_handed(db, now)
    if transition.what in {What.ACK, What.ALL_CLEAR, What.CLOSED}:
        news = notice or Notice.NEWS
        for person in _stand_ins(db, transition):
            if person != transition.by:
                _queue(db, origin, news, directory.first(person), now)


def log(
    db: sqlite3.Connection,
    row: int,
    event: Event,
    was: Delivery,
    became: Delivery,
    *,
    now: int,
    attempt: str = "",
    note: str = "",
) -> None:
    """Append one step of a row to the delivery log."""
    db.execute(
        "INSERT INTO delivery_log (row, at, event, was, became, attempt, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (row, now, event.value, was.value, became.value, attempt, note),
    )


def _end_pages(db: sqlite3.Connection, transition: Transition, now: int) -> None:
    """Pages of the occurrence that nobody has need not be sent; those under way are finished."""
    why = transition.why or transition.what.value
    where = (transition.rule, transition.occurrence)
    _cancel(db, Event.ACKED, "rule = ? AND occurrence = ?", where, why=why, now=now)
    db.execute(
        "UPDATE outbox SET over = ? WHERE rule = ? AND occurrence = ? AND notice = 'page'"
        " AND state IN ('claimed', 'accepted', 'delivered') AND over = ''",
        (why, *where),
    )


def _cancel(
    db: sqlite3.Connection,
    event: Event,
    condition: str,
    arguments: tuple[object, ...],
    *,
    why: str,
    now: int,
) -> None:
    became = TABLE[Delivery.QUEUED, event].to
    rows = db.execute(
        f"UPDATE outbox SET state = ?, over = ? WHERE {condition} AND notice = 'page'"  # noqa: S608 # conditions are literals of this file
        " AND state = 'queued' RETURNING id",
        (became, why, *arguments),
    ).fetchall()
    for (row,) in rows:
        log(db, row, event, Delivery.QUEUED, became, now=now, note=why)


def _queue(db: sqlite3.Connection, origin: Origin, notice: Notice, way: Way, now: int) -> None:
    transition = origin.transition
    about = (transition.rule, transition.occurrence or 0, way.person)
    if notice is Notice.PAGE:
        # Who was cut off for hours is told once how it stands, not every step of it.
        condition = "rule = ? AND occurrence = ? AND person = ?"
        why = "a newer page stands for it"
        _cancel(db, Event.REPLACED, condition, about, why=why, now=now)
        insert(db, origin, notice, way, now=now)
    elif transition.occurrence is not None and not _told(db, about):
        # Its page was never handed over: there is nothing to take back.
        row = insert(db, origin, notice, way, now=now)
        cell = TABLE[Delivery.QUEUED, Event.REPLACED]
        db.execute(
            "UPDATE outbox SET state = ?, over = 'was never paged' WHERE id = ?", (cell.to, row)
        )
        log(db, row, Event.REPLACED, Delivery.QUEUED, cell.to, now=now, note="was never paged")
    elif notice not in CLOSING or not _closed(db, about):
        insert(db, origin, notice, way, now=now)


def insert(db: sqlite3.Connection, origin: Origin, notice: Notice, way: Way, *, now: int) -> int:
    """A new row, the first of its line, due now; its id."""
    transition = origin.transition
    severity = transition.severity
    rank = int(Severity[severity.upper()]) if severity else 0
    urgency = rank + (10 if notice is Notice.PAGE else 0)
    found = db.execute(
        "INSERT INTO outbox (root, history, notice, rule, occurrence, severity, urgency, person,"
        " channel, arrived, queued, due) VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            origin.history,
            notice.value,
            transition.rule,
            transition.occurrence or 0,
            severity,
            urgency,
            *way,
            origin.arrived,
            now,
            now,
        ),
    ).fetchone()
    row = int(found[0])
    db.execute("UPDATE outbox SET root = id WHERE id = ?", (row,))
    return row


def _was_handed(db: sqlite3.Connection, now: int) -> None:
    row = int(db.execute("SELECT max(id) FROM outbox").fetchone()[0])
    note = "sent from memory while the store could not be written"
    state = Delivery.QUEUED
    for event in (Event.CLAIM, Event.ACCEPT):
        became = TABLE[state, event].to
        log(db, row, event, state, became, now=now, note=note)
        state = became
    db.execute("UPDATE outbox SET state = ?, handed = ?, tries = 1 WHERE id = ?", (state, now, row))


def _told(db: sqlite3.Connection, about: tuple[str, int, str]) -> bool:
    found = db.execute(
        "SELECT 1 FROM outbox WHERE rule = ? AND occurrence = ? AND person = ?"  # noqa: S608 # a literal of this file
        f" AND notice = 'page' AND {_TOLD} LIMIT 1",
        about,
    ).fetchone()
    return found is not None


def _closed(db: sqlite3.Connection, about: tuple[str, int, str]) -> bool:
    found = db.execute(
        "SELECT 1 FROM outbox WHERE rule = ? AND occurrence = ? AND person = ?"
        " AND notice IN ('all_clear', 'closed') AND state != 'cancelled' LIMIT 1",
        about,
    ).fetchone()
    return found is not None


def _stand_ins(db: sqlite3.Connection, transition: Transition) -> list[str]:
    """People paged in another's place: the engine does not know of them."""
    rows = db.execute(
        "SELECT person FROM outbox WHERE rule = ? AND occurrence = ? AND notice = 'page'"  # noqa: S608 # a literal of this file
        f" AND {_TOLD} GROUP BY person HAVING MIN(stand_in) = 1 ORDER BY person",
        (transition.rule, transition.occurrence),
    )
    return [person for (person,) in rows]
