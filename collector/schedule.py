"""The beat of polling: ticks on the monotonic clock that neither drift nor pile up."""

SLOTS = 40
"""Into how many parts a period is parted for devices to begin in."""


class Beat:
    """Ticks every ``period_s`` from ``start_s`` on; times are seconds of a monotonic clock."""

    __slots__ = ("_number", "_period_s", "_start_s", "missed")

    def __init__(self, *, start_s: float, period_s: float) -> None:
        if not period_s > 0:
            raise ValueError(f"a period of {period_s} s is none")
        self._start_s = start_s
        self._period_s = period_s
        self._number = 0
        self.missed = 0
        """Ticks skipped because they were over before anybody came."""

    @property
    def due_s(self) -> float:
        """When the next tick is."""
        # A product, not a sum: adding the period up would add its rounding up as well.
        return self._start_s + self._number * self._period_s

    @property
    def ends_s(self) -> float:
        """When the tick after the next one is: what belongs to this tick is late from then on."""
        return self._start_s + (self._number + 1) * self._period_s

    def advance(self, now_s: float) -> int:
        """Take the tick that is due; give how many ticks were over already and are skipped."""
        taken = max(int((now_s - self._start_s) // self._period_s), self._number)
        skipped = taken - self._number
        self.missed += skipped
        self._number = taken + 1
        return skipped


def phase(index: int, total: int) -> float:
    """By which share of its period the ``index``-th of ``total`` begins later than the first.

    There are 40 such shares. Those that begin together are served by one turn of the event loop,
    which costs less than a turn for each.
    """
    return SLOTS * index // total / SLOTS
