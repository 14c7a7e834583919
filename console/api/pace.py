"""How often somebody may ask: a bucket that fills at a steady rate, one for each who asks."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

REMEMBERED = 1_000
"""Who has not asked for longest is forgotten first, so that names cost no memory."""


class _Bucket(NamedTuple):
    left: float
    at_s: float


class Pace:
    """``burst`` requests at once, then ``a_second``; not for several threads."""

    def __init__(
        self, *, burst: int, a_second: float, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._a_second = a_second
        self._now_s = now_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, who: str) -> float:
        """0 when ``who`` may ask now, and has; else the seconds until they may."""
        now_s = self._now_s()
        before = self._buckets.pop(who, _Bucket(self._burst, now_s))
        left = min(self._burst, before.left + (now_s - before.at_s) * self._a_second)
        granted = left >= 1
        self._buckets[who] = _Bucket(left - granted, now_s)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - left) / self._a_second
