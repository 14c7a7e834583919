"""The durable log: what is in it is on disk, in one order, before anybody acts on it."""

import asyncio
import contextlib
import shutil
import sqlite3
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from storage.damage import opened
from storage.entry import Entry
from storage.journalfile import NAME, JournalFile
from storage.lock import FolderLock
from storage.pack import DamagedError, body
from storage.stats import Counts, JournalStats
from storage.tail import Tail
from storage.waiting import (
    Broken,
    Committed,
    CursorMove,
    Fact,
    JournalError,
    Logged,
    MessageKey,
    Outcome,
    Removal,
    Waiting,
    oddity,
)
from storage.writer import Hearing, Writer

__all__ = [
    "Journal",
    "JournalError",
    "JournalFullError",
    "JournalStats",
    "Logged",
    "MessageKey",
    "Outcome",
]

_WAITING_BYTES = 128 * 1024 * 1024
_HUNG_S = 10.0


class JournalFullError(Exception):
    """So much waits for the disk that no more is taken; nothing that was taken is dropped."""


class Journal:
    """The one writer of a folder's log; an async context manager for the loop's thread only."""

    def __init__(
        self,
        folder: Path,
        *,
        group_ms: int = 20,
        group_size: int = 200,
        max_pending: int = 20_000,
        max_bytes: int | None = None,
        end_s: float = 5.0,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """Touch nothing before it is entered.

        A group is committed ``group_ms`` after its first entry, or with ``group_size`` of them.
        At its end it tries for ``end_s`` seconds to write what waits.
        ``on_trouble`` gets one line when the file cannot be written, when it can be again, and
        when damage was found.
        """
        self._path = folder / NAME
        self._lock = FolderLock(folder)
        self._group_s = group_ms / 1000
        self._group_size = group_size
        self._max_pending = max_pending
        self._max_bytes = max_bytes
        self._end_s = end_s
        self._on_trouble = on_trouble
        self._tail = Tail(folder, on_damage=self._report_damaged, on_unreadable=self._have_examined)
        self._pending: deque[Waiting] = deque()
        self._pending_bytes = 0
        self._promises: set[asyncio.Future[Outcome]] = set()
        self._cursors: dict[str, int] = {}
        self._free_bytes = self._removed = 0
        self._counts = Counts()
        self._start_s = 0.0
        self._trouble = ""
        self._closing = False
        self._writer: Writer | None = None

    async def __aenter__(self) -> Self:
        """Open the log, mending what is damaged.

        Raises:
            JournalHeldError: another process has it.
            JournalError: its folder cannot be written, or its file not be opened.
        """
        began = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        file = await asyncio.to_thread(self._open_first)
        self._tail.last = file.last
        self._cursors = dict(file.cursors)
        self._free_bytes, self._removed = file.free_bytes, file.removed
        self._start_s = time.monotonic() - began
        hearing = Hearing(
            committed=lambda answer, taken: self._tell(self._committed, answer, taken),
            failing=lambda line: self._tell(self._troubled, line),
            recovered=lambda line: self._tell(self._untroubled, line),
            ended=lambda: self._tell(self._ended),
        )
        self._writer = Writer(
            file, self._open, hearing, group_s=self._group_s, group_size=self._group_size
        )
        self._writer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Write what waits, for a few seconds at most, and let go of the folder.

        Raises:
            JournalError: something could not be written in that time.
        """
        if self._writer is None:
            return
        self._closing = True
        self._writer.end(self._end_s)
        try:
            async with asyncio.timeout(self._end_s + _HUNG_S):
                await self._over.wait()
        except TimeoutError:
            raise JournalError(
                f"{self._path}: the disk does not answer; {len(self._pending)} entries are left "
                "and were not acknowledged: look after the disk before the next start"
            ) from error
        # It has told its end, and is about to come to it.
        await asyncio.to_thread(self._writer.join, _HUNG_S)
        await asyncio.to_thread(self._tail.close)
        self._lock.release()
        if self._pending:
            raise JournalError(
                f"{self._path}: {len(self._pending)} entries could not be written before the end "
                f"({self._trouble}); none of them was acknowledged"
            )

    @property
    def last(self) -> int:
        """The newest number on disk."""
        return self._tail.last

    @property
    def removed(self) -> int:
        """Up to which number entries are in the archive alone."""
        return self._removed

    @property
    def oldest_pending_ms(self) -> int:
        """For how long the oldest of what is not on disk yet has waited; 0 without any."""
        if not self._pending:
            return 0
        return round((time.monotonic() - self._pending[0].since) * 1000)

    @property
    def stats(self) -> JournalStats:
        """A snapshot."""
        used, free = self._room()
        room = used + free if self._max_bytes is None else min(self._max_bytes, used + free)
        return JournalStats(
            **msgspec.structs.asdict(self._counts),
            last=self._tail.last,
            pending=len(self._pending),
            oldest_pending_ms=self.oldest_pending_ms,
            bytes=used,
            fill=min(1.0, used / room) if room else 1.0,
            start_s=self._start_s,
            trouble=self._trouble,
        )

    def append(
        self,
        entry: Entry,
        *,
        key: MessageKey | None = None,
        done: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Hand in an entry; ``done`` is called on the loop once it is on disk.

        Raises:
            JournalFullError: too much waits for the disk.
            JournalError: the journal is closed.
            ValueError: a time of the entry does not fit 64 bits.
        """
        self._add(Fact(entry, body(entry), key, done, time.monotonic()))

    async def put(self, entry: Entry, *, key: MessageKey | None = None) -> Outcome:
        """Hand in an entry and return once it is on disk.

        Raises:
            JournalFullError: too much waits for the disk.
            JournalError: the journal is closed, or was before this was on disk.
        """
        promise = self._promise()
        self.append(entry, key=key, done=lambda outcome: _keep(promise, outcome))
        return await promise

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None:
        """Keep what nobody could read: up to 64 KiB of it, its full length and SHA-256.

        Raises:
            JournalFullError: too much waits for the disk.
            JournalError: the journal is closed.
        """
        self._add(oddity(origin, reason, payload, done))

    async def cursor(self, name: str) -> int:
        """How far a consumer has come; 0 if it never said."""
        return self._cursors.get(name, 0)

    async def advance(self, name: str, seq: int) -> None:
        """Remember how far a consumer has come; returns once that is on disk.

        Raises:
            JournalFullError: too much waits for the disk.
            JournalError: the journal is closed, or was before this was on disk.
        """
        promise = self._promise()
        self._add(CursorMove(name, seq, lambda: _keep(promise, Outcome.STORED), time.monotonic()))
        await promise

    async def remove(self, upto: int, *, at_most: int = 5_000) -> int:
        """Remove entries up to ``upto`` that the archive has; how many went, from the oldest on.

        Only whole links of the chain go, and never the newest entry, whatever ``upto`` says.
        Whoever calls this has seen that the archive can be read and that no consumer lags behind.

        Raises:
            JournalFullError: too much waits for the disk.
            JournalError: the journal is closed, or was before this was on disk.
        """
        gone: list[int] = []
        promise = self._promise()

        def done(count: int) -> None:
            gone.append(count)
            _keep(promise, Outcome.STORED)

        self._add(Removal(min(upto, self.last - 1), at_most, done, time.monotonic()))
        await promise
        return gone[0]

    def follow(
        self, after: int, *, limit: int = 2_000, wait: bool = True
    ) -> AsyncGenerator[list[Logged], None]:
        """Every entry above ``after`` in order, in batches; ends when the journal closes.

        Without ``wait`` it ends where nothing more is there now.

        Raises:
            JournalError: the file cannot be read, and examining it has not helped; or ``after``
                is a number that was never given out, as after an old copy was put back.
        """
        return self._tail.follow(after, limit, wait=wait)

    def _have_examined(self) -> None:
        if self._writer is not None:
            self._writer.suspect()

    def put_damaged_aside(self, damaged: dict[int, str]) -> None:
        """Move damaged entries into quarantine, if they are still there; why, by number."""
        self._report_damaged(damaged)

    def _report_damaged(self, damaged: dict[int, str]) -> None:
        for seq, reason in damaged.items():
            self._add(Broken(seq, reason, time.monotonic()))
            self._counts.damaged += 1
        self._say(f"{self._path}: {'; '.join(damaged.values())}; put in quarantine, not used")

    def _add(self, item: Waiting) -> None:
        if self._writer is None or self._over.is_set():
            raise JournalError(f"{self._path}: the journal is not open; enter it first")
        if len(self._pending) >= self._max_pending or self._pending_bytes > _WAITING_BYTES:
            raise JournalFullError(
                f"{self._path}: {len(self._pending)} entries wait for the disk"
                f"{f' ({self._trouble})' if self._trouble else ''}; this one was not taken: make "
                "room on the disk or give it fewer messages a second"
            )
        self._pending.append(item)
        self._pending_bytes += item.weight
        self._writer.add(item)

    def _promise(self) -> asyncio.Future[Outcome]:
        promise = asyncio.get_running_loop().create_future()
        self._promises.add(promise)
        promise.add_done_callback(self._promises.discard)
        return promise

    def _open_first(self) -> JournalFile:
        self._lock.take()
        try:
            return self._open(thorough=False)
        except (sqlite3.Error, DamagedError, OSError) as error:
            self._lock.release()
            raise JournalError(
                f"{self._path}: cannot be opened: {error}; see that this user may write there "
                "and that the disk has room"
            ) from error

    def _open(self, thorough: bool) -> JournalFile:  # noqa: FBT001 # what the writer calls
        return opened(
            self._path.parent,
            max_bytes=self._max_bytes,
            thorough=thorough,
            say=lambda line: self._tell(self._say, line),
        )

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        """Have the loop's thread do something. From any thread."""
        # The loop may be gone when a thread outlives a cancelled end: nobody is left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *arguments)

    def _committed(self, answer: Committed, taken: int) -> None:
        for _ in range(taken):
            self._pending_bytes -= self._pending.popleft().weight
        self._cursors.update(answer.cursors)
        self._free_bytes, self._removed = answer.free_bytes, answer.removed
        self._count(answer)
        self._tail.grow(answer.logged, answer.last)
        self._answer(iter(answer.outcomes), iter(answer.done))

    def _count(self, answer: Committed) -> None:
        counts = self._counts
        counts.commits += 1
        counts.entries += len(answer.logged)
        counts.duplicates += answer.duplicates
        counts.conflicts += answer.conflicts
        counts.quarantined += answer.quarantined

    def _answer(
        self,
        outcomes: Iterator[tuple[Callable[[Outcome], None], Outcome]],
        others: Iterator[Callable[[], None]],
    ) -> None:
        told = False
        try:
            for done, outcome in outcomes:
                done(outcome)
            for other in others:
                other()
            told = True
        finally:
            # One that raises is the loop's to report; the rest still get their word.
            if not told:
                self._loop.call_soon(self._answer, outcomes, others)

    def _troubled(self, line: str) -> None:
        self._trouble = line
        self._say(f"{self._path}: {line}")

    def _untroubled(self, line: str) -> None:
        self._trouble = ""
        self._say(f"{self._path}: {line}")

    def _say(self, line: str) -> None:
        if self._on_trouble is not None:
            self._on_trouble(line)

    def _ended(self) -> None:
        if not self._closing:
            self._troubled("its writer broke off, which is a mistake in it; start the core again")
        self._over.set()
        self._tail.end()
        for promise in list(self._promises):
            if not promise.done():
                promise.set_exception(JournalError(f"{self._path}: closed before it was written"))

    def _room(self) -> tuple[int, int]:
        """Bytes that the journal takes, and bytes that it may still take on its disk."""
        files = (self._path, self._path.with_name(f"{NAME}-wal"))
        used = sum(file.stat().st_size for file in files if file.exists()) - self._free_bytes
        return max(0, used), shutil.disk_usage(self._path.parent).free + self._free_bytes


def _keep(promise: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not promise.done():
        promise.set_result(outcome)
