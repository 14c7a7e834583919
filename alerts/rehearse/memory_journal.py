"""The journal of a rehearsal: one ordered log that outlives the process which is killed."""

import asyncio
from collections.abc import AsyncGenerator

from storage.entry import Entry


class MemoryJournal:
    """Entries, numbered from 1, durable as soon as they are appended."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._more = asyncio.Event()

    @property
    def last(self) -> int:
        """The newest sequence number."""
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Put an entry into the log."""
        self._entries.append(entry)
        self._more.set()

    async def follow(
        self, after: int, *, wait: bool = True
    ) -> AsyncGenerator[list[tuple[int, Entry]], None]:
        """Everything after ``after``, in order; waits, or ends, when there is nothing more."""
        while True:
            batch = list(enumerate(self._entries[after:], start=after + 1))
            if batch:
                after = batch[-1][0]
                yield batch
            elif not wait:
                return
            else:
                self._more.clear()
                await self._more.wait()
