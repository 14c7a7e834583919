"""Reads from the tables of the alarm store what happened, as it is committed."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from alerts.delivery import Delivery, Event
from alerts.notice import ASKING, NOTICE_OF, Notice
from alerts.notify.notifier import Message
from alerts.rehearse.timeline import Entry
from alerts.rehearse.virtual import VirtualClock
from alerts.store import Act, AlarmStore
from alerts.transition import Transition, What

T = TypeVar("T")

_WORD = {
    Notice.PAGE: "page",
    Notice.SUMMARY: "summary",
    Notice.NEWS: "notice",
    Notice.CORRECTION: "correction",
    Notice.ALL_CLEAR: "all_clear",
    Notice.CLOSED: "closed",
    Notice.HANDOVER: "handover",
    Notice.DIGEST: "digest",
    Notice.DRILL: "drill",
    Notice.SYSTEM: "system",
}
_ENDS = {state: state.value for state in (Delivery.DELIVERED, Delivery.FAILED, Delivery.CANCELLED)}
_ENDS[Delivery.EXPIRED] = "expired"

_STEPS = """
SELECT l.n, l.row, l.event, l.was, l.became, l.note, o.notice, o.rule, o.occurrence, o.severity,
       o.person, o.channel, o.tries, o.may_repeat, o.why, h.body, o.summary,
       (SELECT count(*) FROM outbox p WHERE p.summary = o.id AND p.state != 'cancelled'),
       o.history
