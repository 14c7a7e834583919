"""Time in limits that is nearer to one than the uncertainty of the sensor: neither in nor out."""

from collections.abc import Sequence
from math import inf

from batches.calibration import Guard
from batches.excursion import in_milli
from batches.policy import Policy


class GuardBand:
    """Sums up that time; what no certificate tells the uncertainty of is in the band as well."""

    def __init__(self, policy: Policy, guards: Sequence[Guard]) -> None:
        """Begin with nothing; without limits, or where the policy wants no band, none is found."""
        limits = policy.limits
        self._low = -inf if limits.low is None else in_milli(limits.low)
        self._high = inf if limits.high is None else in_milli(limits.high)
        self._wanted = policy.guard_band and limits.given
        self._guards = guards
        self.unsure_ms = 0

    def take(self, milli: int, start: int, end: int) -> None:
        """A value, in milli-units, that held in ``[start, end)``."""
        if not self._wanted or not self._low <= milli <= self._high:
            return
        self.unsure_ms += end - start
        for guard in self._guards:
            first, last = max(guard.start, start), min(guard.end, end)
            if first < last and guard.width is not None and self._clears(milli, guard.width):
                self.unsure_ms -= last - first

    def _clears(self, milli: int, width: int) -> bool:
        return self._low + width <= milli <= self._high - width
