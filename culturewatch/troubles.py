"""What is wrong with the system itself: one place that hears it, logs it and keeps it."""

import asyncio
import logging
from collections import deque
from functools import partial

from alerts.schema import StoreError
from alerts.store import AlarmStore
from alerts.trouble import record
from storage.wall import wall_ms

log = logging.getLogger(__name__)

KEPT = 20
_WAITING = 1_000


class Troubles:
    """Lines about the system, newest last. ``say`` may be called from the loop at any time."""

    def __init__(self) -> None:
        self.newest: deque[str] = deque(maxlen=KEPT)
        self._unkept: deque[tuple[int, str]] = deque(maxlen=_WAITING)
        self._said = asyncio.Event()

    def hear(self, line: str) -> None:
        """Somebody must see this; whoever says it keeps it himself."""
        log.warning("%s", line)
        self.newest.append(line)

    def say(self, line: str) -> None:
        """Somebody must see this, later as well."""
        self.hear(line)
        self._unkept.append((wall_ms(), line))
        self._said.set()

    def crashed(self, part: str, error: Exception) -> None:
        """A supervised part broke; it will be started again."""
        self.say(f"{part} crashed and is started again: {type(error).__name__}: {error}")

    async def keep(self, store: AlarmStore) -> None:
        """Write lines beside the alarms, where screens find them; only cancellation ends this."""
        while True:
            await self._said.wait()
            self._said.clear()
            while self._unkept:
                at, line = self._unkept[0]
                try:
                    await store.write(partial(record, lines=[line], now=at))
                except StoreError:
                    # Logged already; the disk that does not take it is itself told of elsewhere.
                    await asyncio.sleep(1)
                else:
                    self._unkept.popleft()
