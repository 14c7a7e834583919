"""The time stamped on readings: wall time carried on by the monotonic clock, and watched."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from storage.entry import ClockStep
from storage.wall import wall_ms

log = logging.getLogger(__name__)

STEP_MS = 2_000
"""How far the wall clock must jump to count as set."""
SLEW_MS = 5
"""How far, in a second, the stamps follow a wall clock that drifts."""
UNSURE_S = 10.0
"""How long after a step readings are marked."""
EARLIEST_MS = 1_735_689_600_000
"""2025-01-01. A wall clock before this was never set."""
CHECK_S = 1.0


class Clock(Protocol):
    """Gives the stamps of readings."""

    def now(self) -> int:
        """Epoch milliseconds, UTC."""

    @property
    def is_unsure(self) -> bool:
        """Whether what is stamped now is to be marked."""


def _running_s() -> float:
    """Seconds that only go forward and, unlike the plain monotonic clock's, count a suspend.

    Without that, waking up would look like a wall clock that somebody had set.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


RUNNING_S = _running_s if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic


class AnchoredClock:
    """Wall time anchored on the monotonic clock.

    A drift is followed slowly, so that stamps keep their order; a step is found at the first
    stamp after it, followed at once and told to ``on_step``. ``wall_ms`` and ``monotonic_s`` are
    the clocks to read.
    """

    def __init__(
        self,
        on_step: Callable[[ClockStep], None],
        *,
        wall_ms: Callable[[], int] = wall_ms,
        monotonic_s: Callable[[], float] = RUNNING_S,
    ) -> None:
        self._on_step = on_step
        self._wall_ms = wall_ms
        self._monotonic_s = monotonic_s
        self._offset = wall_ms() - monotonic_s() * 1000
        self._unsure_until_s = float("-inf")

    def now(self) -> int:
        """Epoch milliseconds, UTC."""
        wall, monotonic_s = self._wall_ms(), self._monotonic_s()
        anchored = monotonic_s * 1000 + self._offset
        if abs(wall - anchored) > STEP_MS:
            self._step(wall, anchored, monotonic_s)
            return wall
        return int(anchored)

    @property
    def is_unsure(self) -> bool:
        """Whether the wall clock was set moments ago, or never."""
        return self._monotonic_s() < self._unsure_until_s or self._wall_ms() < EARLIEST_MS

    async def watch(self) -> None:
        """Compare the clocks each second; only cancellation ends this."""
        while True:
            await asyncio.sleep(CHECK_S)
            self.check()

    def check(self) -> None:
        """Find a step, or follow a drift a little."""
        drift = self._wall_ms() - self.now()
        self._offset += min(max(drift, -SLEW_MS), SLEW_MS)

    def _step(self, wall: int, anchored: float, monotonic_s: float) -> None:
        step = round(wall - anchored)
        self._offset = wall - monotonic_s * 1000
        self._unsure_until_s = monotonic_s + UNSURE_S
        log.warning("the wall clock was set by %+.1f s; readings are marked for now", step / 1000)
        self._on_step(ClockStep(at=wall, step=step))
