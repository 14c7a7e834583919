"""Enters the alarm history into the ledger, behind the engine's back and never in its way."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from alerts.reader import AlarmReader
from alerts.schema import StoreError
from batches.alarm_trail import (
    ALARMS,
    DAY_MS,
    DELIVERIES,
    JOURNAL,
    Followed,
    TrailError,
    follow,
    note_heads,
)
from batches.ledger import Ledger
from storage.chain import Head
from storage.database import DatabaseError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

EVERY_S = 5.0
AGAIN_S = 10.0


class AlarmTrail:
    """Follows the alarm history at ``alarms`` into the ledger at ``url``.

    A ledger that is not to be reached leaves it behind, without harm: it catches up.
    """

    def __init__(
        self,
        url: str,
        alarms: Path,
        *,
        journal_last: Callable[[], int],
        on_trouble: Callable[[str], None],
        now: Callable[[], int] = wall_ms,
    ) -> None:
        self._url = url
        self._alarms = alarms
        self._journal_last = journal_last
        self._on_trouble = on_trouble
        self._now = now
        self._ledger: Ledger | None = None
        self._entered: tuple[Head, int] | None = None

    async def run(self) -> None:
        """Follow; only cancellation ends this."""
        failing = ""
        while True:
            try:
                followed = await asyncio.to_thread(self._step)
            except (DatabaseError, StoreError, TrailError) as error:
                if type(error).__name__ != failing:
                    self._on_trouble(f"alarms are not entered into the ledger for now: {error}")
                failing = type(error).__name__
                await asyncio.sleep(AGAIN_S)
                continue
            if failing:
                log.info("alarms are entered into the ledger again")
            failing = ""
            if followed.anew:
                self._on_trouble(
                    "the alarm history began anew; the ledger keeps the one before beside it"
                )
            if not followed.more:
                await asyncio.sleep(EVERY_S)

    def _step(self) -> Followed:
        if self._ledger is None:
            self._ledger = Ledger(self._url)
        database, now = self._ledger.database, self._now()
        with AlarmReader(self._alarms) as alarms:
            until = alarms.head(), now // DAY_MS
            if until == self._entered:
                # No server is asked every other second whether there is nothing to do.
                return Followed(entered=0)
            followed = follow(database, alarms, now=now)
            if not followed.more:
                heads: dict[str, Head | int] = {ALARMS: until[0], JOURNAL: self._journal_last()}
                heads[DELIVERIES] = alarms.chain_head()
                note_heads(database, heads, now=now)
                self._entered = until
        return followed
