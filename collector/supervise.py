"""Restarts a part that crashed, and says so. Nowhere else is the unexpected survived."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 300.0
"""A part that ran for so long is taken as sound again."""

OnCrash = Callable[[str, Exception], None]
"""Told the part's name and what ended it; raises the system alarm, and must not fail."""


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    on_crash: OnCrash,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Run a part until it ends of itself; after a crash, again, with pauses from 1 s to 60 s."""
    pause_s = first_pause_s
    while True:
        began_s = time.monotonic()
        try:
            await run()
        except Exception as error:  # the one supervised place of the project
            if time.monotonic() - began_s > STEADY_S:
                pause_s = first_pause_s
            log.exception("%s crashed; it starts again in %g s", name, pause_s)
            on_crash(name, error)
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
