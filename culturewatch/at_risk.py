"""Which batches stand in which device: a snapshot in memory, so that no page waits for it."""

import asyncio
import logging
from pathlib import Path

from batches.ledger import Ledger
from culturewatch.paths import ledger_url
from storage.database import DatabaseError

log = logging.getLogger(__name__)

REFRESH_S = 2.0
NONE = "no batch is entered in this device"
UNREAD = "unknown: the ledger of batches could not be read yet"
OUTDATED = "as it was before; the ledger of batches cannot be read now"


class AtRisk:
    """The batches at risk by device, as of the last look into the ledger."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lines: dict[str, tuple[str, ...]] | None = None
        self._failing = False

    def in_device(self, device: str) -> tuple[str, ...]:
        """A short line for each batch in ``device``; also that there is none, or none is known."""
        if self._lines is None:
            return (UNREAD,)
        lines = self._lines.get(device, (NONE,))
        return (*lines, OUTDATED) if self._failing else lines

    async def run(self) -> None:
        """Look again every few seconds; only cancellation ends this."""
        ledger: Ledger | None = None
        while True:
            try:
                if ledger is None:
                    ledger = await asyncio.to_thread(Ledger, ledger_url(self._data))
                self._lines = await asyncio.to_thread(_look, ledger)
                self._failing = False
            except DatabaseError as error:
                if not self._failing:
                    log.warning("pages name the batches as they were before: %s", error)
                self._failing = True
            await asyncio.sleep(REFRESH_S)


def _look(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    return {
        device: tuple(stay.batch + (stay.position and f", {stay.position}") for stay in stays)
        for device, stays in ledger.all_at_risk().items()
    }
