"""The core's store: what the engine knows, what it said, and what is still to be sent.

One thread owns the connection. What is asked for while it commits goes into its next commit
together: a flood of pages costs a few flushes of the disk, not one a page.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import msgspec

from alerts import chained, history
from alerts.engine.view import AlarmView
from alerts.schema import StoreError, open_store
from alerts.transition import Transition
from storage.chain import Broken, Head
from storage.entry import Receipt
from storage.row_sum import summed
from storage.transaction import ERRORS

T = TypeVar("T")
Act = Callable[[sqlite3.Connection], T]


class Caused(NamedTuple):
    """A transition and the journal entry that caused it, which ``arrived`` at (epoch ms)."""

    seq: int
    arrived: int
    transition: Transition


class OtherCoreError(StoreError):
    """Another process advances this store."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine said to a command."""

    command: str
    seq: int
    at: int
    accepted: bool
    why: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the journal's entries after ``after`` up to ``cursor``; commits as one.

    A part of the state, or an alarm, that is None is no more.
    """

    after: int
    cursor: int
    parts: Mapping[str, bytes | None]
    caused: tuple[Caused, ...] = ()
    alarms: Mapping[str, AlarmView | None] = {}
    answers: tuple[Answer, ...] = ()
    receipts: tuple[Receipt, ...] = ()


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """Where the engine was when it last committed."""

    cursor: int
    parts: dict[str, bytes]


class _Asked(NamedTuple, Generic[T]):
    act: Act[T]
    answer: "asyncio.Future[T]"


class AlarmStore:
    """``alarms.db``. Use as an async context manager; all of it may be called from one loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alarm-store")
        self._waiting: list[_Asked[Any]] = []
        self._alone: list[_Asked[Any]] = []
        self._flushing = False
        self._db: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._db = await loop.run_in_executor(self._thread, open_store, self.path)
        except BaseException:
            # Without an entry there is no exit: a cancelled start would leave its thread behind.
            self._thread.shutdown()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        db, self._db = self._db, None
        if db is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, db.close)
        self._thread.shutdown()

    async def write(self, act: Act[T]) -> T:
        """Run ``act`` in a transaction; returns when it is on disk. What it raises is undone.

        Raises:
            StoreError: the store is closed, or the disk does not take it.
        """
        if self._db is None:
            raise StoreError(f"{self.path}: the alarm store is not open")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Asked(act, answer))
        if not self._flushing:
            self._flush()
        return await answer

    def _flush(self) -> None:
        if self._alone:
            batch = [self._alone.pop(0)]
        else:
            batch, self._waiting = self._waiting, []
        self._flushing = bool(batch)
        if not batch:
            return
        if self._db is None:
            _refuse(batch, StoreError(f"{self.path}: the alarm store was closed"))
            return
        committed = asyncio.get_running_loop().run_in_executor(
            self._thread, _commit, self._db, [asked.act for asked in batch], self.path
        )
        committed.add_done_callback(partial(self._answer, batch))

    def _answer(self, batch: "list[_Asked[Any]]", committed: "asyncio.Future[list[Any]]") -> None:
        error = committed.exception()
        if error is None:
            for asked, value in zip(batch, committed.result(), strict=True):
                if not asked.answer.done():
                    asked.answer.set_result(value)
        elif len(batch) == 1:
            _refuse(batch, error)
        else:
            # One of them spoilt it for all, and all was undone: each gets its own.
            self._alone += batch
        self._flush()

    async def load(self) -> Saved:
        """The engine's state and cursor of the last commit."""

        def saved(db: sqlite3.Connection) -> Saved:
            cursor = db.execute("SELECT cursor FROM progress").fetchone()[0]
            return Saved(cursor=cursor, parts=dict(db.execute("SELECT part, body FROM state")))

        return await self.write(saved)

    async def verify_history(self, *, until: Head | None = None) -> Broken | None:
        """The first row of the history that does not follow from the one before, or nothing."""
        return await self.write(lambda db: history.verify(db, until=until))


def save(db: sqlite3.Connection, batch: Batch) -> list[int]:
    """Write all of ``batch`` but its messages; the history numbers of what it caused.

    Raises:
        OtherCoreError: the store is not where the batch begins: somebody else writes it.
    """
    moved = db.execute(
        "UPDATE progress SET cursor = ?2, crc = ?3 WHERE cursor = ?4",
        (*summed("progress", 1, batch.cursor), batch.after),
    )
    if moved.rowcount != 1:
        raise OtherCoreError(
            f"the alarm store is not at entry {batch.after}: another process runs on it; stop one"
        )
    gone = [(name,) for name, body in batch.parts.items() if body is None]
    kept = [summed("state", name, body) for name, body in batch.parts.items() if body is not None]
    db.executemany("DELETE FROM state WHERE part = ?", gone)
    db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", kept)
    for rule, alarm in batch.alarms.items():
        db.execute("DELETE FROM alarm WHERE rule = ?", (rule,))
        if alarm is not None:
            _show(db, alarm)
    for answer in batch.answers:
        db.execute(
            "INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?, ?)",
            (answer.command, answer.seq, answer.at, answer.accepted, answer.why),
        )
    return [history.append(db, caused.seq, caused.transition) for caused in batch.caused]


def show_all(db: sqlite3.Connection, alarms: Iterable[AlarmView]) -> None:
    """Make ``alarms`` all that screens see."""
    db.execute("DELETE FROM alarm")
    for alarm in alarms:
        _show(db, alarm)


def _show(db: sqlite3.Connection, alarm: AlarmView) -> None:
    row = (alarm.rule, alarm.occurrence, alarm.state, msgspec.json.encode(alarm))
    db.execute("INSERT INTO alarm VALUES (?, ?, ?, ?, ?)", summed("alarm", *row))


def _commit(db: sqlite3.Connection, acts: list[Act[Any]], path: Path) -> list[Any]:
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            values = [act(db) for act in acts]
            chained.extend(db)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    except ERRORS as error:
        raise StoreError(f"{path}: cannot be written: {error}; check the disk") from error
    return values


def _refuse(batch: list[_Asked[Any]], error: BaseException) -> None:
    for asked in batch:
        if not asked.answer.done():
            asked.answer.set_exception(error)
