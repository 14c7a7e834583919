"""When to try a connection again: spread by chance, and never too many a second."""

import asyncio
from random import Random

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


def pause_s(failures: int, chance: Random) -> float:
    """Seconds to wait after so many failures in a row: full jitter, 0.5 s to 30 s."""
    # 2**6 * 0.5 s is beyond the longest already; more would overflow after weeks.
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 6))
    return chance.uniform(FIRST_PAUSE_S, longest)


class ConnectBudget:
    """Lets ``per_second`` connection attempts begin each second, over all endpoints."""

    def __init__(self, per_second: float = 50.0) -> None:
        self._gap_s = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until one more attempt may begin."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + self._gap_s
        if at > now:
            await asyncio.sleep(at - now)
