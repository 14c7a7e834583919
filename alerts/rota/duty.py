"""Keeps the engine's rota in line with who is on call: the core's part called ``rota``."""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from alerts.policy import Policy
from alerts.rota.act import ACTS, ActError, RotaAct, read_act
from alerts.rota.feeds import Feeds
from alerts.rota.outlook import by_day, is_daytime, outlook
from alerts.rota.pattern import Rota
from alerts.rota.resolve import Period, Shift, declared, on_call, periods
from alerts.rota.wall import instant, local
from alerts.schema import StoreError
from alerts.store import AlarmStore, Caused
from alerts.transition import Transition, What
from storage.entry import Command
from storage.journal import JournalError, JournalFullError

BY = "rota"
START_S = 5.0
"""Readings do not wait longer for calendars."""
LOOK_S = 30.0
"""The wall clock may be set while it sleeps; it looks again so soon."""
Put = Callable[[Command], Awaitable[object]]


def acts_of(db: sqlite3.Connection) -> tuple[RotaAct, ...]:
    """All overrides, swaps and withdrawals that the engine took, in their order."""
    found = []
    for (body,) in db.execute("SELECT body FROM history WHERE what = 'rota' ORDER BY n"):
        told = msgspec.json.decode(body, type=Transition)
        if told.detail.get("verb") in ACTS:
            with suppress(ActError):
                found.append(read_act(_command(told)))
    return tuple(found)


def told_since(db: sqlite3.Connection, about: str, since: int) -> bool:
    """Whether somebody was told about it at ``since`` (epoch ms) or later."""
    found = db.execute(
        "SELECT 1 FROM history WHERE what = 'system' AND at >= ?"
        " AND json_extract(body, '$.detail.about') = ? LIMIT 1",
        (since, about),
    ).fetchone()
    return found is not None


def _command(told: Transition) -> Command:
    arguments = {name: text for name, text in told.detail.items() if name not in {"verb", "target"}}
    return Command(
        id=told.command,
        at=told.at,
        by=told.by,
        verb=told.detail["verb"],
        target=told.detail.get("target", ""),
        via="",
        arguments=arguments,
    )


