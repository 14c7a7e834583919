"""Virtual time: an event loop whose clock moves only when nothing is left to do."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import TypeVar, TypeVarTuple, Unpack

from alerts.schema import StoreError

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class Rank(IntEnum):
    """Who comes when in one instant: samples, then what is due, then commands."""

    SAMPLE = 0
    COMMAND = 2


class VirtualClock:
    """``elapsed`` ms since the story began; the wall clock shows ``shift`` ms more than it should.

    ``reach`` is how the story waits; everything else waits as it does in production.
    """

    def __init__(self, start_ms: int) -> None:
        self.elapsed = 0
        self.shift = 0
        self._start = start_ms
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._order = count()

    def wall(self) -> int:
        """Epoch milliseconds, UTC."""
        return self._start + self.elapsed + self.shift

    def since_start(self, wall: int) -> int:
        """The elapsed time at which the wall clock, as it goes now, shows ``wall``."""
        return wall - self._start - self.shift

    async def reach(self, at: int, rank: Rank) -> None:
        """Go on to an instant: before what is due then, or after all of it was done."""
        if rank is Rank.SAMPLE and at <= self.elapsed:
            return
        arrived = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (at, rank, next(self._order), arrived))
        await arrived

    def leap(self, to: int) -> None:
        """Time passes while nothing runs."""
        self.elapsed = max(self.elapsed, to)

    def on_quiet(self, timeout_s: float | None) -> None:
        """Nothing is left to do at this instant: move on to the next one.

        Raises:
            RuntimeError: there is none, everybody waits for somebody else.
        """
        due = None if timeout_s is None else self.elapsed + ceil(timeout_s * 1000 - 1e-6)
        while self._waiting and self._waiting[0][3].done():
            heappop(self._waiting)
        if self._waiting:
            at, rank, _, arrived = self._waiting[0]
            at = max(at, self.elapsed)
            if due is None or at < due or (at == due and rank == Rank.SAMPLE):
                heappop(self._waiting)
                self.elapsed = at
                arrived.set_result(None)
                return
        if due is None:
            raise RuntimeError("the rehearsal waits for something that never comes")
        self.elapsed = due


class _Selector(selectors.SelectSelector):
    """Waits for nothing: what a loop would sleep is what its clock moves on."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        self._clock.on_quiet(timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time. Work for threads is done in place, so each run is the same."""

    def __init__(self, clock: VirtualClock) -> None:
        self._virtual = clock
        super().__init__(_Selector(clock))

    def time(self) -> float:
        """Seconds by the virtual clock."""
        return self._virtual.elapsed / 1000

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[Unpack[Arguments]], T],
        *args: *Arguments,
    ) -> asyncio.Future[T]:
        """Call ``func`` at once; the answer is there when somebody waits for it."""
        del executor
        answer: asyncio.Future[T] = self.create_future()
        try:
            answer.set_result(func(*args))
        except StoreError as error:
            answer.set_exception(error)
        return answer
