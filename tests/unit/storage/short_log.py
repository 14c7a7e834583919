"""A journal in memory, for tests of what follows one."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec

from storage.entry import Entry
from storage.journal import JournalFullError


class SetAside(msgspec.Struct, frozen=True):
    """One row of the quarantine."""

    origin: str
    reason: str
    payload: bytes


class ShortLog:
    """Entries numbered from 1, cursors and a quarantine, as ``storage.influx.Log`` asks.

    As long as ``refusals`` is above 0, what asks for the disk is refused.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.cursors: dict[str, int] = {}
        self.set_aside: list[SetAside] = []
        self.refusals = 0
        self._closed = False
        self._more = asyncio.Event()

    @property
    def last(self) -> int:
        return len(self.entries)

    def add(self, *entries: Entry) -> None:
        self.entries += entries
        self._more.set()

    def close(self) -> None:
        self._closed = True
        self._more.set()

    async def follow(
        self, after: int, *, limit: int = 2_000
    ) -> AsyncGenerator[list[tuple[int, Entry]], None]:
        while not self._closed or after < self.last:
            found = list(enumerate(self.entries[after : after + limit], start=after + 1))
            if found:
                after += len(found)
                yield found
            else:
                self._more.clear()
                await self._more.wait()

    async def cursor(self, name: str) -> int:
        return self.cursors.get(name, 0)

    async def advance(self, name: str, seq: int) -> None:
        self._refuse_while_full()
        assert seq > self.cursors.get(name, 0), "a cursor goes forward"
        self.cursors[name] = seq

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None:
        self._refuse_while_full()
        self.set_aside.append(SetAside(origin, reason, payload))
        if done:
            asyncio.get_running_loop().call_soon(done)

    def _refuse_while_full(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise JournalFullError("the disk is full")
