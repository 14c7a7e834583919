"""Tells people that the journal takes no readings: nothing is judged then, so no rule can tell."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from alerts.directory import Directory, Way
from alerts.notice import Notice
from alerts.notify.notifier import Message, Notifier, PermanentError, TemporaryError
from storage.stats import JournalStats

log = logging.getLogger(__name__)

BLIND_MS = 5_000
"""How long a reading may wait for the disk before people are told."""
AGAIN_S = 600.0
RETRY_S = 15.0
"""How soon whoever could not be reached is tried again; then twice as long, and so on."""
LOOK_S = 1.0
_BOUND_S = 20.0


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


class _Owed(NamedTuple):
    """A word that people are still to hear, when, and how long to wait after that."""

    word: Word
    people: tuple[str, ...]
    due_s: float
    pause_s: float


class Blindness:
    """Watches the journal and tells everybody whom a policy names, straight from memory."""

    def __init__(
        self,
        stats: Callable[[], JournalStats],
        notifiers: Mapping[str, Notifier],
        directory: Directory,
        *,
        site: str,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._stats = stats
        self._notifiers = notifiers
        self._directory = directory
        self._site = site
        self._on_trouble = on_trouble

    async def run(self) -> None:
        """Look each second; only cancellation ends this."""
        told, owed = Told(), None
        while True:
            stats, now_s = self._stats(), time.monotonic()
            told, word = look(told, stats.oldest_pending_ms, now_s)
            if word is not None:
                owed = _Owed(word, self._directory.everybody(), now_s, RETRY_S)
            if owed is not None and now_s >= owed.due_s:
                owed = await self._tell(owed, stats)
            await asyncio.sleep(LOOK_S)

    async def _tell(self, owed: _Owed, stats: JournalStats) -> _Owed | None:
        """Tell everybody at once; what is owed still, to whom no way led: greylisting passes."""
        word, at = owed.word, time.time_ns() // 1_000_000
        async with asyncio.TaskGroup() as tasks:
            sending = {
                person: tasks.create_task(
                    self._person(person, word, stats, at), name=f"tell {person}"
                )
                for person in owed.people
            }
        missed = tuple(person for person, task in sending.items() if not task.result())
        if word is Word.BLIND and missed == self._directory.everybody():
            self._on_trouble("NOBODY COULD BE REACHED about readings that cannot be kept")
        if not missed:
            return None
        later_s = time.monotonic() + owed.pause_s
        return _Owed(word, missed, later_s, min(2 * owed.pause_s, AGAIN_S))

    async def _person(self, person: str, word: Word, stats: JournalStats, at: int) -> bool:
        tried: set[Way] = set()
        while (way := self._directory.next_channel(person, tried)) is not None:
            tried.add(way)
            if await self._sent(way, word, stats, at):
                return True
        return False

    async def _sent(self, way: Way, word: Word, stats: JournalStats, at: int) -> bool:
        notifier = self._notifiers.get(way.channel)
        if notifier is None:
            return False
        try:
            async with asyncio.timeout(_BOUND_S):
                await notifier.send(self._message(way, word, stats, at))
        except (TemporaryError, PermanentError, TimeoutError) as error:
            self._on_trouble(f"{word.value}: {way.person} by {way.channel}: {error}")
            return False
        return True

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
            address=self._directory.address(way) or "",
            subject=word.value,
            text="\n".join(facts) + "\n",
            severity="critical" if word is Word.BLIND else "",
        )
