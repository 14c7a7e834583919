"""When to try a connection again: spread by chance, and never too many a second."""

import asyncio
from random import Random

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CONNECTS_PER_S = 45.0
"""Attempts that begin in a second. They are seen from outside with some unevenness: never 50."""


def pause_s(failures: int, chance: Random) -> float:
    """Seconds to wait after so many failures in a row: full jitter, 0.5 s to 30 s."""
    # 2**6 * 0.5 s is beyond the longest already; more would overflow after weeks.
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 6))
    return chance.uniform(FIRST_PAUSE_S, longest)


class ConnectBudget:
    """Lets ``per_second`` connection attempts begin each second, over all endpoints.

    They keep their distance from when the one before really began: after a stall of the loop
    nothing is made up for.
    """

    def __init__(self, per_second: float = CONNECTS_PER_S) -> None:
        self._gap_s = 1 / per_second
        self._next_s = float("-inf")
        self._turns = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more attempt may begin; whoever came first begins first."""
        now_s = asyncio.get_running_loop().time
        async with self._turns:
            if (wait_s := self._next_s - now_s()) > 0:
                await asyncio.sleep(wait_s)
            self._next_s = now_s() + self._gap_s
