"""What time alone, and a provider's later word, do to the outbox's rows."""

import re
import sqlite3
from collections.abc import Collection

from alerts import held
from alerts.attempts import Sightings, give_up_the_dead, go_beside, is_past
from alerts.bundle import pages_of
from alerts.delivery import Act, Delivery, Event, advance
from alerts.directory import Directory
from alerts.enqueue import Origin, insert, log
from alerts.follow import follow, go_on, in_short, tried
from alerts.notice import Notice
from alerts.pace import Pace
from storage.entry import Receipt

_PAGE = re.compile(r"page-([0-9]{1,18})-([0-9]{1,18})")


def hear(
    db: sqlite3.Connection, said: Receipt, directory: Directory, *, now: int, pace: Pace
) -> list[str]:
    """What a provider said later of a message, as the journal has it.

    A message that went out from memory has no row, nor has one of a store that was lost. What it
    says of an earlier attempt counts only when that one arrived after all.
    """
    named = _PAGE.fullmatch(said.message)
    if named is None:
        return []
    row, arrived = int(named[1]), int(named[2])
    found = db.execute(
        "SELECT state, provider_id FROM outbox WHERE id = ? AND arrived = ?", (row, arrived)
    ).fetchone()
    if found is None:
        return []
    note = f"{said.provider} {said.provider_id}: {said.note or 'delivered'}"
    if not said.delivered and found[1] not in {"", said.provider_id}:
        state = Delivery(found[0])
        log(db, row, Event.PERMANENT, state, state, now=now, note=f"{note}; of an earlier attempt")
        return []
    return receipt(db, row, directory, delivered=said.delivered, now=now, pace=pace, note=note)


def receipt(
    db: sqlite3.Connection,
    row: int,
    directory: Directory,
    *,
    delivered: bool,
    now: int,
    pace: Pace,
    note: str = "",
) -> list[str]:
    """What the provider said later of a message that it took; of a summary, for all in it."""
    found = db.execute("SELECT state, notice FROM outbox WHERE id = ?", (row,)).fetchone()
    if found is None:
        return []
    state, event = Delivery(found[0]), Event.RECEIPT if delivered else Event.PERMANENT
    pages = pages_of(db, row, state)
    why = note or "undelivered"
    lines = []
    for one in (row, *(page.row for page in pages)):
        act = _heard(db, one, state, event, now=now, note=note)
        if act is Act.NEXT_WAY and (one != row or found[1] != Notice.SUMMARY):
            lines.append(go_on(db, one, directory, why=why, now=now, pace=pace))
    return in_short(lines)


def _heard(
    db: sqlite3.Connection, row: int, state: Delivery, event: Event, *, now: int, note: str
) -> Act:
    step = advance(state, event)
    db.execute(
        "UPDATE outbox SET state = ?, handed = coalesce(handed, ?) WHERE id = ?",
        (step.to, now if step.to is Delivery.DELIVERED else None, row),
    )
    log(db, row, event, state, step.to, now=now, note=note)
    return step.act


def upkeep(
    db: sqlite3.Connection,
    mine: Collection[str],
    directory: Directory,
    *,
    seen: Sightings,
    now: int,
    pace: Pace,
    slow: Collection[str] = (),
) -> list[str]:
    """What time alone does to rows; lines that somebody must see.

    ``mine`` are the attempts that are under way in this process: they answer for themselves,
    whatever the clock does. ``slow`` are those among them that get no answer; ``seen`` is what
    this process remembers of the others.
    """
    lines = give_up_the_dead(db, mine, seen, now=now, pace=pace)
    lines += in_short(go_beside(db, slow, directory, now=now))
    _receipts(db, directory, seen, now=now, pace=pace)
    _outlived(db, now=now, pace=pace)
    _digests(db, directory, now=now)
    return lines


def _receipts(
    db: sqlite3.Connection, directory: Directory, seen: Sightings, *, now: int, pace: Pace
) -> None:
    rows = db.execute(
        "SELECT id, root, person, handed + ? FROM outbox WHERE state = 'accepted'"
        " AND notice IN ('page', 'handover', 'digest')"
        " AND followed = 0 AND over = '' ORDER BY id",
        (pace.receipt_ms,),
    ).fetchall()
    for_ms = seen.look("receipt", {str(row[0]) for row in rows})
    for row, root, person, due in rows:
        seen_ms = for_ms[str(row)]
        if not is_past(due, now=now, pace=pace, seen_ms=seen_ms, within_ms=pace.receipt_ms):
            continue
        step = advance(Delivery.ACCEPTED, Event.NO_RECEIPT)
        way = directory.next_channel(person, tried(db, root))
        log(db, row, Event.NO_RECEIPT, Delivery.ACCEPTED, step.to, now=now)
        if way is None:
            # No channel is left: from here it is the escalation's.
            db.execute("UPDATE outbox SET followed = 1 WHERE id = ?", (row,))
        else:
            follow(db, row, way, due=now, now=now, why="no receipt on the channel before")


def _outlived(db: sqlite3.Connection, *, now: int, pace: Pace) -> None:
    became = advance(Delivery.QUEUED, Event.OUTLIVED).to
    rows = db.execute(
        "UPDATE outbox SET state = ? WHERE state = 'queued'"
        " AND notice NOT IN ('page', 'summary', 'handover')"
        " AND history IN"
        " (SELECT n FROM history WHERE at <= ?) RETURNING id",
        (became, now - pace.outlived_ms),
    ).fetchall()
    for (row,) in rows:
        log(db, row, Event.OUTLIVED, Delivery.QUEUED, became, now=now)


def _digests(db: sqlite3.Connection, directory: Directory, *, now: int) -> None:
    for waiting in held.due(db, now=now):
        origin = Origin(waiting.history, waiting.arrived, waiting.newest)
        way = directory.first(waiting.person)
        held.sent(db, waiting.person, insert(db, origin, Notice.DIGEST, way, now=now))


def next_due(db: sqlite3.Connection, pace: Pace) -> int | None:
    """When the next row wants something, in epoch ms; None when all is at rest."""
    found: tuple[int | None] = db.execute(
        "SELECT min(t) FROM (SELECT min(due) AS t FROM outbox WHERE state IN ('queued', 'claimed')"
        " UNION ALL SELECT min(until) FROM held WHERE sent_in IS NULL"
        " UNION ALL SELECT min(handed) + ? FROM outbox WHERE state = 'accepted'"
        " AND notice IN ('page', 'handover', 'digest') AND followed = 0 AND over = '')",
        (pace.receipt_ms,),
    ).fetchone()
    return found[0]
