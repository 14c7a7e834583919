"""Due times in order, looked up lazily: a timer that moves later costs nothing."""

from heapq import heappop, heappush
from typing import Protocol


class Timed(Protocol):
    """Something with timers. ``order`` is unique and decides among equal due times.

    ``scheduled`` belongs to ``Timers``.
    """

    order: int
    scheduled: int | None

    def due(self) -> int | None:
        """The earliest of its due times, in steady ms."""


class Timers:
    """All due times. What is noted may become due later or never without a word."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Timed]] = []

    def note(self, timed: Timed) -> None:
        """Say that ``timed`` may be due earlier than before."""
        due = timed.due()
        if due is not None and (timed.scheduled is None or due < timed.scheduled):
            timed.scheduled = due
            heappush(self.heap, (due, timed.order, timed))

    def next(self) -> int | None:
        """The earliest due time, in steady ms."""
        while self.heap:
            due, _, timed = self.heap[0]
            if timed.scheduled == due == timed.due():
                return due
            heappop(self.heap)
            if timed.scheduled == due:
                timed.scheduled = None
                self.note(timed)
        return None

    def take(self, due: int) -> list[Timed]:
        """Everything that is due at exactly ``due``, in order."""
        taken = []
        while self.next() == due:
            timed = heappop(self.heap)[2]
            timed.scheduled = None
            taken.append(timed)
        return taken
