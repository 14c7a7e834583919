"""Many pages to one person within a short time go as one message that lists them: a summary.

The first page to somebody who was quiet goes at once, and so does a critical one where none of
those that just went was. Others that come while it is fresh wait for each other, each no longer
than ``Pace.bundle_ms``, and go together; one that waited alone goes as the page that it is. Every
page keeps its own row: what becomes of the summary (``dispatch``) becomes of the pages in it, and
one that is acknowledged before it goes leaves it.
"""

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec

from alerts.delivery import TABLE, Delivery, Event
from alerts.enqueue import log, urgency_of
from alerts.notice import Notice
from alerts.pace import Pace
from alerts.rule import Severity
from alerts.transition import Transition
from storage.row_sum import summed

_BELOW_CRITICAL = urgency_of(Notice.PAGE, Severity.HIGH.word)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One page that a summary carries; ``row`` is its own row of the outbox."""

    row: int
    rule: str
    occurrence: int
    severity: str
    transition: Transition


class _Page(NamedTuple):
    """A page that nobody has claimed.

    ``held`` is 0 for a new one, 1 for one that waits for others, and 2 for one that follows a
    message which failed: that one does not wait. Times are epoch ms.
    """

    row: int
    person: str
    held: int
    tries: int
    queued: int
    urgency: int

    def is_fresh(self, now: int, pace: Pace) -> bool:
        """Whether it may wait."""
        return not (self.held or self.tries) and now < self.queued + pace.bundle_ms

    def has_waited(self, now: int, pace: Pace) -> bool:
        """Whether its time is over, be it that nothing ran meanwhile."""
        new = self.held == 0 and self.tries == 0
        return (self.held == 1 and not self.tries) or (new and not self.is_fresh(now, pace))


_DUE = """
SELECT id, person, held, tries, queued, urgency FROM outbox
WHERE state = 'queued' AND notice = 'page' AND summary IS NULL AND channel = ?
  AND (due <= ? OR due > ?)
ORDER BY person, urgency DESC, due, id
"""
_WAITING = """
SELECT id, person, held, tries, queued, urgency FROM outbox
WHERE state = 'queued' AND notice = 'page' AND summary IS NULL AND channel = ? AND person = ?
  AND held = 1 AND tries = 0 AND id NOT IN (SELECT value FROM json_each(?))
"""
_NEW = """
INSERT INTO outbox (root, history, notice, rule, occurrence, severity, urgency, person, channel,
                    arrived, queued, due)
