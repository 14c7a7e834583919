"""What other processes may know of alarms: a read-only view of ``alarms.db``."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from alerts import chained, history
from alerts.delivery import Delivery
from alerts.engine.view import AlarmView
from alerts.history import Row
from alerts.notice import Notice
from alerts.schema import open_read_only, unreadable
from alerts.store import Answer
from alerts.summary import Seen
from alerts.transition import Transition
from storage.chain import GENESIS, Broken, Head
from storage.closable import Closable
from storage.transaction import ERRORS

T = TypeVar("T")


class Recorded(msgspec.Struct, frozen=True):
    """A row of the alarm history: its number, the journal entry behind it, what happened."""

    number: int
    seq: int
    transition: Transition


class SentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the outbox. Times are epoch ms; ``handed`` is when a provider took it.

    ``summary`` is the row of the summary in which a page went.
    """

    row: int
    notice: Notice
    rule: str
    occurrence: int
    severity: str
    person: str
    channel: str
    state: Delivery
    arrived: int
    queued: int
    handed: int | None
    tries: int
    may_repeat: bool
    over: str
    error: str
    subject: str
    summary: int | None = None
    acked_by: tuple[str, ...] = ()


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is: alarms that are open, occurrences, pages and history rows so far."""

    open: int
    occurrences: int
    pages: int
    handed: int
    waiting: int
    failed: int
    history: int


_PAGES = """
SELECT id, notice, rule, occurrence, severity, person, channel, state, arrived, queued, handed,
       tries, may_repeat, over, error, subject, summary,
       (SELECT json_group_array(DISTINCT json_extract(h.body, '$.by')) FROM history h
        WHERE h.rule = o.rule AND h.occurrence = o.occurrence AND h.what = 'ack')
FROM outbox o
"""

_NEWEST = " ORDER BY id DESC LIMIT ?"
_MOST = 1_000

_COUNTS = """
SELECT (SELECT count(*) FROM alarm WHERE state != 'N'),
       (SELECT count(*) FROM history WHERE what = 'set'),
       count(*), count(handed), coalesce(sum(state IN ('queued', 'claimed')), 0),
       coalesce(sum(state = 'failed'), 0), (SELECT count(*) FROM history)