class Duty:
    """Resolves who is on call now, and says so to the engine by commands in the journal.

    ``put`` returns when a command is in the journal; ``on_call`` is what the engine has.
    """

    def __init__(
        self,
        rotas: Iterable[Rota],
        policies: Iterable[Policy],
        people: Iterable[str],
        feeds: Feeds,
        store: AlarmStore,
        *,
        put: Put,
        on_call: Callable[[Policy, int], tuple[str, ...]],
        on_trouble: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        self._rotas = {rota.id: rota for rota in rotas}
        self._policies = tuple(policies)
        self._people = frozenset(people)
        self._feeds = feeds
        self._store = store
        self._put = put
        self._on_call = on_call
        self._on_trouble = on_trouble
        self._now = now
        self._acts: tuple[RotaAct, ...] = ()
        self._read = False
        self._set: dict[tuple[str, int], tuple[str, ...]] = {}
        self._told: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._open: dict[str, int] = {}
        self._failing = False
        self._woken = asyncio.Event()
        feeds.changed = self._woken.set

    @property
    def faults(self) -> int | None:
        """Gaps, strangers and unreadable calendars in the coming days; None before it looked."""
        if self._open.keys() != self._rotas.keys():
            return None
        return sum(self._open.values())

    def committed(self, caused: Sequence[Caused]) -> None:
        """Transitions are on disk; one of them may change a rota."""
        verbs = {c.transition.detail.get("verb") for c in caused if c.transition.what is What.ROTA}
        if verbs & set(ACTS):
            self._read = False
            self._woken.set()

    async def start(self) -> None:
        """Begin with what is on disk: before the first reading the engine knows who is on call.

        The command comes after the ``Started`` entry of this run, which first allows silence
        anew; one before it would have the silence of the pause judged.
        """
        try:
            async with asyncio.timeout(START_S):
                await self._feeds.open()
        except TimeoutError:
            self._on_trouble(
                f"the calendars of the rota take longer than {START_S:g} s to read; until they "
                "are, who was on call before stays it"
            )
        await self.settle()

    async def run(self) -> None:
        """Follow the shifts until cancelled."""
        while True:
            self._woken.clear()
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest_s()):
                    await self._woken.wait()

    async def look(self) -> None:
        """Bring the engine up to date, and tell in daytime what is wrong with the coming days."""
        await self.settle()
        await self._warn()

    async def settle(self) -> None:
        """Put a command for each step whose people are not those on call now."""
        try:
            if not self._read:
                # Before it is awaited: one that is committed meanwhile is read the next time.
                self._read = True
                self._acts = await self._store.write(acts_of)
            for policy in self._policies:
                for step in range(len(policy.steps)):
                    await self._settle_step(policy, step)
        except (StoreError, JournalError, JournalFullError) as error:
            if not self._failing:
                self._on_trouble(f"the rota cannot be brought up to date: {error}")
            self._failing, self._read = True, False
        else:
            self._failing = False

    async def _settle_step(self, policy: Policy, step: int) -> None:
        key, declared_to = (policy.id, step), policy.steps[step]
        if key in self._set and not declared_to.rotas:
            return
        if not all(state.looked for rota in declared_to.rotas for state in self._feeds.of(rota)):
            # Whom the engine has from before is likelier right than nobody.
            return
        people = declared_to.resolved(lambda rota: self.people(rota, self._now()))
        if people != self._set.get(key, self._on_call(policy, step)):
            await self._put(
                Command(
                    id=f"rota-{secrets.token_hex(8)}",
                    at=self._now(),
                    by=BY,
                    verb="rota",
                    target=policy.id,
                    via=BY,
                    arguments={"step": str(step), "to": ",".join(people)},
                )
            )
        self._set[key] = people

    def people(self, rota: str, at: int) -> tuple[str, ...]:
        """Who is on call; nobody where there is no such rota. ``at`` is epoch ms."""
        return on_call(self._shifts(rota, at, at + 1), self._acts_on(rota), at)

    def periods(self, rota: str, start: int, end: int) -> tuple[Period, ...]:
        """Who is on call from ``start`` to ``end`` (epoch ms)."""
        return periods(self._shifts(rota, start, end), self._acts_on(rota), start, end)

    def _shifts(self, rota: str, start: int, end: int) -> tuple[Shift, ...]:
        found = self._rotas.get(rota)
        if found is None:
            return ()
        own = declared(found.shift, ZoneInfo(found.zone), start, end)
        return own + tuple(shift for feed in self._feeds.of(rota) for shift in feed.read.shifts)

    def _acts_on(self, rota: str) -> tuple[RotaAct, ...]:
        return tuple(act for act in self._acts if act.rota == rota)

    def _rest_s(self) -> float:
        now = self._now()
        soon = now + round(LOOK_S * 1000)
        changes = [period.end for rota in self._rotas for period in self.periods(rota, now, soon)]
        return max(min(changes, default=soon) - now, 1) / 1000

    async def _warn(self) -> None:
        """Once a day, in daytime, and again when something is added to what was told."""
        now = self._now()
        for rota in self._rotas.values():
            zone = ZoneInfo(rota.zone)
            daytime = is_daytime(now, zone)
            today = local(now, zone).date()
            midnight = instant(today, time(0), zone)
            end = instant(today + timedelta(milliseconds=rota.horizon), time(0), zone)
            lines = outlook(
                self.periods(rota.id, midnight, end),
                self._feeds.of(rota.id),
                self._people,
                now=now,
                zone=zone,
            )
            found = by_day(len(lines), self._open.get(rota.id), daytime=daytime)
            if found is not None:
                self._open[rota.id] = found
            if daytime:
                await self._tell(rota, lines, midnight)

    async def _tell(self, rota: Rota, lines: tuple[str, ...], midnight: int) -> None:
        about = f"rota:{rota.id}"
        day, before = self._told.get(about, (0, ()))
        added = [line for line in lines if day != midnight or line not in before]
        try:
            if added and not (day == 0 and await self._was_told(about, midnight)):
                text = f"rota {rota.id}: {'; '.join(added)}"
                self._on_trouble(text)
                if rota.manager:
                    await self._put(tell(rota.manager, text, about=about, at=self._now(), by=BY))
        except (StoreError, JournalError, JournalFullError) as error:
            self._on_trouble(f"{rota.manager} could not be told of the rota: {error}")
        self._told[about] = (midnight, lines)

    async def _was_told(self, about: str, midnight: int) -> bool:
        """Whether a run before this one told the manager today."""
        return await self._store.write(lambda db: told_since(db, about, midnight))


def tell(person: str, text: str, *, about: str, at: int, by: str) -> Command:
    """Word to somebody about the alarm system itself."""
    return Command(
        id=f"{by}-{secrets.token_hex(8)}",
        at=at,
        by=by,
        verb="tell",
        target=person,
        via=by,
        arguments={"text": text, "about": about, "severity": "medium"},
    )
