"""The outbox's rows, moved by table A6. Each function is one step within a transaction.

Times are epoch milliseconds and handed in, so a rehearsal can run it on a clock of its own.
"""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from alerts.covered import Covered, covered
from alerts.delivery import Act, Delivery, Event, Step, advance, back_off_ms
from alerts.directory import Directory, Way
from alerts.enqueue import Origin, log, told_in_a_list
from alerts.follow import fail_channel, go_on
from alerts.notice import LISTS, Notice
from alerts.pace import Pace
from alerts.transition import Transition, What


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A row that this attempt, and no other, may hand over. A list ``covers`` several alarms."""

    row: int
    attempt: str
    notice: Notice
    rule: str
    occurrence: int
    severity: str
    way: Way
    tries: int
    may_repeat: bool
    arrived: int
    why: str
    told_before: tuple[str, ...]
    transition: Transition
    history: int = 0
    covers: tuple[Covered, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt: ACCEPT, RECEIPT, TEMPORARY, PERMANENT or QUOTA.

    ``perhaps_taken``: nobody knows whether it reached the person; the next try is marked.
    """

    event: Event
    note: str = ""
    provider_id: str = ""
    retry_after_ms: int | None = None
    subject: str = ""
    perhaps_taken: bool = False


class Free(NamedTuple):
    """Room for further attempts on a channel: in all, and for each person beside ``under_way``."""

    slots: int
    each: int
    under_way: Mapping[str, int]


class _Row(NamedTuple):
    row: int
    notice: str
    rule: str
    occurrence: int
    severity: str
    person: str
    channel: str
    tries: int
    may_repeat: int
    arrived: int
    why: str
    history: int
    body: str


_HANDED = frozenset({Event.ACCEPT, Event.RECEIPT})
_CLAIMABLE = """
SELECT o.id, o.notice, o.rule, o.occurrence, o.severity, o.person, o.channel, o.tries,
       o.may_repeat, o.arrived, o.why, o.history, h.body
FROM outbox o JOIN history h ON h.n = o.history
WHERE o.state = 'queued' AND o.channel = ? AND (o.due <= ? OR o.due > ?)
  AND o.person NOT IN (SELECT value FROM json_each(?))
  AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.rule = o.rule AND b.occurrence = o.occurrence
                  AND b.person = o.person AND b.id < o.id AND b.state = 'claimed')
ORDER BY o.urgency DESC, o.due, o.id LIMIT ?
"""


def channels_waiting(db: sqlite3.Connection) -> list[str]:
    """Channels on which something is queued."""
    rows = db.execute("SELECT DISTINCT channel FROM outbox WHERE state = 'queued'")
    return sorted(channel for (channel,) in rows)


def claim(db: sqlite3.Connection, channel: str, free: Free, *, now: int, pace: Pace) -> list[Claim]:
    """Take rows of a channel that are due, the gravest first, under a lease.

    A message waits while an earlier one about the same alarm is under way to the same person.
    """
    busy = sorted(person for person, count in free.under_way.items() if count >= free.each)
    rows = db.execute(
        _CLAIMABLE,
        (channel, now, now + pace.longest_ms, msgspec.json.encode(busy).decode(), free.slots),
    ).fetchall()
    claims: list[Claim] = []
    under_way = Counter(free.under_way)
    talking: set[tuple[str, int, str]] = set()
    for row in map(_Row._make, rows):
        about = (row.rule, row.occurrence, row.person)
        if about in talking or under_way[row.person] >= free.each:
            continue
        talking.add(about)
        under_way[row.person] += 1
        claims.append(_take(db, row, now=now, pace=pace))
    return claims


def _take(db: sqlite3.Connection, row: _Row, *, now: int, pace: Pace) -> Claim:
    step = advance(Delivery.QUEUED, Event.CLAIM)
    taken = Claim(
        row=row.row,
        attempt=secrets.token_hex(8),
        notice=Notice(row.notice),
        rule=row.rule,
        occurrence=row.occurrence,
        severity=row.severity,
        way=Way(row.person, row.channel),
        tries=row.tries + 1,
        may_repeat=bool(row.may_repeat),
        arrived=row.arrived,
        why=row.why,
        told_before=_told_before(db, row),
        transition=msgspec.json.decode(row.body, type=Transition),
        history=row.history,
        covers=covered(db, row.history, Notice(row.notice)) if row.notice in LISTS else (),
    )
    db.execute(
        "UPDATE outbox SET state = ?, attempt = ?, due = ?, tries = ? WHERE id = ?",
        (step.to, taken.attempt, now + pace.lease_ms, taken.tries, taken.row),
    )
    log(db, taken.row, Event.CLAIM, Delivery.QUEUED, step.to, now=now, attempt=taken.attempt)
    return taken