FROM delivery_log l JOIN outbox o ON o.id = l.row JOIN history h ON h.n = o.history
WHERE l.n > ? ORDER BY l.n
"""


class _Step(NamedTuple):
    """A line of the delivery log with the row of the outbox that it is about."""

    n: int
    row: int
    event: str
    was: str
    became: str
    note: str
    notice: str
    rule: str
    occurrence: int
    severity: str
    person: str
    channel: str
    tries: int
    may_repeat: int
    why: str
    body: str
    summary: int | None
    lists: int
    history: int


class _Seen(NamedTuple):
    """What one look found: rows of the history, of the delivery log, and lines of trouble."""

    history: list[tuple[int, str]]
    steps: list[_Step]
    troubles: list[tuple[int, str]]


class Recorder:
    """The timeline so far. It outlives the store, which a story may kill and open again."""

    def __init__(self, clock: VirtualClock) -> None:
        self.entries: list[Entry] = []
        self._clock = clock
        self._history = self._log = self._trouble = 0
        self._claims: dict[int, _Step] = {}
        self._handed: set[int] = set()
        self._pages: dict[int, int] = {}
        self._since: dict[int, int] = {}

    def look(self, db: sqlite3.Connection) -> _Seen:
        """What was added since the last ``note``."""
        history = "SELECT n, body FROM history WHERE n > ? ORDER BY n"
        trouble = "SELECT n, line FROM trouble WHERE n > ? ORDER BY n"
        return _Seen(
            db.execute(history, (self._history,)).fetchall(),
            [_Step(*row) for row in db.execute(_STEPS, (self._log,))],
            db.execute(trouble, (self._trouble,)).fetchall(),
        )

    def note(self, seen: _Seen) -> None:
        """Write down what a look found, once."""
        for number, body in seen.history:
            if number > self._history:
                self._history = number
                told = msgspec.json.decode(body, type=Transition)
                if told.since is not None:
                    self._since[number] = self._clock.since_start(told.since)
                self._say(told)
        for step in seen.steps:
            if step.n > self._log:
                self._log = step.n
                self._follow(step)
        for number, line in seen.troubles:
            if number > self._trouble:
                self._trouble = number
                self.add(Entry(at=self._clock.elapsed, what="system", why=line))

    def add(self, entry: Entry) -> None:
        """Write down one entry."""
        self.entries.append(entry)

    def hand(self, message: Message) -> int:
        """A provider is asked to take ``message``; the row of the outbox that it stands for."""
        row = int(message.id.split("-")[1])
        step = self._claims[row]
        again = row in self._handed
        self._handed.add(row)
        if step.notice in ASKING and not again:
            self._pages[row] = len(self._pages) + 1
        self.add(self._about(step, "retry" if again else _WORD[Notice(step.notice)]))
        return row

    def go_back(self, db: sqlite3.Connection) -> None:
        """The database is ``db`` from now on, an older copy: what follows in it is new again.

        Its history is not: it comes of the journal, and goes on as it was.
        """
        self._log = db.execute("SELECT coalesce(max(n), 0) FROM delivery_log").fetchone()[0]
        self._trouble = db.execute("SELECT coalesce(max(n), 0) FROM trouble").fetchone()[0]
        handed = db.execute("SELECT id FROM outbox WHERE handed IS NOT NULL").fetchall()
        self._handed &= {row for (row,) in handed}

    def page_row(self, page: int | str) -> int | None:
        """The row of a page: by its number, or the last one handed over for a person."""
        for row, number in reversed(self._pages.items()):
            if page in {number, self._claims[row].person}:
                return row
        return None

    def _say(self, told: Transition) -> None:
        if told.what is What.QUEUED or (told.to and told.what in NOTICE_OF):
            return
        detail = dict(told.detail)
        entry = Entry(
            at=self._clock.since_start(told.at),
            what=told.what.value,
            rule=told.rule,
            channel=told.channel,
            occurrence=told.occurrence,
            activation=told.activation,
            severity=told.severity,
            since=None if told.since is None else self._clock.since_start(told.since),
            to=told.to,
            by=told.by,
            step=told.step,
            value=told.value,
            count=told.count,
            late=told.late,
            held=told.held,
            quality=detail.pop("quality", "") if told.what is What.QUALITY else "",
            detail=detail,
            why=told.why,
        )
        self.add(entry)

    def _follow(self, step: _Step) -> None:
        if step.event == Event.CLAIM:
            self._claims[step.row] = step
            return
        word = _ENDS.get(Delivery(step.became))
        # What becomes of a summary becomes of each page in it, and is told once.
        empty = step.notice == Notice.SUMMARY and word == "cancelled"
        if empty or (step.summary is not None and word != "cancelled"):
            return
        if word is not None and step.became != step.was:
            why = "" if word == "delivered" else step.note
            self.add(msgspec.structs.replace(self._about(step, word), why=why))

    def _about(self, step: _Step, what: str) -> Entry:
        if step.notice == Notice.SUMMARY:
            return Entry(
                at=self._clock.elapsed,
                what=what,
                severity=step.severity,
                to=step.person,
                via=step.channel,
                page=self._pages.get(step.row),
                tries=step.tries or None,
                count=step.lists,
                may_repeat=bool(step.may_repeat),
            )
        told = msgspec.json.decode(step.body, type=Transition)
        return Entry(
            at=self._clock.elapsed,
            what=what,
            rule=step.rule,
            channel=told.channel,
            occurrence=step.occurrence or None,
            activation=told.activation,
            severity=told.severity,
            # As it was when it was written: the clock may have been set since.
            since=self._since.get(step.history),
            to=step.person,
            via=step.channel,
            by=told.by,
            step=told.step,
            page=self._pages.get(step.row),
            tries=step.tries or None,
            value=told.value,
            late=told.late,
            may_repeat=bool(step.may_repeat),
            why=step.why or told.why,
        )


class WatchedStore(AlarmStore):
    """The alarm store, looked at in each of its transactions."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        super().__init__(path)
        self._recorder = recorder

    async def write(self, act: Act[T]) -> T:
        """Run ``act`` in a transaction, and note what came of it when it is committed."""

        def watched(db: sqlite3.Connection) -> tuple[T, _Seen]:
            return act(db), self._recorder.look(db)

        value, seen = await super().write(watched)
        self._recorder.note(seen)
        return value


Hand = Callable[[Message], int]
"""Notes that a message is handed over; the row of the outbox."""
