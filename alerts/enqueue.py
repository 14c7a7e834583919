"""From transitions to rows of the outbox, inside the transaction that keeps both."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from alerts.delivery import TABLE, Delivery, Event
from alerts.directory import Directory, Way
from alerts.held import hold, is_held
from alerts.notice import ALONE, CLOSING, NOTICE_OF, Notice
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
    if (
        notice is not None
        and transition.to
        and (handed is not None or not _goes_otherwise(db, origin, notice, directory, now))
    ):
        way = handed or _way(transition, directory)
        _queue(db, origin, notice, way, now)
        if handed is not None:
            _was_handed(db, now)
    if transition.what in {What.ACK, What.ALL_CLEAR, What.CLOSED}:
        news = notice or Notice.NEWS
        for person in _stand_ins(db, transition):
            if person != transition.by:
                _queue(db, origin, news, directory.first(person), now)


def _goes_otherwise(
    db: sqlite3.Connection, origin: Origin, notice: Notice, directory: Directory, now: int
) -> bool:
    """Whether the list of a hand-over carries it, or the person's quiet hours hold it back."""
    transition = origin.transition
    if notice is Notice.PAGE and transition.detail.get("in") == What.HANDOVER:
        return True
    if notice is Notice.DRILL:
        # Whoever orders a drill wants to know whether it gets through now.
        return False
    until = directory.quiet_until(transition.to, transition.severity, now)
    if until is None:
        return False
    about = (transition.rule, transition.occurrence or 0, transition.to)
    of_page = notice not in ALONE | {Notice.PAGE} and transition.occurrence is not None
    if of_page and not (_told(db, about) or is_held(db, *about)):
        return False
    hold(db, origin.history, transition.to, until=until, arrived=origin.arrived)
    return True


def _way(transition: Transition, directory: Directory) -> Way:
    channel = transition.detail.get("channel")
    if transition.what is What.DRILL and channel:
        return Way(transition.to, channel)
    return directory.first(transition.to)


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
    if notice is Notice.HANDOVER:
        _into_one(db, origin, way, now)
    elif notice in ALONE:
        insert(db, origin, notice, way, now=now)
    elif notice is Notice.PAGE:
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


def _into_one(db: sqlite3.Connection, origin: Origin, way: Way, now: int) -> None:
    """Lists that wait for the same person go as one message, which has all of their alarms."""
    waiting = db.execute(
        "SELECT id FROM outbox WHERE person = ? AND notice = 'handover' AND state = 'queued'"
        " ORDER BY id LIMIT 1",
        (way.person,),
    ).fetchone()
    row = insert(db, origin, Notice.HANDOVER, way, now=now)
    if waiting is not None:
        cell = TABLE[Delivery.QUEUED, Event.REPLACED]
        why = f"in one message with {waiting[0]}"
        db.execute("UPDATE outbox SET state = ?, over = ? WHERE id = ?", (cell.to, why, row))
        log(db, row, Event.REPLACED, Delivery.QUEUED, cell.to, now=now, note=why)


def urgency_of(notice: Notice, severity: str) -> int:
    """What goes first: pages before all else, and the gravest before others."""
    rank = int(Severity[severity.upper()]) if severity else 0
    return rank + (10 if notice in {Notice.PAGE, Notice.HANDOVER} else 0)


def insert(db: sqlite3.Connection, origin: Origin, notice: Notice, way: Way, *, now: int) -> int:
    """A new row, the first of its line, due now; its id."""
    transition = origin.transition
    severity = transition.severity
    found = db.execute(
        "INSERT INTO outbox (root, history, notice, rule, occurrence, severity, urgency, person,"
        " channel, arrived, queued, due) VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            origin.history,
            notice.value,
            *_about(origin, notice),
            severity,
            urgency_of(notice, severity),
            *way,
            origin.arrived,
            now,
            now,
        ),
    ).fetchone()
    row = int(found[0])
    db.execute("UPDATE outbox SET root = id WHERE id = ?", (row,))
    return row


def _about(origin: Origin, notice: Notice) -> tuple[str, int]:
    """Rule and occurrence; what stands for itself waits for no other and keeps none waiting."""
    transition = origin.transition
    if notice is Notice.DRILL:
        # One at a time to a person: drills never take the room of a page.
        return notice.value, 0
    if notice in ALONE:
        return notice.value, origin.history
    return transition.rule, transition.occurrence or 0


def _was_handed(db: sqlite3.Connection, now: int) -> None:
    row = int(db.execute("SELECT max(id) FROM outbox").fetchone()[0])
    _hand(db, row, "sent from memory while the store could not be written", now)


def told_in_a_list(
    db: sqlite3.Connection, origin: Origin, alarms: Iterable[Transition], way: Way, *, now: int
) -> None:
    """The list of ``origin`` was handed over: with it the person was paged for ``alarms``."""
    for alarm in alarms:
        if _told(db, (alarm.rule, alarm.occurrence or 0, way.person)):
            continue
        row = insert(db, origin._replace(transition=alarm), Notice.PAGE, way, now=now)
        _hand(db, row, "told in a list", now)
        db.execute("UPDATE outbox SET followed = 1 WHERE id = ?", (row,))


def _hand(db: sqlite3.Connection, row: int, note: str, now: int) -> None:
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
