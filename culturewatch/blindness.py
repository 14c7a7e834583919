"""Tells people that the journal takes no readings: nothing is judged then, so no rule can tell."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec

from alerts.directory import Directory, Way
from alerts.notice import Notice
from alerts.notify.notifier import Message, Notifier
from culturewatch.everybody import Everybody, Owed
from storage.stats import JournalStats
from storage.wall import wall_ms

log = logging.getLogger(__name__)

BLIND_MS = 5_000
"""How long a reading may wait for the disk before people are told."""
AGAIN_S = 600.0
RETRY_S = 15.0
"""How soon whoever could not be reached is tried again; then twice as long, and so on."""
LOOK_S = 1.0


class Word(StrEnum):
    """What there is to tell."""

    BLIND = "CRITICAL readings cannot be kept: no alarm is judged"
    SEES = "All clear: readings are kept again, and alarms are judged"


class Told(msgspec.Struct, frozen=True):
    """When people were told last that readings wait (monotonic seconds); None if they do not."""

    at_s: float | None = None


def look(told: Told, waiting_ms: int, now_s: float) -> tuple[Told, Word | None]:
    """What to tell when the oldest reading has waited for the disk for ``waiting_ms``."""
    if waiting_ms < BLIND_MS:
        return Told(), None if told.at_s is None else Word.SEES
    if told.at_s is None or now_s - told.at_s >= AGAIN_S:
        return Told(now_s), Word.BLIND
    return told, None


class Blindness:
    """Watches the journal and tells everybody whom a policy names, straight from memory.

    ``waiting_ms`` is for how long the oldest reading waits for the disk; ``stats``, which asks the
    disk, is needed only when there is something to tell.
    """

    def __init__(
        self,
        waiting_ms: Callable[[], int],
        stats: Callable[[], JournalStats],
        notifiers: Mapping[str, Notifier],
        directory: Directory,
        *,
        site: str,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._waiting_ms = waiting_ms
        self._stats = stats
        self._everybody = Everybody(notifiers, directory, on_trouble=on_trouble)
        self._site = site
        self._on_trouble = on_trouble

    async def run(self) -> None:
        """Look each second; only cancellation ends this."""
        told, owed = Told(), None
        while True:
            now_s = time.monotonic()
            told, word = look(told, self._waiting_ms(), now_s)
            if word is not None:
                owed = self._owed(word, self._stats(), now_s)
            if owed is not None and now_s >= owed.due_s:
                owed = await self._tell(owed)
            await asyncio.sleep(LOOK_S)

    def _owed(self, word: Word, stats: JournalStats, now_s: float) -> Owed:
        at = wall_ms()
        return Owed(
            about=word.value,
            message_of=lambda way: self._message(way, word, stats, at),
            people=self._everybody.people,
            due_s=now_s,
            pause_s=RETRY_S,
        )

    async def _tell(self, owed: Owed) -> Owed | None:
        left = await self._everybody.tell(owed)
        people = () if left is None else left.people
        if owed.about == Word.BLIND.value and people == self._everybody.people:
            self._on_trouble("NOBODY COULD BE REACHED about readings that cannot be kept")
        return left

    def _message(self, way: Way, word: Word, stats: JournalStats, at: int) -> Message:
        facts = [word.value, f"Site: {self._site}"]
        if word is Word.BLIND:
            waiting_s = stats.oldest_pending_ms / 1000
            facts += [
                f"Why: {stats.trouble or 'the disk does not answer'}",
                f"{stats.pending} entries wait in memory, the oldest for {waiting_s:.0f} s",
                "Do now: watch the devices themselves; then make room on the disk or mend it",
            ]
        return Message(
            # By time: a count begins again with each start, and providers drop what they have seen.
            id=f"blind-{at}-{way.person}",
            kind=(Notice.PAGE if word is Word.BLIND else Notice.ALL_CLEAR).value,
            person=way.person,
            address=self._everybody.address(way),
            subject=word.value,
            text="\n".join(facts) + "\n",
            severity="critical" if word is Word.BLIND else "",
        )
