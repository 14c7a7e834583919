"""The outbox's rows, moved by table A6. Each function is one step within a transaction.

Times are epoch milliseconds and handed in, so a rehearsal can run it on a clock of its own.
"""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from alerts.bundle import Listed, bundle, noted, pages_of
from alerts.covered import Covered, covered
from alerts.delivery import Act, Delivery, Event, Step, advance, back_off_ms
from alerts.directory import Directory, Way
from alerts.enqueue import Origin, log, told_in_a_list
from alerts.follow import fail_channel, go_on, in_short, tried
from alerts.notice import ASKING, LISTS, URGENT, Notice
from alerts.pace import Pace
from alerts.transition import Transition, What


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A row that this attempt, and no other, may hand over. A list ``covers`` several alarms.

    ``listed`` are the pages that a summary carries, the gravest first; they are claimed with it.
    """

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
    listed: tuple[Listed, ...] = ()


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
    urgency: int


_HANDED = frozenset({Event.ACCEPT, Event.RECEIPT})
_CLAIMABLE = """
SELECT o.id, o.notice, o.rule, o.occurrence, o.severity, o.person, o.channel, o.tries,
       o.may_repeat, o.arrived, o.why, o.history, h.body, o.urgency
FROM outbox o JOIN history h ON h.n = o.history
WHERE o.state = 'queued' AND o.channel = ? AND o.summary IS NULL AND (o.due <= ? OR o.due > ?)
  AND o.person NOT IN (SELECT value FROM json_each(?))
  AND (o.notice = 'summary' OR NOT EXISTS (
    SELECT 1 FROM outbox b WHERE b.rule = o.rule AND b.occurrence = o.occurrence
    AND b.person = o.person AND b.id < o.id AND b.state = 'claimed'
    AND NOT (b.root = o.root AND b.followed = 1)))
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
    bundle(db, channel, now=now, pace=pace)
    busy = sorted(person for person, count in free.under_way.items() if count >= free.each)
    rows = db.execute(
        _CLAIMABLE,
        (channel, now, now + pace.longest_ms, msgspec.json.encode(busy).decode(), free.slots),
    ).fetchall()
    claims: list[Claim] = []
    under_way = Counter(free.under_way)
    talking: set[tuple[str, int, str]] = set()
    for row in map(_Row._make, rows):
        # A summary is about no alarm of its own.
        about = (row.rule or str(row.row), row.occurrence, row.person)
        if about in talking or under_way[row.person] >= free.each:
            continue
        talking.add(about)
        under_way[row.person] += 1
        claims.append(_take(db, row, now=now, pace=pace))
    return claims


def _take(db: sqlite3.Connection, row: _Row, *, now: int, pace: Pace) -> Claim:
    step = advance(Delivery.QUEUED, Event.CLAIM)
    pages = pages_of(db, row.row, Delivery.QUEUED) if row.notice == Notice.SUMMARY else ()
    taken = Claim(
        row=row.row,
        attempt=secrets.token_hex(8),
        notice=Notice(row.notice),
        rule=row.rule,
        occurrence=row.occurrence,
        severity=pages[0].severity if pages else row.severity,
        way=Way(row.person, row.channel),
        tries=row.tries + 1,
        may_repeat=bool(row.may_repeat),
        arrived=row.arrived,
        why=row.why,
        told_before=_told_before(db, row, pages),
        transition=msgspec.json.decode(row.body, type=Transition),
        history=row.history,
        covers=covered(db, row.history, Notice(row.notice)) if row.notice in LISTS else (),
        listed=pages,
    )
    for claimed in (taken.row, *(page.row for page in pages)):
        db.execute(
            "UPDATE outbox SET state = ?, attempt = ?, due = ?, tries = ? WHERE id = ?",
            (step.to, taken.attempt, now + pace.lease_ms, taken.tries, claimed),
        )
        log(db, claimed, Event.CLAIM, Delivery.QUEUED, step.to, now=now, attempt=taken.attempt)
    if taken.notice in ASKING:
        noted(db, row.person, row.urgency, now=now, pace=pace)
    return taken


