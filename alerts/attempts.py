"""Attempts under way: whose sender died, and which get no answer for too long."""

import sqlite3
from collections.abc import Callable, Collection

from alerts.delivery import Delivery, Event, advance
from alerts.directory import Directory
from alerts.enqueue import log
from alerts.follow import follow, tried
from alerts.pace import Pace


class Sightings:
    """For how long this process has seen a thing, by a clock that nobody sets.

    What another sender dated cannot be held against the own wall clock: theirs may go otherwise.
    ``clock_ms`` is in milliseconds from anywhere.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._since: dict[str, int] = {}

    def look(self, kind: str, keys: Collection[str]) -> dict[str, int]:
        """Milliseconds for which each of the things of a kind has been seen; others are forgotten.

        ``keys`` are all that there are now.
        """
        now = self._clock_ms()
        named = {f"{kind} {key}": key for key in keys}
        kept = {
            name: since
            for name, since in self._since.items()
            if name in named or not name.startswith(f"{kind} ")
        }
        self._since = dict.fromkeys(named, now) | kept
        return {key: now - self._since[name] for name, key in named.items()}


def is_past(due: int, *, now: int, pace: Pace, seen_ms: int, within_ms: int) -> bool:
    """Whether what some sender dated ``due`` (epoch ms) is over: by every clock that one may have.

    Or else because this process has seen it for ``within_ms``, the time that it had.
    """
    if due + pace.skew_ms <= now or due > now + pace.longest_ms:
        return True
    return pace.skew_ms > 0 and seen_ms >= within_ms


def give_up_the_dead(
    db: sqlite3.Connection, mine: Collection[str], seen: Sightings, *, now: int, pace: Pace
) -> list[str]:
    """Attempts whose lease is over are sent again, marked; lines that somebody must see.

    ``mine`` are those of this process: they answer for themselves.
    """
    rows = db.execute(
        "SELECT id, attempt, person, rule, over, summary, due FROM outbox"
        " WHERE state = 'claimed' ORDER BY id"
    ).fetchall()
    rows = [row for row in rows if row[1] not in mine]
    for_ms = seen.look("attempt", {row[1] for row in rows})
    lines = []
    for row, attempt, person, rule, over, summary, due in rows:
        if not is_past(due, now=now, pace=pace, seen_ms=for_ms[attempt], within_ms=pace.lease_ms):
            continue
        lost = advance(Delivery.CLAIMED, Event.LEASE_OVER).to
        log(db, row, Event.LEASE_OVER, Delivery.CLAIMED, lost, now=now, attempt=attempt)
        event = Event.ACKED if over else Event.LEASE_OVER
        became = advance(lost, event).to
        log(db, row, event, lost, became, now=now, note=over or "may be repeated")
        db.execute(
            "UPDATE outbox SET state = ?, due = ?, may_repeat = 1 WHERE id = ?", (became, now, row)
        )
        if not over and summary is None:
            about = rule or "several alarms"
            lines.append(
                f"a message to {person} about {about} was under way when the sender died; "
                "it is sent again, marked as a possible repeat"
            )
    return lines


def go_beside(
    db: sqlite3.Connection, slow: Collection[str], directory: Directory, *, now: int
) -> list[str]:
    """Pages of the attempts ``slow``, which have no answer yet, go on the next channel as well.

    The attempt goes on: if it ends well the person has the page twice, and the second is marked.
    """
    lines = []
    for attempt in sorted(slow):
        rows = db.execute(
            "SELECT id, root, person, channel, rule FROM outbox WHERE attempt = ?"
            " AND state = 'claimed' AND notice IN ('page', 'handover', 'digest')"
            " AND followed = 0 AND over = '' ORDER BY id",
            (attempt,),
        ).fetchall()
        for row, root, person, channel, rule in rows:
            way = directory.next_channel(person, tried(db, root))
            if way is None:
                continue
            step = advance(Delivery.CLAIMED, Event.SLOW)
            note = f"goes by {way.channel} as well"
            log(db, row, Event.SLOW, Delivery.CLAIMED, step.to, now=now, attempt=attempt, note=note)
            why = f"{channel} has not answered yet"
            follow(db, row, way, due=now, now=now, why=why, may_repeat=True)
            lines.append(f"{channel} does not answer: the page to {person} about {rule} {note}")
    return lines
