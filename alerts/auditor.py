"""Sees from outside whether pages leave and escalations go on: neither can report its own death.

It has a task, a thread and a connection of its own, so that it sees a sender that is stuck and a
store whose writer does not answer. Its own silence stops the beat (``culturewatch.beat``).
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from alerts.schema import StoreError, open_read_only
from alerts.trouble import overdue, unsent
from storage.transaction import ERRORS

log = logging.getLogger(__name__)

AUDIT_S = 5.0
STALE_S = 30.0
"""A look that is older says nothing."""
GRACE_S = 60.0
"""After a start pages of before are sent first, and steps that fell due are run."""
LOOK_S = 10.0


class Found(msgspec.Struct, frozen=True):
    """What is too late: how many pages and escalations, and a line about each of the two."""

    waiting: int = 0
    unsent: str = ""
    late: int = 0
    overdue: str = ""


Look = Callable[[int], Awaitable[Found]]


def audit(db: sqlite3.Connection, now: int) -> Found:
    """What is too late at ``now`` (epoch ms)."""
    return Found(*unsent(db, now=now), *overdue(db, now=now))


class Auditor:
    """Looks every few seconds, and tells when something begins to be late and when it ends.

    ``now`` is epoch ms. ``clock_s`` is a clock that nobody sets.
    """

    def __init__(
        self,
        look: Look,
        *,
        now: Callable[[], int],
        clock_s: Callable[[], float] = time.monotonic,
        audit_s: float = AUDIT_S,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._look = look
        self._now = now
        self._clock_s = clock_s
        self._audit_s = audit_s
        self._on_trouble = on_trouble
        self._began_s = clock_s()
        self._looked_s: float | None = None
        self._found = Found()
        self._told = Found()
        self._blind = ""

    @property
    def unsound(self) -> str:
        """Why nobody may believe that pages leave; empty while they do."""
        if self._looked_s is None or self._clock_s() - self._looked_s > STALE_S:
            return self._blind or "the auditor has not looked for long"
        return self._found.unsent or self._found.overdue

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self._found = await self._look(self._now())
            except (StoreError, TimeoutError) as error:
                self._cannot(str(error) or f"it does not answer within {LOOK_S:g} s")
            else:
                self._looked_s = self._clock_s()
                self._blind = ""
                if self._looked_s - self._began_s >= GRACE_S:
                    self._tell(self._found)
            await asyncio.sleep(self._audit_s)

    def _cannot(self, why: str) -> None:
        if not self._blind:
            self._on_trouble(f"nobody sees whether pages leave: {why}")
        self._blind = why

    def _tell(self, found: Found) -> None:
        told, self._told = self._told, found
        if found.waiting and not told.waiting:
            self._on_trouble(found.unsent)
        elif told.waiting and not found.waiting:
            self._on_trouble("no page is waiting any more")
        if found.late and not told.late:
            self._on_trouble(found.overdue)
        elif told.late and not found.late:
            self._on_trouble("no escalation is late any more")


class Glance:
    """Looks into the alarm store at ``path`` in a thread of its own, one look at a time.

    Use as an async context manager.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="auditor")
        self._looking: asyncio.Future[Found] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self, now: int) -> Found:
        """What is too late at ``now`` (epoch ms).

        Raises:
            StoreError: the store cannot be read.
            TimeoutError: the disk does not answer.
        """
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._thread, self._read, now)
        # One that hangs is waited for again: another would only stand behind it.
        done, _ = await asyncio.wait([self._looking], timeout=LOOK_S)
        if not done:
            raise TimeoutError
        looking, self._looking = self._looking, None
        return looking.result()

    def _read(self, now: int) -> Found:
        try:
            with closing(open_read_only(self._path)) as db:
                return audit(db, now)
        except ERRORS as error:
            raise StoreError(f"{self._path}: the alarm store cannot be read: {error}") from error
