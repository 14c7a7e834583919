"""Lines on their way to a server: gathered into batches, confirmed in the journal's order."""

import asyncio
from collections import deque


class Batch:
    """Lines that go out together. ``upto`` is the last journal entry they stand for.

    ``since`` is when the first of its entries came in, epoch milliseconds.
    """

    __slots__ = ("lines", "settled", "since", "upto")

    def __init__(self, since: int) -> None:
        self.lines: list[str] = []
        self.since = since
        self.upto = 0
        self.settled = False


class Window:
    """At most ``most`` batches that are not confirmed, each of at most ``batch_lines`` lines.

    A batch ends when it is full or ``linger_s`` after its first entry. One task adds, several
    take and settle in any order; ``confirmed`` only passes what is settled without a gap.
    """

    def __init__(self, after: int, *, batch_lines: int, linger_s: float, most: int) -> None:
        self.confirmed = after
        self._batch_lines = batch_lines
        self._linger_s = linger_s
        self._most = most
        self._draft: Batch | None = None
        self._due: asyncio.TimerHandle | None = None
        self._ready: asyncio.Queue[Batch] = asyncio.Queue()
        self._on_the_way: deque[Batch] = deque()
        self._moved = asyncio.Event()

    async def add(self, seq: int, lines: list[str], since: int) -> None:
        """Puts entry ``seq`` into the current batch; waits while the window is full.

        An entry without lines is confirmed in its turn like any other.
        """
        if self._draft and len(self._draft.lines) + len(lines) > self._batch_lines:
            self._seal()
        if self._draft is None:
            while len(self._on_the_way) >= self._most:
                await self._move()
            self._draft = Batch(since)
            self._due = asyncio.get_running_loop().call_later(self._linger_s, self._seal)
        self._draft.lines += lines
        self._draft.upto = seq
        if len(self._draft.lines) >= self._batch_lines:
            self._seal()

    async def take(self) -> Batch:
        """The next batch that is full or due."""
        return await self._ready.get()

    def settle(self, batch: Batch) -> None:
        """Says that nothing of ``batch`` needs sending any more."""
        batch.settled = True
        while self._on_the_way and self._on_the_way[0].settled:
            self.confirmed = self._on_the_way.popleft().upto
            self._moved.set()

    async def confirmed_after(self, seq: int) -> int:
        """Waits until more than ``seq`` is confirmed; returns how far."""
        while self.confirmed <= seq:
            await self._move()
        return self.confirmed

    @property
    def since(self) -> int | None:
        """When the oldest unconfirmed entry came in; None when nothing is on its way."""
        if self._on_the_way:
            return self._on_the_way[0].since
        return self._draft.since if self._draft else None

    def close(self) -> None:
        """Ends the wait for the current batch; what is on its way stays unconfirmed."""
        if self._due:
            self._due.cancel()

    def _seal(self) -> None:
        if self._due:
            self._due.cancel()
        if self._draft:
            self._on_the_way.append(self._draft)
            self._ready.put_nowait(self._draft)
        self._draft = None

    async def _move(self) -> None:
        self._moved.clear()
        await self._moved.wait()