def _told_before(db: sqlite3.Connection, row: _Row) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT person FROM outbox WHERE rule = ? AND occurrence = ? AND notice = 'page'"
        " AND person != ? AND handed IS NOT NULL GROUP BY person ORDER BY MIN(id)",
        (row.rule, row.occurrence, row.person),
    )
    return tuple(name for (name,) in rows)


def settle(
    db: sqlite3.Connection,
    done: Claim,
    verdict: Verdict,
    directory: Directory,
    *,
    now: int,
    pace: Pace,
) -> list[str]:
    """Record what came of an attempt, and queue what follows; lines that somebody must see.

    An attempt whose lease ran out has lost its row: only a success still counts, as the late
    receipt of a message that may be repeated.
    """
    row = db.execute("SELECT state, attempt, over FROM outbox WHERE id = ?", (done.row,)).fetchone()
    state, attempt, over = Delivery(row[0]), row[1], row[2]
    if attempt != done.attempt or state is not Delivery.CLAIMED:
        log(db, done.row, verdict.event, state, state, now=now, attempt=done.attempt, note="late")
        return []
    step = advance(state, verdict.event, tries=done.tries, max_tries=pace.max_tries)
    if step.to is Delivery.QUEUED and over:
        step = Step(Delivery.CANCELLED)
    _write(db, done, verdict, step, now=now, pace=pace)
    if verdict.event in _HANDED and done.covers:
        _told_of_all(db, done, now)
    lines = []
    if step.act is Act.NEXT_WAY:
        lines.append(go_on(db, done.row, directory, why=verdict.note, now=now, pace=pace))
    if verdict.event is Event.QUOTA:
        lines += fail_channel(db, done.way.channel, directory, verdict.note, now=now, pace=pace)
    if over and verdict.event not in _HANDED:
        _nothing_to_take_back(db, done, now)
    return lines


def _write(
    db: sqlite3.Connection, done: Claim, verdict: Verdict, step: Step, *, now: int, pace: Pace
) -> None:
    wait = min(verdict.retry_after_ms or back_off_ms(done.tries), pace.longest_ms)
    db.execute(
        "UPDATE outbox SET state = ?, handed = coalesce(?, handed), provider_id = ?, error = ?,"
        " subject = ?, may_repeat = max(may_repeat, ?), due = ? WHERE id = ?",
        (
            step.to,
            now if verdict.event in _HANDED else None,
            verdict.provider_id,
            verdict.note,
            verdict.subject,
            verdict.perhaps_taken,
            now + (wait if step.act is Act.BACK_OFF else 0),
            done.row,
        ),
    )
    log(
        db,
        done.row,
        verdict.event,
        Delivery.CLAIMED,
        step.to,
        now=now,
        attempt=done.attempt,
        note=verdict.note or verdict.provider_id,
    )


def _told_of_all(db: sqlite3.Connection, done: Claim, now: int) -> None:
    origin = Origin(done.history, done.arrived, done.transition)
    asked = [
        Transition(
            at=now,
            what=What.QUEUED,
            rule=one.rule,
            occurrence=one.occurrence,
            severity=one.severity,
            to=done.way.person,
        )
        for one in done.covers
        if one.take and one.open
    ]
    told_in_a_list(db, origin, asked, done.way, now=now)


def _nothing_to_take_back(db: sqlite3.Connection, done: Claim, now: int) -> None:
    """The page was over while it was under way, and failed: news of it would puzzle."""
    about = (done.rule, done.occurrence, done.way.person)
    told = db.execute(
        "SELECT 1 FROM outbox WHERE rule = ? AND occurrence = ? AND person = ? AND notice = 'page'"
        " AND (handed IS NOT NULL OR may_repeat = 1)",
        about,
    ).fetchone()
    if told:
        return
    rows = db.execute(
        "UPDATE outbox SET state = 'cancelled', over = 'was never paged' WHERE rule = ?"
        " AND occurrence = ? AND person = ? AND notice != 'page' AND state = 'queued' RETURNING id",
        about,
    ).fetchall()
    for (row,) in rows:
        note = "was never paged"
        log(db, row, Event.REPLACED, Delivery.QUEUED, Delivery.CANCELLED, now=now, note=note)
