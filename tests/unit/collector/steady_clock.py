"""A clock for those that stamp scans, as steady as the loop's."""

import asyncio


class SteadyClock:
    """Stamps from the loop's clock; unsure when a test says so."""

    is_unsure = False

    def now(self) -> int:
        """Milliseconds of the loop's clock."""
        return round(asyncio.get_running_loop().time() * 1000)