SELECT 0, history, ?, '', 0, severity, urgency, person, channel, arrived, ?, ?
FROM outbox WHERE id = ? RETURNING id
"""
_SHOW_WORST = """
UPDATE outbox SET (history, severity, urgency) = (
    SELECT history, severity, urgency FROM outbox w
    WHERE w.summary = outbox.id AND w.state = 'queued' ORDER BY w.urgency DESC, w.id LIMIT 1
), (arrived, tries, may_repeat) = (
    SELECT min(arrived), min(tries), max(may_repeat) FROM outbox w
    WHERE w.summary = outbox.id AND w.state = 'queued'
) WHERE id = ?
"""


def bundle(db: sqlite3.Connection, channel: str, *, now: int, pace: Pace) -> None:
    """Hold back, and put together, what is to go on a channel now. ``now`` is epoch ms."""
    if pace.bundle_ms:
        rows = [_Page(*row) for row in db.execute(_DUE, (channel, now, now + pace.longest_ms))]
        for person, pages in groupby(rows, attrgetter("person")):
            _arrange(db, person, channel, list(pages), now=now, pace=pace)
    _drop_what_is_over(db, channel, now)


def noted(db: sqlite3.Connection, person: str, urgency: int, *, now: int, pace: Pace) -> None:
    """A page goes to ``person`` now: those after it wait for each other, unless they are graver."""
    if not pace.bundle_ms:
        return
    before = _just_paged(db, person, now=now, pace=pace)
    gravest = urgency if before is None else max(urgency, before.urgency)
    until = now + pace.bundle_ms
    for table, said in (("just_paged", until), ("just_paged_with", gravest)):
        row = summed(table, person, said)
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", row)  # noqa: S608 # names from above


def pages_of(db: sqlite3.Connection, summary: int, state: Delivery) -> tuple[Listed, ...]:
    """The pages in a summary that stand at ``state``, the gravest and then the oldest first."""
    rows = db.execute(
        "SELECT o.id, o.rule, o.occurrence, o.severity, h.body FROM outbox o"
        " JOIN history h ON h.n = o.history WHERE o.summary = ? AND o.state = ?"
        " ORDER BY o.urgency DESC, o.id",
        (summary, state),
    )
    return tuple(
        Listed(
            row=row,
            rule=rule,
            occurrence=occurrence,
            severity=severity,
            transition=msgspec.json.decode(body, type=Transition),
        )
        for row, rule, occurrence, severity, body in rows
    )


def _arrange(
    db: sqlite3.Connection,
    person: str,
    channel: str,
    pages: Sequence[_Page],
    *,
    now: int,
    pace: Pace,
) -> None:
    waiting = db.execute(
        "SELECT id FROM outbox WHERE notice = 'summary' AND state = 'queued' AND attempt = ''"
        " AND person = ? AND channel = ?",
        (person, channel),
    ).fetchone()
    before = _just_paged(db, person, now=now, pace=pace)
    fresh = [page for page in pages if page.is_fresh(now, pace)]
    if any(page.has_waited(now, pace) for page in pages):
        # When the first of them cannot wait any longer, all go.
        known = msgspec.json.encode([page.row for page in pages]).decode()
        pages = [*pages, *(_Page(*row) for row in db.execute(_WAITING, (channel, person, known)))]
    elif waiting is None and before is not None:
        at_once = [page for page in fresh if page.urgency > max(before.urgency, _BELOW_CRITICAL)][
            :1
        ]
        waits = [page for page in fresh if page not in at_once]
        _hold(db, waits, before.until, pace)
        pages = [page for page in pages if page not in waits]
    elif waiting is None and len(fresh) == len(pages):
        # The gravest goes at once: what follows may be news of one cause.
        _hold(db, fresh[1:], now + pace.bundle_ms, pace)
        pages = fresh[:1]
    if waiting is not None or len(pages) > 1:
        _put_together(db, waiting[0] if waiting else None, pages, now)


class _JustPaged(NamedTuple):
    """Until when pages to somebody wait (epoch ms), and how urgent those were that went."""

    until: int
    urgency: int


def _just_paged(db: sqlite3.Connection, person: str, *, now: int, pace: Pace) -> _JustPaged | None:
    """What went to ``person`` just now; None when nothing did."""
    found = db.execute(
        "SELECT j.until, coalesce(w.urgency, 0) FROM just_paged j"
        " LEFT JOIN just_paged_with w ON w.person = j.person WHERE j.person = ?",
        (person,),
    ).fetchone()
    # A time further off was written before the clock was set back.
    if found is None or not now < found[0] <= now + pace.bundle_ms + pace.skew_ms:
        return None
    return _JustPaged(*found)


def _hold(db: sqlite3.Connection, pages: Sequence[_Page], until: int, pace: Pace) -> None:
    db.executemany(
        "UPDATE outbox SET held = 1, due = ? WHERE id = ?",
        [(min(until, page.queued + pace.bundle_ms), page.row) for page in pages],
    )


def _put_together(
    db: sqlite3.Connection, summary: int | None, pages: Sequence[_Page], now: int
) -> None:
    if summary is None:
        first = (Notice.SUMMARY, now, now, pages[0].row)
        summary = int(db.execute(_NEW, first).fetchone()[0])
        db.execute("UPDATE outbox SET root = id WHERE id = ?", (summary,))
    became = TABLE[Delivery.QUEUED, Event.BUNDLED].to
    for page in pages:
        db.execute("UPDATE outbox SET summary = ?, due = ? WHERE id = ?", (summary, now, page.row))
        note = f"goes in the summary {summary}"
        log(db, page.row, Event.BUNDLED, Delivery.QUEUED, became, now=now, note=note)
    db.execute(_SHOW_WORST, (summary,))


def _drop_what_is_over(db: sqlite3.Connection, channel: str, now: int) -> None:
    """Summaries with nothing left to list are not sent; of one page the page itself goes."""
    rows = db.execute(
        "SELECT s.id, s.attempt, count(p.id), max(p.id) FROM outbox s"
        " LEFT JOIN outbox p ON p.summary = s.id AND p.state = 'queued'"
        " WHERE s.notice = 'summary' AND s.state = 'queued' AND s.channel = ? GROUP BY s.id",
        (channel,),
    ).fetchall()
    for summary, attempt, left, page in rows:
        if left > 1 or (left == 1 and attempt):
            continue
        why = "one page is left, which goes by itself" if left else "nothing in it is left to tell"
        db.execute("UPDATE outbox SET summary = NULL, held = 1 WHERE id = ? AND ?", (page, left))
        event = Event.REPLACED if left else Event.ACKED
        became = TABLE[Delivery.QUEUED, event].to
        db.execute("UPDATE outbox SET state = ?, over = ? WHERE id = ?", (became, why, summary))
        log(db, summary, event, Delivery.QUEUED, became, now=now, note=why)
