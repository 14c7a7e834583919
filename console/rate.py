"""How often somebody at one address may try: pure, over a clock that is handed in."""

from collections.abc import Callable

REMEMBERED = 2_000


class Rate:
    """At most ``burst`` tries at once for each address, and one more every ``refill_s``."""

    def __init__(self, *, burst: int, refill_s: float, now_s: Callable[[], float]) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._now_s = now_s
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, address: str) -> bool:
        """Whether ``address`` may try now; the try is counted if so."""
        now_s = self._now_s()
        left, since_s = self._left.pop(address, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - since_s) / self._refill_s)
        allowed = left >= 1
        # Put in again at the end: what is dropped is what was not seen for longest.
        self._left[address] = (left - allowed, now_s)
        while len(self._left) > REMEMBERED:
            self._left.pop(next(iter(self._left)))
        return allowed
