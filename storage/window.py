"""Lines on their way to a server: gathered into batches, confirmed in the journal's order."""

import asyncio
from collections import deque
from collections.abc import Callable


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

    A batch ends when it is full or ``linger_s`` after its first entry, and ``on_ready`` is
    called. One task adds, several take and settle in any order; ``confirmed`` only passes what is
    settled without a gap.
    """

    def __init__(
        self,
        after: int,
        *,
        batch_lines: int,
        linger_s: float,
        most: int,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.confirmed = after
        self._batch_lines = batch_lines
        self._linger_s = linger_s
        self._most = most
        self._on_ready = on_ready
        self._draft: Batch | None = None
        self._due: asyncio.TimerHandle | None = None
        self._ready: deque[Batch] = deque()
        self._on_the_way: deque[Batch] = deque()
        self._moved = asyncio.Event()
        self._passed: int | None = None

    async def add(self, seq: int, lines: list[str], since: int) -> None:
        """Puts entry ``seq`` into the current batch; waits while the window is full.

        An entry without lines is confirmed in its turn like any other.
        """
        if self._draft and len(self._draft.lines) + len(lines) > self._batch_lines:
            self.seal()
        if self._draft is None:
            while len(self._on_the_way) >= self._most:
                self._moved.clear()
                await self._moved.wait()
            self._draft = Batch(since)
            self._due = asyncio.get_running_loop().call_later(self._linger_s, self.seal)
        self._draft.lines += lines
        self._draft.upto = seq
        if len(self._draft.lines) >= self._batch_lines:
            self.seal()

    def take(self) -> Batch | None:
        """The next batch that is full or due, if there is one."""
        return self._ready.popleft() if self._ready else None

    def settle(self, batch: Batch) -> None:
        """Says that nothing of ``batch`` needs sending any more."""
        batch.settled = True
        while self._on_the_way and self._on_the_way[0].settled:
            passed = self._on_the_way.popleft()
            self.confirmed, self._passed = passed.upto, passed.since
            self._moved.set()

    @property
    def since(self) -> int | None:
        """When the oldest unconfirmed entry came in; None when nothing is on its way."""
        if self._on_the_way:
            return self._on_the_way[0].since
        return self._draft.since if self._draft else None

    @property
    def passed(self) -> int | None:
        """When the newest confirmed batch came in; None before there is one."""
        return self._passed

    def close(self) -> None:
        """Ends the wait for the current batch; what is on its way stays unconfirmed."""
        if self._due:
            self._due.cancel()

    def seal(self) -> None:
        """Ends the current batch, full or not."""
        self.close()
        if self._draft:
            self._on_the_way.append(self._draft)
            self._ready.append(self._draft)
            self._draft = None
            self._on_ready()
