"""Who should have spoken by now. Pure: times are seconds of a monotonic clock."""

from collections.abc import Mapping
from heapq import heapify, heapreplace

MISSED = 3
"""Periods without a word after which somebody counts as silent."""


class Silence:
    """Watches speakers who are to speak each ``periods_s``, from ``start_s`` on.

    Who is silent for three periods is due at once, and then once each period until heard.
    """

    def __init__(self, periods_s: Mapping[str, float], *, start_s: float) -> None:
        self._periods_s = dict(periods_s)
        self._heard_s = dict.fromkeys(periods_s, start_s)
        # A speaker's entry is never later than its deadline; what was heard since it was made
        # is looked up when it comes up, so that hearing costs next to nothing.
        self._due = [(start_s + MISSED * period, name) for name, period in periods_s.items()]
        heapify(self._due)

    def heard(self, name: str, at_s: float) -> None:
        """Note that ``name`` spoke."""
        self._heard_s[name] = max(at_s, self._heard_s[name])

    def due(self, now_s: float) -> list[str]:
        """Those whose silence is to be told now; each is told again a period later."""
        told = []
        while self._due and self._due[0][0] <= now_s:
            at_s, name = self._due[0]
            period_s = self._periods_s[name]
            deadline_s = self._heard_s[name] + MISSED * period_s
            if deadline_s > now_s:
                heapreplace(self._due, (deadline_s, name))
                continue
            told.append(name)
            # Whole periods on from where it stood: no drift, and no catching up after a stall.
            missed = (now_s - at_s) // period_s + 1
            heapreplace(self._due, (at_s + missed * period_s, name))
        return told

    def pause_s(self, now_s: float) -> float | None:
        """Seconds until somebody may be due; ``None`` if there is nobody to watch."""
        return max(0.0, self._due[0][0] - now_s) if self._due else None
