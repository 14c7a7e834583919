"""Has each day sealed by a short-lived worker, and frees the journal of what is sealed and read."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from culturewatch.site import Site
from storage.archive import check
from storage.archive.days import DAY_MS, GRACE_MS
from storage.archive.patrol import set_aside
from storage.archive.retention import Keep, may_go
from storage.archive.seal import ArchiveError, Sealed, seals
from storage.journal import Journal, JournalFullError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

LOOK_S = 3_600.0
"""The journal is looked at so often, for what it may let go of."""
LONGEST_S = 6 * 3_600.0
"""A worker that takes longer hangs."""
AGAIN_S = 900.0


class SealingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How sealing goes: seconds since it last went well, segments set aside, what is wrong."""

    since_s: float
    aside: int
    trouble: str


class Sealing:
    """Owns the worker and the removal; one a core."""

    def __init__(
        self,
        site: Site,
        journal: Journal,
        *,
        worker: Callable[[], Awaitable[int]],
        consumed: Callable[[], int],
        on_trouble: Callable[[str], None],
    ) -> None:
        """``worker`` seals and answers with its exit code; ``consumed`` is what all are past."""
        self._site = site
        self._journal = journal
        self._worker = worker
        self._consumed = consumed
        self._on_trouble = on_trouble
        self._well_s = time.monotonic()
        self._aside = 0
        self._freed = 0
        self.rested = asyncio.Event()
        """Set once all was done that was to be done at the start."""
        self._trouble = ""

    @property
    def status(self) -> SealingStatus:
        """A snapshot."""
        return SealingStatus(
            since_s=time.monotonic() - self._well_s, aside=self._aside, trouble=self._trouble
        )

    async def run(self) -> None:
        """Seal what is over, at once and after each midnight (UTC); only cancellation ends this."""
        while True:
            sealed = await self._seal()
            until_s = time.monotonic() + (seconds_to_midnight(wall_ms()) if sealed else AGAIN_S)
            while True:
                await self._free()
                self.rested.set()
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    break
                await asyncio.sleep(min(left_s, LOOK_S))

    async def _seal(self) -> bool:
        trouble = ""
        try:
            async with asyncio.timeout(LONGEST_S):
                code = await self._worker()
            if code:
                trouble = "what is over could not be sealed or is damaged; the log says why"
        except TimeoutError:
            trouble = f"sealing took longer than {LONGEST_S / 3_600:g} h and was ended"
        self._aside = await asyncio.to_thread(set_aside, self._site.data)
        if trouble and trouble != self._trouble:
            self._on_trouble(
                f"{self._site.data}: {trouble}; the journal keeps all of it meanwhile, and it is "
                f"tried again every {AGAIN_S / 60:g} minutes"
            )
        self._trouble = trouble
        if not trouble:
            self._well_s = time.monotonic()
        return not trouble

    async def _free(self) -> None:
        """Let the journal go of what the archive has, while that is due."""
        try:
            found = await asyncio.to_thread(seals, self._site.data)
        except (ArchiveError, OSError) as error:
            self._on_trouble(f"{error}; the journal keeps what it has")
            return
        for sealed in found:
            if sealed.seal.last <= self._freed:
                continue
            keep = Keep(int(self._site.file.archive.journal_keep), self._journal.stats.fill)
            if not may_go(sealed.seal, consumed=self._consumed(), now=wall_ms(), keep=keep):
                return
            if not await asyncio.to_thread(check.is_whole, sealed):
                self._on_trouble(
                    f"{sealed.entries}: is not what was sealed; the journal keeps its entries"
                )
                return
            try:
                await self._remove(sealed)
            except JournalFullError:
                # Readings that wait for the disk come first; the next look does it.
                return

    async def _remove(self, sealed: Sealed) -> None:
        if sealed.seal.damaged:
            self._journal.put_damaged_aside(dict(sealed.seal.damaged))
        gone = 1
        while gone:
            gone = await self._journal.remove(sealed.seal.last)
        self._freed = sealed.seal.last


def seconds_to_midnight(now: int) -> float:
    """From ``now`` (epoch ms) until the day is over (UTC) and its last entries are on disk."""
    return (DAY_MS - now % DAY_MS + GRACE_MS) / 1_000
