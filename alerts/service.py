"""The alarm service: follows the journal, steps the engine, commits, wakes the outbox."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from alerts.directory import Directory, Way
from alerts.engine.view import AlarmView
from alerts.enqueue import enqueue
from alerts.schema import StoreError
from alerts.store import AlarmStore, Answer, Batch, Caused, OtherCoreError, save, show_all
from alerts.transition import Transition, What
from devices.scan import Scan
from storage.entry import ClockStep, Command, Entry, Receipt, Started, Tick
from storage.journal import JournalError, JournalFullError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

COMMIT_S = 1.0
REST_S = 3.0
MOST_UNKEPT = 100
_TICK_AGAIN_S = 5.0


class Journal(Protocol):
    """What the service needs of ``storage.journal.Journal``."""

    @property
    def last(self) -> int:
        """The newest durable sequence number."""
        ...

    def follow(
        self, after: int, *, wait: bool = True
    ) -> AsyncGenerator[list[tuple[int, Entry]], None]:
        """Everything after ``after``, in order; waits, or ends, when there is nothing more."""
        ...

    def append(self, entry: Entry) -> None:
        """Put an entry into the log."""
        ...


class Judge(Protocol):
    """What the service needs of ``alerts.engine.engine.Engine``."""

    def advance(self, seq: int, entry: Entry) -> tuple[Transition, ...]:
        """Take one entry; what happened because of it."""
        ...

    def next_due(self) -> int | None:
        """When the next timer is due, epoch ms."""
        ...

    def changed(self) -> dict[str, bytes | None]:
        """Parts of the state that changed since the last call."""
        ...

    def view(self, rule_id: str) -> AlarmView:
        """Where one alarm stands; KeyError when there is none."""
        ...

    def views(self) -> tuple[AlarmView, ...]:
        """Where all alarms stand."""
        ...


class AlarmService:
    """Runs the engine over the journal. ``engine`` was loaded from what ``store`` had saved.

    ``committed`` is called after each commit that had transitions or receipts in it, with the
    transitions; ``unstored`` once with transitions that the disk does not take, so that their pages
    go out another way; ``handed`` then says on which way one of them did. ``stamp`` is the clock of
    the readings: it puts a step of the wall clock into the journal before it gives a time that
    comes after it. ``heard`` gets each receipt within the transaction that takes it off the
    journal, so that none is lost or counted twice; it answers with lines that somebody must see.
    ``at_point`` is called at ``after-commit``. ``look_s`` is how often it looks for itself, beside
    being woken: by that much a wall clock that is set may make a timer late. While nothing happens
    it keeps its cursor each ``rest_s`` only, or after a hundred entries.
    """

    def __init__(
        self,
        journal: Journal,
        engine: Judge,
        store: AlarmStore,
        directory: Directory,
        *,
        cursor: int,
        committed: Callable[[Sequence[Caused]], None] = lambda _: None,
        unstored: Callable[[Sequence[Caused]], None] = lambda _: None,
        on_trouble: Callable[[str], None] = log.warning,
        now: Callable[[], int] = wall_ms,
        stamp: Callable[[], int] | None = None,
        handed: Callable[[Caused], Way | None] = lambda _: None,
        heard: Callable[[sqlite3.Connection, Receipt], list[str]] = lambda _, __: [],
        at_point: Callable[[str], None] = lambda _: None,
        look_s: float = COMMIT_S,
        rest_s: float = REST_S,
    ) -> None:
        self._journal = journal
        self._engine = engine
        self._store = store
        self._directory = directory
        self._committed = committed
        self._unstored = unstored
        self._handed = handed
        self._heard = heard
        self._on_trouble = on_trouble
        self._now = now
        self._stamp = stamp or now
        self._at_point = at_point
        self._look_s = look_s
        self._rest_s = rest_s
        self._kept_s = float("-inf")
        self._saved = cursor
        self._taken = cursor
        self._dated = cursor
        self._caused: list[Caused] = []
        self._answers: list[Answer] = []
        self._receipts: list[Receipt] = []
        self._parts: dict[str, bytes | None] = {}
        self._committing = asyncio.Lock()
        self._failing = False
        self._passed_on = 0
        self._lags: deque[int] = deque(maxlen=10_000)
        self._stepped = asyncio.Event()
        self.caught_up = asyncio.Event()

    @property
    def cursor(self) -> int:
        """The newest entry whose outcome is on disk."""
        return self._saved

    @property
    def lags_ms(self) -> tuple[int, ...]:
        """Of the newest pages: milliseconds from arrival of the reading to the row on disk."""
        return tuple(self._lags)

    def open_alarms(self) -> tuple[AlarmView, ...]:
        """Alarms that are not normal now, whether or not the disk takes it."""
        return tuple(view for view in self._engine.views() if view.state != "N")

    async def run(self) -> None:
        """Follow the journal until it closes. ``caught_up`` is set when it is first at the end.

        The outbox starts then: pages that later entries took back are not sent.

        Raises:
            OtherCoreError: somebody else writes this store.
        """
        views = self._engine.views()
        await self._store.write(lambda db: show_all(db, views))
        async with asyncio.TaskGroup() as tasks:
            ticks = tasks.create_task(self._tick(), name="alarm ticks")
            beat = tasks.create_task(self._commit_in_time(), name="alarm commits")
            await self._follow()
            ticks.cancel()
            beat.cancel()
        await self._commit()

    async def catch_up(self) -> None:
        """Judge what the journal holds by now, commit it, and end; instead of ``run``.

        Raises:
            OtherCoreError: somebody else writes this store.
        """
        async with contextlib.aclosing(self._journal.follow(self._taken, wait=False)) as now:
            async for batch in now:
                for seq, entry in batch:
                    self._step(seq, entry)
        await self._commit()

    async def _follow(self) -> None:
        target = self._journal.last
        if self._taken >= target:
            self.caught_up.set()
        async for batch in self._journal.follow(self._taken):
            for seq, entry in batch:
                self._step(seq, entry)
            self._stepped.set()
            if self._has_news():
                await self._commit()
            if self._taken >= target:
                self.caught_up.set()

    def _step(self, seq: int, entry: Entry) -> None:
        arrived = entry.received if isinstance(entry, Scan) else entry.at
        transitions = self._engine.advance(seq, entry)
        self._taken = seq
        self._caused += [Caused(seq, arrived, transition) for transition in transitions]
        if isinstance(entry, Command):
            self._answers.append(_answer(seq, entry, transitions))
        elif isinstance(entry, Receipt):
            self._receipts.append(entry)
        elif isinstance(entry, ClockStep | Started):
            # The wall clock may have been set: what is due then is dated anew.
            self._dated = seq

    def _has_news(self) -> bool:
        """Whether something waits to be put on disk that somebody looks at there."""
        told = self._caused or self._answers or self._receipts
        return bool(told) or self._dated > self._saved

    async def _commit_in_time(self) -> None:
        """Keep the cursor near the engine when nothing happens, and retry what failed."""
        while True:
            await asyncio.sleep(self._look_s)
            if not self._may_rest():
                await self._commit()

    def _may_rest(self) -> bool:
        """Whether all that a crash could cost is to judge a few quiet entries once more."""
        if self._has_news() or self._failing:
            return False
        rested_s = time.monotonic() - self._kept_s
        return rested_s < self._rest_s and self._taken - self._saved < MOST_UNKEPT

    async def _commit(self) -> None:
        """Put on disk what was judged. When the disk does not take it, judging goes on."""
        async with self._committing:
            batch = self._batch()
            if batch.cursor == batch.after:
                return
            try:
                lines = await self._store.write(lambda db: self._keep(db, batch))
            except OtherCoreError:
                raise
            except StoreError as error:
                self._could_not(batch, error)
                return
            self._done(batch)
            for line in lines:
                self._on_trouble(line)

    def _batch(self) -> Batch:
        self._parts |= self._engine.changed()
        touched = {caused.transition.rule for caused in self._caused} - {""}
        if self._dated > self._saved:
            touched |= {view.rule for view in self.open_alarms()}
        return Batch(
            after=self._saved,
            cursor=self._taken,
            parts=dict(self._parts),
            caused=tuple(self._caused),
            alarms={rule: self._view(rule) for rule in sorted(touched)},
            answers=tuple(self._answers),
            receipts=tuple(self._receipts),
        )

    def _view(self, rule: str) -> AlarmView | None:
        try:
            return self._engine.view(rule)
        except KeyError:
            return None

    def _keep(self, db: sqlite3.Connection, batch: Batch) -> list[str]:
        now = self._now()
        for number, caused in zip(save(db, batch), batch.caused, strict=True):
            enqueue(db, number, caused, self._directory, now=now, handed=self._handed(caused))
        return [line for one in batch.receipts for line in self._heard(db, one)]

    def _done(self, batch: Batch) -> None:
        self._at_point("after-commit")
        self._saved = batch.cursor
        self._kept_s = time.monotonic()
        del self._caused[: len(batch.caused)]
        del self._answers[: len(batch.answers)]
        del self._receipts[: len(batch.receipts)]
        for part, body in batch.parts.items():
            if self._parts.get(part) is body:
                del self._parts[part]
        if self._failing:
            self._failing = False
            self._passed_on = 0
            self._on_trouble(f"{self._store.path}: can be written again; nothing was lost")
        now = self._now()
        self._lags.extend(
            now - caused.arrived for caused in batch.caused if caused.transition.what is What.QUEUED
        )
        # Without either there is nothing new for whoever sends.
        if batch.caused or batch.receipts:
            self._committed(batch.caused)

    def _could_not(self, batch: Batch, error: StoreError) -> None:
        if not self._failing:
            self._failing = True
            self._on_trouble(f"{error}; alarms are judged on, and pages are sent from memory")
        self._unstored(batch.caused[self._passed_on :])
        self._passed_on = len(batch.caused)

    async def _tick(self) -> None:
        """Put a tick into the journal when a timer is due; the engine meets it there."""
        await self.caught_up.wait()
        while True:
            self._stepped.clear()
            due = self._engine.next_due()
            try:
                now = self._stamp()
                if due is not None and due <= now:
                    self._journal.append(Tick(now))
            except (JournalError, JournalFullError) as error:
                self._on_trouble(f"a timer of the alarms is due and cannot be logged: {error}")
                await asyncio.sleep(COMMIT_S)
                continue
            if due is None or due > now:
                await self._step_within(self._look_s if due is None else (due - now) / 1000)
            else:
                await self._until_taken(due)

    async def _until_taken(self, due: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TICK_AGAIN_S):
                while self._engine.next_due() == due:
                    await self._stepped.wait()
                    self._stepped.clear()

    async def _step_within(self, seconds: float) -> None:
        # Bounded: the wall clock, by which timers are due, may be set while we sleep.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, self._look_s)):
                await self._stepped.wait()


def _answer(seq: int, command: Command, transitions: Sequence[Transition]) -> Answer:
    about = [t for t in transitions if t.command == command.id]
    refused = [t for t in about if t.what is What.REFUSED]
    return Answer(
        command=command.id,
        seq=seq,
        at=command.at,
        accepted=not refused,
        why="; ".join(t.why for t in (refused or about) if t.why),
    )
