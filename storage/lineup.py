"""Who is sent next: the windows of all stretches of the journal, the newest first."""

import asyncio
from collections.abc import Callable

from storage.behind import Behind, Stretch
from storage.window import Batch, Window


class Lineup:
    """A window for each stretch of ``behind``, from after entry ``after`` on.

    ``window`` makes one that begins after a number and calls what it is given when a batch of it
    is ready.
    """

    def __init__(self, after: int, window: Callable[[int, Callable[[], None]], Window]) -> None:
        self.behind = Behind((Stretch(after),))
        self._window = window
        self._ready = asyncio.Event()
        self._moved = asyncio.Event()
        self._windows = [self._new(after)]

    @property
    def live(self) -> Window:
        """That of the newest stretch."""
        return self._windows[-1]

    def part(self, upto: int) -> None:
        """Ends the live stretch at ``upto``, which goes on behind a new one from there."""
        self.behind = self.behind.parted(upto)
        self._windows.append(self._new(upto))

    async def take(self, *, live: bool = False) -> tuple[Window, Batch]:
        """The next batch that is full or due and its window; with ``live``, of the newest only."""
        while True:
            for window in reversed(self._windows[-1:] if live else self._windows):
                if (batch := window.take()) is not None:
                    return window, batch
            self._ready.clear()
            await self._ready.wait()

    def settle(self, window: Window, batch: Batch) -> None:
        """Says that nothing of ``batch`` needs sending any more."""
        window.settle(batch)
        at = self._windows.index(window)
        self.behind = self.behind.moved(at, window.confirmed)
        if len(self.behind.stretches) < len(self._windows):
            del self._windows[at]
        self._moved.set()

    async def whole_after(self, seq: int) -> int:
        """Waits until all up to more than ``seq`` was sent; returns how far."""
        while self.behind.whole <= seq:
            self._moved.clear()
            await self._moved.wait()
        return self.behind.whole

    @property
    def since(self) -> int | None:
        """When the oldest entry came in that is not sent, epoch ms; None when none is known."""
        for window in self._windows[:-1]:
            # Between two batches of a backlog, the newest that went is as old as the next.
            if (since := window.passed if window.since is None else window.since) is not None:
                return since
        return self.live.since

    def close(self) -> None:
        """Ends every wait for a batch to fill."""
        for window in self._windows:
            window.close()

    def _new(self, after: int) -> Window:
        return self._window(after, self._ready.set)
