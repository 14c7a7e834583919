"""Following the log: from memory when close behind its end, else from disk."""

import asyncio
import threading
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from storage.reader import JournalReader
from storage.waiting import JournalError, Logged

_RECENT = 4_096
_READ_TRIES = 5
_READ_PAUSE_S = 1.0


class Tail:
    """The end of the log and those who wait for more of it; for the loop's thread.

    ``on_damage`` is given the numbers of damaged rows, and what is wrong with each;
    ``on_unreadable`` is called when the file cannot be read, to have it examined.
    """

    def __init__(
        self,
        folder: Path,
        *,
        on_damage: Callable[[dict[int, str]], None],
        on_unreadable: Callable[[], None],
    ) -> None:
        """Hold nothing yet."""
        self.last = 0
        self._where = folder
        self._on_damage = on_damage
        self._on_unreadable = on_unreadable
        self._reader = JournalReader(folder)
        self._reading = threading.Lock()
        self._recent: list[Logged] = []
        self._news: set[asyncio.Event] = set()
        self._ended = False

    def grow(self, logged: list[Logged], last: int) -> None:
        """Take in what was committed."""
        self.last = max(self.last, last)
        self._recent += logged
        if len(self._recent) > 2 * _RECENT:
            del self._recent[:-_RECENT]
        self._wake()

    def end(self) -> None:
        """Say that nothing more comes."""
        self._ended = True
        self._wake()

    def close(self) -> None:
        """Let go of the file; waits for whoever reads it."""
        with self._reading:
            self._reader.close()

    async def follow(
        self, after: int, limit: int, *, wait: bool
    ) -> AsyncGenerator[list[Logged], None]:
        """Everything above ``after`` in order, in batches of up to ``limit``, until the end.

        Without ``wait`` that is where nothing more is there now. It cannot be told from ``last``:
        after a salvage that is a number under which nothing stands.

        Raises:
            JournalError: the file cannot be read, and examining it has not helped; or ``after``
                is a number that was never given out, as after an old copy was put back.
        """
        if after > self.last:
            raise JournalError(
                f"{self._where}: the journal ends with entry {self.last}, a consumer has seen "
                f"{after}: an old copy was put back; restore the consumer's state of the same time"
            )
        news = asyncio.Event()
        self._news.add(news)
        try:
            while True:
                news.clear()
                batch = await self._next(after, limit)
                if batch:
                    after = batch[-1][0]
                    yield batch
                elif self._ended or not wait:
                    return
                else:
                    await news.wait()
        finally:
            self._news.discard(news)

    async def _next(self, after: int, limit: int) -> list[Logged]:
        if after >= self.last:
            return []
        if self._recent and self._recent[0][0] <= after + 1:
            start = bisect_right(self._recent, after, key=lambda logged: logged[0])
            return self._recent[start : start + limit]
        for _ in range(_READ_TRIES):
            try:
                found, damaged = await asyncio.to_thread(self._read, after, limit)
            except JournalError as error:
                failure = error
                self._on_unreadable()
                await asyncio.sleep(_READ_PAUSE_S)
            else:
                if damaged:
                    self._on_damage(damaged)
                return found
        raise failure

    def _read(self, after: int, limit: int) -> tuple[list[Logged], dict[int, str]]:
        with self._reading:
            found = self._reader.entries(after, limit)
            damaged, self._reader.damaged = self._reader.damaged, {}
        return found, damaged

    def _wake(self) -> None:
        for news in self._news:
            news.set()