FROM outbox WHERE notice = 'page'
"""


class AlarmReader(Closable):
    """Alarms, pages and answers as of the last commit. Use as a context manager.

    Raises:
        StoreError: there is no store yet, or a newer version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_read_only(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def alarms(self) -> list[AlarmView]:
        """All alarms as they stood at their last transition, by rule."""
        rows = self._rows("SELECT body FROM alarm ORDER BY rule")
        return [msgspec.json.decode(body, type=AlarmView) for (body,) in rows]

    def open_alarms(self) -> list[AlarmView]:
        """Alarms that are not normal, by rule."""
        rows = self._rows("SELECT body FROM alarm WHERE state != 'N' ORDER BY rule")
        return [msgspec.json.decode(body, type=AlarmView) for (body,) in rows]

    def history(self, *, limit: int = 100, rule: str | None = None) -> list[Recorded]:
        """The newest rows, newest first."""
        rows = self._rows(
            "SELECT n, seq, body FROM history WHERE ? IS NULL OR rule = ? ORDER BY n DESC LIMIT ?",
            rule,
            rule,
            limit,
        )
        return [_recorded(row) for row in rows]

    def alarmed(self) -> list[tuple[str, str]]:
        """Each rule that was ever set, with the channel it watched: also rules long gone."""
        return self._rows(
            "SELECT DISTINCT rule, coalesce(json_extract(body, '$.channel'), '') FROM history"
            " WHERE what = 'set' ORDER BY 1, 2"
        )

    def between(self, start: int, end: int) -> list[Recorded]:
        """Rows of the history in [``start``, ``end``), epoch ms, in their order."""
        rows = self._rows(
            "SELECT n, seq, body FROM history WHERE at >= ? AND at < ? ORDER BY n", start, end
        )
        return [_recorded(row) for row in rows]

    def told(self) -> Iterator[Transition]:
        """The whole history, oldest first, read as it is asked for."""
        try:
            for _, transition in history.entries(self._db):
                yield transition
        except ERRORS as error:
            raise unreadable(self.path, error) from error

    def rows(self, *, after: int, limit: int) -> list[Row]:
        """The ``limit`` rows of the history that follow row ``after``, with their hashes."""
        try:
            return history.rows(self._db, after=after, limit=limit)
        except ERRORS as error:
            raise unreadable(self.path, error) from error

    def parts(self) -> dict[str, bytes]:
        """The engine's state as of the last commit, as ``alerts.engine.engine.Engine`` takes it."""
        return dict(self._rows("SELECT part, body FROM state"))

    def done_before(self, at: int) -> dict[str, int]:
        """When what each rule waits for was last done, of what was written down before ``at``."""
        rows = self._rows(
            "SELECT rule, max(coalesce(json_extract(body, '$.since'), at)) FROM history"
            " WHERE what = 'done' AND at < ? GROUP BY rule ORDER BY rule",
            at,
        )
        return dict(rows)

    def pages(self, *, limit: int = 50, in_summaries: bool = True) -> list[SentPage]:
        """The newest messages, newest first, with who acknowledged what they were about.

        Pages that went in a summary are rows beside it; without ``in_summaries`` only it is there.
        """
        where = " WHERE ? OR summary IS NULL"
        return [_page(row) for row in self._rows(_PAGES + where + _NEWEST, in_summaries, limit)]

    def pages_to(self, person: str, channel: str, *, since: int) -> list[SentPage]:
        """Pages to a person on a channel, queued at ``since`` (epoch ms) or later, newest first."""
        where = " WHERE person = ? AND channel = ? AND notice = 'page' AND queued >= ?"
        rows = self._rows(_PAGES + where + _NEWEST, person, channel, since, _MOST)
        return [_page(row) for row in rows]

    def listed(self, summary: int, arrived: int, person: str) -> tuple[Seen, ...]:
        """The pages that went to ``person`` in the summary of that row, the gravest first.

        None where there is no such summary: it was sent out of another store.
        """
        rows = self._rows(
            "SELECT p.id, p.rule, p.occurrence, p.severity FROM outbox p"
            " JOIN outbox s ON s.id = p.summary WHERE s.id = ? AND s.arrived = ? AND s.person = ?"
            " AND p.state != 'cancelled' ORDER BY p.urgency DESC, p.id",
            summary,
            arrived,
            person,
        )
        return tuple(
            Seen(row=row, rule=rule, occurrence=occurrence, severity=severity)
            for row, rule, occurrence, severity in rows
        )

    def answer(self, command: str) -> Answer | None:
        """What was said to a command; None while it is on its way."""
        rows = self._rows(
            "SELECT command, seq, at, accepted, why FROM answer WHERE command = ?", command
        )
        return _as_answer(rows[0]) if rows else None

    def used(self, command: str) -> bool:
        """Whether a command of this id was accepted: what a single-use link asks."""
        found = self.answer(command)
        return found is not None and found.accepted

    def troubles(self, *, limit: int = 20) -> list[tuple[int, str]]:
        """The newest lines about the alarm system itself: epoch ms and text, newest first."""
        rows = self._rows("SELECT at, line FROM trouble ORDER BY n DESC LIMIT ?", limit)
        return [(at, line) for at, line in rows]

    def lags_ms(self, *, limit: int = 10_000) -> list[int]:
        """Of the newest pages: milliseconds from arrival of the reading to the hand-over."""
        rows = self._rows(
            "SELECT handed - arrived FROM outbox WHERE notice = 'page' AND handed IS NOT NULL"
            " ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [lag for (lag,) in rows]

    def counts(self) -> Counts:
        """How much there is."""
        row = self._rows(_COUNTS)[0]
        return msgspec.convert(dict(zip(Counts.__struct_fields__, row, strict=True)), Counts)

    def head(self) -> Head:
        """The newest row of the history's chain."""
        return history.head(self._db)

    def chain_head(self) -> Head:
        """The newest row of the chain of pages and answers; 0 in a store of before it."""
        return self._chained(chained.head) or Head(0, GENESIS)

    def chained_at(self, number: int) -> str | None:
        """The hash of that row of it; None where there is no such row."""
        return self._chained(lambda db: chained.at(db, number))

    def _chained(self, ask: Callable[[sqlite3.Connection], T]) -> T | None:
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE name = ?", chained.TABLE):
            return None
        try:
            return ask(self._db)
        except ERRORS as error:
            raise unreadable(self.path, error) from error

    def verify_history(self, *, until: Head | None = None) -> Broken | None:
        """The first row of the history that does not follow from the one before, or nothing."""
        return history.verify(self._db, until=until)

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        try:
            return self._db.execute(query, arguments).fetchall()
        except ERRORS as error:
            raise unreadable(self.path, error) from error


def _recorded(row: tuple[Any, ...]) -> Recorded:
    number, seq, body = row
    return Recorded(number, seq, msgspec.json.decode(body, type=Transition))


def _page(row: tuple[Any, ...]) -> SentPage:
    fields = dict(zip(SentPage.__struct_fields__, row, strict=True))
    fields["may_repeat"] = bool(fields["may_repeat"])
    fields["acked_by"] = msgspec.json.decode(str(fields["acked_by"]))
    return msgspec.convert(fields, SentPage)


def _as_answer(row: tuple[Any, ...]) -> Answer:
    fields = dict(zip(Answer.__struct_fields__, row, strict=True))
    fields["accepted"] = bool(fields["accepted"])
    return msgspec.convert(fields, Answer)
