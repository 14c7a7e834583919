"""Which batches stand in which device: a snapshot in memory, so that no page waits for it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from batches import snapshot
from batches.bank import Bank, Census
from batches.ledger import Ledger
from batches.snapshot import Inside, Snapshot
from devices.duration import Duration
from storage.chain import Head
from storage.database import DatabaseError, file_of
from storage.touched import Touched
from storage.wall import wall_ms

log = logging.getLogger(__name__)

REFRESH_S = 2.0
OLD_MS = 30_000
"""A look that is no older is as good as one now; the next one may be waiting for a server."""
NONE = "no batch is entered in this device"
UNREAD = "unknown: the ledger of batches could not be read yet"


class AtRisk:
    """The batches at risk by device, as of the last look into the ledger.

    It is kept in the folder ``data`` too: a core that starts while the ledger is not to be reached
    knows what the one before knew.
    """

    def __init__(self, data: Path, url: str, *, now: Callable[[], int] = wall_ms) -> None:
        """Look into the ledger at ``url``; ``now`` is epoch ms."""
        self._data = data
        self._url = url
        self._now = now
        self._seen = snapshot.read(data)
        self._failing = self._seen is not None
        self._counted: tuple[Head, dict[str, Census]] | None = None

    def in_device(self, device: str) -> tuple[str, ...]:
        """A short line for each batch in ``device``; also that there is none, or none is known."""
        seen = self._seen
        if seen is None:
            return (UNREAD,)
        lines = seen.devices.get(device, Inside(lines=(NONE,))).lines
        age_ms = max(0, self._now() - seen.at)
        return (*lines, outdated(age_ms)) if self._failing or age_ms > OLD_MS else lines

    async def run(self) -> None:
        """Look again every few seconds; only cancellation ends this."""
        ledger: Ledger | None = None
        failing = False
        touched = Touched(file_of(self._url))
        while True:
            if not touched():
                await asyncio.sleep(REFRESH_S)
                continue
            try:
                if ledger is None:
                    ledger = await asyncio.to_thread(Ledger, self._url)
                self._seen = await asyncio.to_thread(self._look, ledger)
                self._failing = failing = False
            except DatabaseError as error:
                if not failing:
                    log.warning("pages name the batches as they were before: %s", error)
                self._failing = failing = True
                touched.forget()
            await asyncio.sleep(REFRESH_S)

    def _look(self, ledger: Ledger) -> Snapshot:
        seen = self._asked(ledger)
        try:
            snapshot.write(self._data, seen)
        except OSError as error:
            # The disk is watched elsewhere; what is in memory still goes into pages.
            log.debug("%s: what is at risk cannot be kept: %s", self._data, error)
        return seen

    def _asked(self, ledger: Ledger) -> Snapshot:
        at = self._now()
        devices = {
            device: Inside(
                batches=tuple(stay.batch for stay in stays),
                lines=tuple(
                    stay.batch + (stay.position and f", {stay.position}") for stay in stays
                ),
            )
            for device, stays in ledger.all_at_risk().items()
        }
        for device, census in self._vials(ledger).items():
            inside = devices.get(device, Inside())
            lines = (*inside.lines, _counted(device, census))
            devices[device] = replace(inside, vials=census.vials, lines=lines)
        return Snapshot(at=at, devices=devices)

    def _vials(self, ledger: Ledger) -> dict[str, Census]:
        """Counted again when something was entered: a bank may hold a hundred thousand."""
        head = ledger.head()
        if self._counted is None or self._counted[0] != head:
            self._counted = head, Bank(ledger).census()
        return self._counted[1]


def _counted(device: str, census: Census) -> str:
    vials = "1 vial" if census.vials == 1 else f"{census.vials} vials"
    batches = "1 batch" if census.batches == 1 else f"{census.batches} batches"
    return f"{vials} of {batches} (culturewatch vial endangered {device} names them)"


def outdated(age_ms: int) -> str:
    """That what was said before it is that old."""
    age = Duration(age_ms // 1_000 * 1_000)
    return f"as it was {age} ago; the ledger of batches cannot be read now"
