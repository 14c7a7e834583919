"""Sends the drills that are due, and tells of those overdue: the core's part called ``drills``."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import time, tzinfo

from alerts.drills import Drills, Wanted, drilled, overdue_text, standings, wanted
from alerts.policy import Person
from alerts.rota.duty import tell, told_since
from alerts.rota.outlook import by_day, is_daytime
from alerts.rota.wall import instant, local
from alerts.schema import StoreError
from alerts.store import AlarmStore
from storage.entry import Command
from storage.journal import JournalError, JournalFullError

BY = "drills"
LOOK_S = 60.0
_REMEMBERED = 1_000


def drill_command(person: str, channel: str, *, by: str, via: str, at: int, note: str) -> Command:
    """The order to send a drill."""
    return Command(
        id=f"drill-{secrets.token_hex(8)}",
        at=at,
        by=by,
        verb="drill",
        target=person,
        via=via,
        arguments={"channel": channel} | ({"note": note} if note else {}),
    )


class DrillWatch:
    """Looks every now and then at who has answered. ``put`` puts a command into the journal."""

    def __init__(
        self,
        people: Sequence[Person],
        wants: Drills,
        store: AlarmStore,
        *,
        zone: tzinfo,
        put: Callable[[Command], Awaitable[object]],
        on_trouble: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        self._people = tuple(people)
        self._wants = wants
        self._store = store
        self._zone = zone
        self._put = put
        self._on_trouble = on_trouble
        self._now = now
        self._ordered: dict[str, None] = {}
        self._told = 0
        self._failing = False
        self.unproven: int | None = None
        """On how many channels people have not proven to be reached; None before it looked."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Send what is due, and tell of what is overdue: once a day, in daytime."""
        try:
            await self._look()
        except (StoreError, JournalError, JournalFullError) as error:
            if not self._failing:
                self._on_trouble(f"drills cannot be sent: {error}")
            self._failing = True
        else:
            self._failing = False

    async def _look(self) -> None:
        now = self._now()
        found = standings(self._people, await self._store.write(drilled), self._wants, now=now)
        for one in wanted(found, self._wants, self._zone, now=now):
            await self._send(one, now)
        midnight = instant(local(now, self._zone).date(), time(0), self._zone)
        daytime = is_daytime(now, self._zone)
        count = sum(one.is_open for one in found)
        self.unproven = by_day(count, self.unproven, daytime=daytime)
        if not daytime or self._told == midnight:
            return
        text = overdue_text(found, self._zone)
        if text and not await self._store.write(lambda db: told_since(db, BY, midnight)):
            self._on_trouble(text)
            if self._wants.manager:
                await self._put(tell(self._wants.manager, text, about=BY, at=now, by=BY))
        if text:
            self._told = midnight

    async def _send(self, one: Wanted, now: int) -> None:
        # What was ordered a moment ago is not in the history yet.
        if one.id in self._ordered:
            return
        await self._put(
            Command(
                id=one.id,
                at=now,
                by=BY,
                verb="drill",
                target=one.person,
                via=BY,
                arguments={"channel": one.channel, "note": one.why},
            )
        )
        self._ordered[one.id] = None
        while len(self._ordered) > _REMEMBERED:
            del self._ordered[next(iter(self._ordered))]
