"""What follows when a message failed on one way: the next one, at once, and never nothing."""

import sqlite3
from collections.abc import Sequence

from alerts.covered import covered
from alerts.delivery import Delivery, Event, advance
from alerts.directory import Directory, Way
from alerts.enqueue import log
from alerts.held import hold
from alerts.notice import LISTS, Notice
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
    db: sqlite3.Connection,
    row: int,
    directory: Directory,
    *,
    why: str,
    now: int,
    pace: Pace,
) -> str:
    """Queue the message of a failed row on the next way at once; the line that says so."""
    root, rule, person, channel, notice, over, history, severity, arrived = db.execute(
        "SELECT root, rule, person, channel, notice, over, history, severity, arrived"
        " FROM outbox WHERE id = ?",
        (row,),
    ).fetchone()
    failed = f"{notice} to {person} by {channel or 'nothing'} about {rule} failed: {why}"
    if over:
        return f"{failed}; no longer needed: {over}"
    if notice == Notice.DRILL:
        # It is about this channel, and that it failed is what there was to find out.
        return failed
    ways = tried(db, root)
    asked = rule if notice == Notice.PAGE else _asked_in(db, history, Notice(notice))
    way = directory.next_way(asked, person, ways) if asked else directory.next_channel(person, ways)
    until = directory.quiet_until(way.person, severity, now) if way is not None else None
    if way is not None and until is not None and way.person != person:
        # Who stands in has quiet hours too; those of the person were over when it was queued.
        hold(db, history, way.person, until=until, arrived=arrived)
        return f"{failed}; {way.person} hears of it when their quiet hours are over"
    if way is not None:
        told = f"{directory.name(person)} could not be reached by {channel or 'any channel'}"
        follow(db, row, way, due=now, now=now, why=told if way.person != person else "")
        return f"{failed}; going on with {way.person} by {way.channel}"
    first = db.execute("SELECT person FROM outbox WHERE id = ?", (root,)).fetchone()[0]
    again = directory.first(first)
    follow(db, row, again, due=now + pace.again_ms, now=now, why="nobody could be reached")
    if asked:
        return f"{NOBODY}: {failed}; trying all again in {pace.again_ms // 1000} s"
    return f"{failed}; trying again in {pace.again_ms // 1000} s"


def _asked_in(db: sqlite3.Connection, history: int, notice: Notice) -> str:
    """A rule for which a list asks somebody: those of its policy can stand in."""
    if notice not in LISTS:
        return ""
    alarms = covered(db, history, notice)
    return next((one.rule for one in alarms if one.take and one.open), "")


def tried(db: sqlite3.Connection, root: int) -> set[Way]:
    rows = db.execute("SELECT person, channel FROM outbox WHERE root = ?", (root,))
    return {Way(*way) for way in rows}


def follow(
    db: sqlite3.Connection,
    row: int,
    way: Way,
    *,
    due: int,
    now: int,
    why: str,
    may_repeat: bool = False,
) -> int:
    """A row with the message of ``row`` on another way; a later one begins a new round.

    It ``may_repeat`` too when the person may have got the message on any way before.
    """
    new = db.execute(
        "INSERT INTO outbox (root, history, notice, rule, occurrence, severity, urgency, person,"
        " channel, arrived, queued, due, held, why, may_repeat, stand_in)"
        " SELECT CASE WHEN ? THEN 0 ELSE root END, history, notice, rule, occurrence, severity,"
        " urgency, ?, ?, arrived, ?, ?, 2, ?, max(?, coalesce((SELECT max(m.may_repeat)"
        " FROM outbox m WHERE m.root = o.root AND m.person = ?), 0)),"
        " ? != (SELECT person FROM outbox r WHERE r.id = o.root)"
        " FROM outbox o WHERE id = ? RETURNING id",
        (due > now, *way, now, due, why, may_repeat, way.person, way.person, row),
    ).fetchone()[0]
    db.execute("UPDATE outbox SET root = id WHERE id = ? AND root = 0", (new,))
    db.execute("UPDATE outbox SET followed = 1 WHERE id = ?", (row,))
    return int(new)
