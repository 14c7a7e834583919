"""What follows when a message failed on one way: the next one, at once, and never nothing."""

import sqlite3
from collections.abc import Sequence

from alerts.delivery import Delivery, Event, advance
from alerts.directory import Directory, Way
from alerts.enqueue import log
from alerts.notice import Notice
from alerts.pace import Pace

NOBODY = "NOBODY COULD BE REACHED"


def fail_channel(
    db: sqlite3.Connection, channel: str, directory: Directory, why: str, *, now: int, pace: Pace
) -> list[str]:
    """The channel has no credit: what is queued there need not wait to find out."""
    step = advance(Delivery.QUEUED, Event.QUOTA)
    rows = db.execute(
        "UPDATE outbox SET state = ?, error = ? WHERE state = 'queued' AND channel = ?"
        " AND due <= ? RETURNING id, notice",
        (step.to, why, channel, now),
    ).fetchall()
    lines = []
    for row, notice in sorted(rows):
        log(db, row, Event.QUOTA, Delivery.QUEUED, step.to, now=now, note=why)
        # Of a summary, the pages in it go on.
        if notice != Notice.SUMMARY:
            lines.append(go_on(db, row, directory, why=why, now=now, pace=pace))
    return lines


def in_short(lines: Sequence[str]) -> list[str]:
    """Lines about the pages of one summary: the first of each kind, and how many there are."""
    told = []
    for unreached in (True, False):
        alike = [line for line in lines if line.startswith(NOBODY) is unreached]
        if alike:
            more = f"; so for {len(alike) - 1} more in that summary" if len(alike) > 1 else ""
            told.append(alike[0] + more)
    return told


def go_on(
    db: sqlite3.Connection, row: int, directory: Directory, *, why: str, now: int, pace: Pace
) -> str:
    """Queue the message of a failed row on the next way at once; the line that says so."""
    root, rule, person, channel, notice, over = db.execute(
        "SELECT root, rule, person, channel, notice, over FROM outbox WHERE id = ?", (row,)
    ).fetchone()
    failed = f"{notice} to {person} by {channel or 'nothing'} about {rule} failed: {why}"
    if over:
        return f"{failed}; no longer needed: {over}"
    ways = tried(db, root)
    way = (
        directory.next_way(rule, person, ways)
        if notice == Notice.PAGE
        else directory.next_channel(person, ways)
    )
    if way is not None:
        told = f"{directory.name(person)} could not be reached by {channel or 'any channel'}"
        follow(db, row, way, due=now, now=now, why=told if way.person != person else "")
        return f"{failed}; going on with {way.person} by {way.channel}"
    first = db.execute("SELECT person FROM outbox WHERE id = ?", (root,)).fetchone()[0]
    again = directory.first(first)
    follow(db, row, again, due=now + pace.again_ms, now=now, why="nobody could be reached")
    if notice == Notice.PAGE:
        return f"{NOBODY}: {failed}; trying all again in {pace.again_ms // 1000} s"
    return f"{failed}; trying again in {pace.again_ms // 1000} s"


def tried(db: sqlite3.Connection, root: int) -> set[Way]:
    rows = db.execute("SELECT person, channel FROM outbox WHERE root = ?", (root,))
    return {Way(*way) for way in rows}


def follow(db: sqlite3.Connection, row: int, way: Way, *, due: int, now: int, why: str) -> int:
    """A row with the message of ``row`` on another way; a later one begins a new round."""
    new = db.execute(
        "INSERT INTO outbox (root, history, notice, rule, occurrence, severity, urgency, person,"
        " channel, arrived, queued, due, held, why, stand_in)"
        " SELECT CASE WHEN ? THEN 0 ELSE root END, history, notice, rule, occurrence, severity,"
        " urgency, ?, ?, arrived, ?, ?, 2, ?,"
        " ? != (SELECT person FROM outbox r WHERE r.id = o.root)"
        " FROM outbox o WHERE id = ? RETURNING id",
        (due > now, *way, now, due, why, way.person, row),
    ).fetchone()[0]
    db.execute("UPDATE outbox SET root = id WHERE id = ? AND root = 0", (new,))
    db.execute("UPDATE outbox SET followed = 1 WHERE id = ?", (row,))
    return int(new)
