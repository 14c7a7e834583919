"""Which batches stand in which device: a snapshot in memory, so that no page waits for it."""

import asyncio
import logging
from pathlib import Path

from batches.bank import Bank, Census
from batches.ledger import Ledger
from culturewatch.paths import ledger_url
from storage.chain import Head
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
        self._counted: tuple[Head, dict[str, Census]] | None = None

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
                self._lines = await asyncio.to_thread(self._look, ledger)
                self._failing = False
            except DatabaseError as error:
                if not self._failing:
                    log.warning("pages name the batches as they were before: %s", error)
                self._failing = True
            await asyncio.sleep(REFRESH_S)

    def _look(self, ledger: Ledger) -> dict[str, tuple[str, ...]]:
        lines = {
            device: tuple(stay.batch + (stay.position and f", {stay.position}") for stay in stays)
            for device, stays in ledger.all_at_risk().items()
        }
        for device, census in self._vials(ledger).items():
            lines[device] = (*lines.get(device, ()), _counted(device, census))
        return lines

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
