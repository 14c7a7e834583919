"""Which batches stand in which device: a snapshot in memory, so that no page waits for it."""

import asyncio
import logging
from collections import defaultdict
from pathlib import Path

from batches.ledger import Ledger
from culturewatch.paths import ledger_url
from storage.database import DatabaseError

log = logging.getLogger(__name__)

REFRESH_S = 2.0


class AtRisk:
    """The batches at risk by device, as of the last look into the ledger."""

    def __init__(self, data: Path, devices: tuple[str, ...]) -> None:
        self._data = data
        self._devices = devices
        self._lines: dict[str, tuple[str, ...]] = {}
        self._failing = False

    def in_device(self, device: str) -> tuple[str, ...]:
        """A short line for each batch in ``device``."""
        return self._lines.get(device, ())

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
        lines: dict[str, list[str]] = defaultdict(list)
        for device in self._devices:
            for stay in ledger.at_risk(device):
                place = f", {stay.position}" if stay.position else ""
                lines[device].append(f"{stay.batch}{place}")
        return {device: tuple(found) for device, found in lines.items()}
