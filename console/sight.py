"""The site's view for any number of screens at the price of one."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

FRESH_S = 0.5
PATIENCE_S = 5.0


Seen = TypeVar("Seen")
Shown_co = TypeVar("Shown_co", covariant=True)


class Looking(Protocol[Shown_co]):
    """Who looks at the site's files; each look takes a while."""

    def look(self) -> Shown_co: ...


class BlindError(Exception):
    """The files of the site do not answer."""


class Sight(Generic[Seen]):
    """Looks through ``viewer`` in a thread, one look at a time, and remembers it for a moment.

    Use as an async context manager.
    """

    def __init__(self, viewer: Looking[Seen], *, fresh_s: float = FRESH_S) -> None:
        self._viewer = viewer
        self._fresh_s = fresh_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sight")
        self._looking: asyncio.Future[Seen] | None = None
        self._began_s = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> Seen:
        """The site, as of half a second ago at most.

        Raises:
            BlindError: the disk does not answer in time.
        """
        looking = self._current()
        try:
            async with asyncio.timeout(PATIENCE_S):
                # Others wait for the same look; one who leaves must not end it.
                return await asyncio.shield(looking)
        except TimeoutError as error:
            raise BlindError(
                f"the site's files did not answer within {PATIENCE_S:g} s; look at the disk"
            ) from error

    def _current(self) -> "asyncio.Future[Seen]":
        now_s = time.monotonic()
        if self._looking is not None and (
            not self._looking.done() or now_s - self._began_s < self._fresh_s
        ):
            return self._looking
        self._began_s = now_s
        loop = asyncio.get_running_loop()
        self._looking = loop.run_in_executor(self._thread, self._viewer.look)
        return self._looking
