"""Tells people something at once, straight from memory: needs no store and no engine."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from alerts.directory import Directory, Way
from alerts.notify.notifier import Message, Notifier, PermanentError, TemporaryError

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 600.0
ANSWER_S = 10.0
"""How long a way may take where there is another; the last of them may take twice as long."""


class Owed(NamedTuple):
    """What people are still to hear, when (monotonic seconds), and how long to wait after that.

    ``about`` is what it is about, for whoever reads of a way that failed.
    """

    about: str
    message_of: Callable[[Way], Message]
    people: tuple[str, ...]
    due_s: float
    pause_s: float


class Everybody:
    """All whom a policy names, each reached by the first of their channels that takes a message."""

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        directory: Directory,
        *,
        answer_s: float = ANSWER_S,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._notifiers = notifiers
        self._directory = directory
        self._answer_s = answer_s
        self._on_trouble = on_trouble

    @property
    def people(self) -> tuple[str, ...]:
        """Who they are now: the rota may name others later."""
        return self._directory.everybody()

    async def tell(self, owed: Owed) -> Owed | None:
        """Tell all at once; what is owed still, to whom no way led: greylisting passes."""
        async with asyncio.TaskGroup() as tasks:
            sending = {
                person: tasks.create_task(self._person(person, owed), name=f"tell {person}")
                for person in owed.people
            }
        missed = tuple(person for person, task in sending.items() if not task.result())
        if not missed:
            return None
        later_s = time.monotonic() + owed.pause_s
        pause_s = min(2 * owed.pause_s, LONGEST_PAUSE_S)
        return owed._replace(people=missed, due_s=later_s, pause_s=pause_s)

    def address(self, way: Way) -> str:
        """Where a way leads."""
        return self._directory.address(way) or ""

    async def _person(self, person: str, owed: Owed) -> bool:
        tried: set[Way] = set()
        while (way := self._directory.next_channel(person, tried)) is not None:
            tried.add(way)
            last = self._directory.next_channel(person, tried) is None
            if await self._sent(way, owed, within_s=self._answer_s * (2 if last else 1)):
                return True
        return False

    async def _sent(self, way: Way, owed: Owed, *, within_s: float) -> bool:
        notifier = self._notifiers.get(way.channel)
        if notifier is None:
            return False
        try:
            async with asyncio.timeout(within_s):
                await notifier.send(owed.message_of(way))
        except (TemporaryError, PermanentError, TimeoutError) as error:
            self._on_trouble(f"{owed.about}: {way.person} by {way.channel}: {error}")
            return False
        return True