def _told_before(db: sqlite3.Connection, row: _Row, pages: Sequence[Listed]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for rule, occurrence in [(page.rule, page.occurrence) for page in pages] or [row[2:4]]:
        rows = db.execute(
            "SELECT person FROM outbox WHERE rule = ? AND occurrence = ? AND notice = 'page'"
            " AND person != ? AND handed IS NOT NULL GROUP BY person ORDER BY MIN(id)",
            (rule, occurrence, row.person),
        )
        names |= dict.fromkeys(name for (name,) in rows)
    return tuple(names)


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

    What came of a summary came of each page in it, and each goes on by its own policy.
    """
    lines = _settle_one(db, done, verdict, directory, now=now, pace=pace)
    if done.listed:
        each = [
            line
            for page in done.listed
            for line in _settle_one(
                db, _page_in(done, page), verdict, directory, now=now, pace=pace
            )
        ]
        lines += in_short(each)
    if verdict.event is Event.QUOTA:
        lines += fail_channel(db, done.way.channel, directory, verdict.note, now=now, pace=pace)
    return lines


def _page_in(summary: Claim, page: Listed) -> Claim:
    return replace(
        summary,
        row=page.row,
        notice=Notice.PAGE,
        rule=page.rule,
        occurrence=page.occurrence,
        severity=page.severity,
        transition=page.transition,
        listed=(),
    )


def _settle_one(
    db: sqlite3.Connection,
    done: Claim,
    verdict: Verdict,
    directory: Directory,
    *,
    now: int,
    pace: Pace,
) -> list[str]:
    """An attempt whose lease ran out has lost its row: it is noted and changes nothing."""
    row = db.execute(
        "SELECT state, attempt, over, followed FROM outbox WHERE id = ?", (done.row,)
    ).fetchone()
    state, attempt, over, followed = Delivery(row[0]), row[1], row[2], row[3]
    if attempt != done.attempt or state is not Delivery.CLAIMED:
        log(db, done.row, verdict.event, state, state, now=now, attempt=done.attempt, note="late")
        return []
    step = advance(state, verdict.event, tries=done.tries, max_tries=pace.max_tries)
    if step.to is Delivery.QUEUED and over:
        step = Step(Delivery.CANCELLED)
    elif followed and step.act in {Act.BACK_OFF, Act.NEXT_WAY}:
        # It went on while this attempt had no answer: the message is with the row that follows.
        step = Step(Delivery.FAILED)
    elif step.act is Act.BACK_OFF and _is_tried_for_too_long(
        db, done, verdict, directory, now=now, pace=pace
    ):
        step = advance(state, Event.PERMANENT)
    _write(db, done, verdict, step, now=now, pace=pace)
    if verdict.event in _HANDED and done.covers:
        _told_of_all(db, done, now)
    lines = []
    if step.act is Act.NEXT_WAY and done.notice is not Notice.SUMMARY:
        lines.append(go_on(db, done.row, directory, why=verdict.note, now=now, pace=pace))
    if over and verdict.event not in _HANDED:
        _nothing_to_take_back(db, done, now)
    return lines


def _is_tried_for_too_long(
    db: sqlite3.Connection,
    done: Claim,
    verdict: Verdict,
    directory: Directory,
    *,
    now: int,
    pace: Pace,
) -> bool:
    """Whether a page should rather go on the person's next channel than be tried here again."""
    if done.notice not in URGENT:
        return False
    root, began = db.execute(
        "SELECT root, (SELECT min(at) FROM delivery_log l WHERE l.row = o.id AND l.event = ?)"
        " FROM outbox o WHERE id = ?",
        (Event.CLAIM.value, done.row),
    ).fetchone()
    if now + _wait_ms(done, verdict, pace) <= began + pace.channel_ms:
        return False
    return directory.next_channel(done.way.person, tried(db, root)) is not None


def _wait_ms(done: Claim, verdict: Verdict, pace: Pace) -> int:
    return min(verdict.retry_after_ms or back_off_ms(done.tries), pace.longest_ms)


def _write(
    db: sqlite3.Connection, done: Claim, verdict: Verdict, step: Step, *, now: int, pace: Pace
) -> None:
    wait = _wait_ms(done, verdict, pace)
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
