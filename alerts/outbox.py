"""Messages reach people: claims rows under a lease, sends them, records what came of it."""

import asyncio
import logging
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from alerts.attempts import Sightings
from alerts.delivery import Event
from alerts.directory import Directory
from alerts.dispatch import Claim, Free, Verdict, channels_waiting, claim, settle
from alerts.notify.notifier import (
    Message,
    Notifier,
    PermanentError,
    QuotaError,
    SendError,
    TemporaryError,
)
from alerts.pace import Pace
from alerts.page import Composer
from alerts.schema import StoreError
from alerts.store import Act, AlarmStore
from alerts.trouble import record
from alerts.upkeep import hear, next_due, receipt, upkeep
from storage.entry import Receipt
from storage.wall import wall_ms

log = logging.getLogger(__name__)
T = TypeVar("T")


class _Look(NamedTuple):
    """What one look into the store gave: rows taken, lines to tell, when the next is due.

    ``due`` is epoch ms; None when no row wants anything.
    """

    claims: list[Claim]
    lines: list[str]
    due: int | None


class _UnderWay(NamedTuple):
    """An attempt, and when it began by the loop's clock."""

    claim: Claim
    since_s: float


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is under way at once, and how long one hand-over may take, in seconds.

    ``per_person`` keeps one person's slow receiver from taking all slots of a channel.
    ``send_s`` stays below the lease, so that a lease runs out only when the sender died, and above
    ``Pace.answer_ms``: an answer that comes late is heard, while the next channel is tried.
    ``idle_s`` is how long it rests at most while something waits, ``quiet_s`` while nothing does
    and nobody else can queue anything.
    """

    per_channel: int = 16
    per_person: int = 4
    send_s: float = 20.0
    idle_s: float = 1.0
    quiet_s: float = 5.0


class Outbox:
    """The sender. ``wake`` it after rows were queued; it also looks for itself.

    ``at_point`` is called at the named points between which a crash matters: ``after-claim``,
    ``after-accept``, ``after-record``. ``on_trouble`` gets a line that somebody must see.
    """

    def __init__(
        self,
        store: AlarmStore,
        notifiers: Mapping[str, Notifier],
        composer: Composer,
        directory: Directory,
        *,
        pace: Pace = Pace(),  # noqa: B008 # frozen
        bounds: Bounds = Bounds(),  # noqa: B008 # frozen
        now: Callable[[], int] = wall_ms,
        on_trouble: Callable[[str], None] = log.warning,
        at_point: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._notifiers = notifiers
        self._composer = composer
        self._directory = directory
        self._pace = pace
        self._bounds = bounds
        self._now = now
        self._on_trouble = on_trouble
        self._at_point = at_point
        self._failing = False
        self._woken = asyncio.Event()
        self._under_way: dict[str, _UnderWay] = {}
        self._seen = Sightings(lambda: time.monotonic_ns() // 1_000_000)
        self._lags: deque[int] = deque(maxlen=10_000)
        self.turned_s: float | None = None
        """When it last looked for something to send, in monotonic seconds."""

    @property
    def lags_ms(self) -> tuple[int, ...]:
        """Of the newest pages: milliseconds from arrival of the reading to the hand-over."""
        return tuple(self._lags)

    def wake(self) -> None:
        """Something was queued."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. What is under way then is left to its lease."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self.turned_s = time.monotonic()
                self._woken.clear()
                while (found := await self._look()).claims:
                    self._start(tasks, found.claims)
                await self._rest(found.due)

    async def receipt(self, row: int, *, delivered: bool, note: str = "") -> None:
        """What a provider said later of the message of ``row`` (``page-<row>-…``)."""
        now = self._now()
        lines = await self._persist(
            lambda db: receipt(
                db,
                row,
                self._directory,
                delivered=delivered,
                now=now,
                pace=self._pace,
                note=note,
            )
        )
        await self._say(lines)
        self.wake()

    def hear(self, db: sqlite3.Connection, said: Receipt) -> list[str]:
        """A receipt off the journal, in the transaction ``db``; lines that somebody must see."""
        return hear(db, said, self._directory, now=self._now(), pace=self._pace)

    async def _persist(self, act: Act[T]) -> T:
        """Write, and again until the disk takes it: what was sent must not be forgotten."""
        while True:
            try:
                value = await self._store.write(act)
            except StoreError as error:
                if not self._failing:
                    self._failing = True
                    self._on_trouble(f"the outbox cannot record what it sends: {error}")
                await asyncio.sleep(self._bounds.idle_s)
            else:
                self._failing = False
                return value

    async def _rest(self, due: int | None) -> None:
        wait = self._bounds.idle_s
        if due is None and not self._under_way and not self._pace.skew_ms:
            # Nobody else sends from this store, and whoever queues wakes.
            wait = max(wait, self._bounds.quiet_s)
        elif due is not None and due > self._now():
            wait = min(wait, (due - self._now()) / 1000)
        wait = min([wait, *(left_s for _, left_s in self._patience() if left_s > 0)])
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _look(self) -> _Look:
        """Do what time asks for, then take what there is room for if anything is due.

        Idle it is one transaction. What a commit has queued is taken in a second one, so that
        whoever committed goes on before it.
        """
        now, slow = self._now(), self._slow()
        under_way = {attempt: one.claim for attempt, one in self._under_way.items()}

        def keep_up(db: sqlite3.Connection) -> _Look:
            mine, seen, people = set(under_way), self._seen, self._directory
            lines = upkeep(db, mine, people, seen=seen, now=now, pace=self._pace, slow=slow)
            record(db, lines, now=now)
            return _Look([], lines, next_due(db, self._pace))

        def take(db: sqlite3.Connection) -> _Look:
            claims = [
                taken
                for channel in channels_waiting(db)
                if (room := self._free(channel, under_way.values())).slots > 0
                for taken in claim(db, channel, room, now=now, pace=self._pace)
            ]
            return _Look(claims, [], next_due(db, self._pace))

        found = await self._persist(keep_up)
        for line in found.lines:
            self._on_trouble(line)
        return found if found.due is None else await self._persist(take)

    def _slow(self) -> set[str]:
        return {attempt for attempt, left_s in self._patience() if left_s <= 0}

    def _patience(self) -> list[tuple[str, float]]:
        """Each attempt under way, and for how long it may still be without an answer."""
        now_s, bound_s = asyncio.get_running_loop().time(), self._pace.answer_ms / 1000
        return [
            (attempt, round(one.since_s + bound_s - now_s, 3))
            for attempt, one in self._under_way.items()
        ]

    def _start(self, tasks: asyncio.TaskGroup, claims: list[Claim]) -> None:
        self._at_point("after-claim")
        for taken in claims:
            self._under_way[taken.attempt] = _UnderWay(taken, asyncio.get_running_loop().time())
            name = f"send {taken.way.channel} to {taken.way.person}"
            tasks.create_task(self._send(taken), name=name)

    def _free(self, channel: str, under_way: Collection[Claim]) -> Free:
        persons = Counter(one.way.person for one in under_way if one.way.channel == channel)
        return Free(
            slots=self._bounds.per_channel - persons.total(),
            each=self._bounds.per_person,
            under_way=persons,
        )

    async def _send(self, taken: Claim) -> None:
        try:
            verdict = await self._hand_over(taken)
            now = self._now()
            if verdict.event in {Event.ACCEPT, Event.RECEIPT}:
                self._at_point("after-accept")
                self._lags.append(now - taken.arrived)
            lines = await self._persist(
                lambda db: settle(db, taken, verdict, self._directory, now=now, pace=self._pace)
            )
            self._at_point("after-record")
            await self._say(lines)
        finally:
            del self._under_way[taken.attempt]
            self.wake()

    async def _hand_over(self, taken: Claim) -> Verdict:
        notifier = self._notifiers.get(taken.way.channel)
        if notifier is None:
            note = f"{taken.way.person} has no channel {taken.way.channel!r} that is set up here"
            return Verdict(event=Event.PERMANENT, note=note)
        if taken.tries > 2 * self._pace.max_tries:
            note = f"the sender died {taken.tries - 1} times while it sent this"
            return Verdict(event=Event.PERMANENT, note=note)
        message = self._composer.compose(taken)
        try:
            async with asyncio.timeout(self._bounds.send_s):
                sent = await notifier.send(message)
        except (SendError, TimeoutError) as error:
            return _failure(error, message, f"no answer within {self._bounds.send_s:g} s")
        event = Event.RECEIPT if sent.delivered else Event.ACCEPT
        return Verdict(event=event, provider_id=sent.provider_id, subject=message.subject)

    async def _say(self, lines: list[str]) -> None:
        if not lines:
            return
        now = self._now()
        for line in lines:
            self._on_trouble(line)
        await self._persist(lambda db: record(db, lines, now=now))


def _failure(error: SendError | TimeoutError, message: Message, silence: str) -> Verdict:
    wait = error.retry_after_s if isinstance(error, TemporaryError) else None
    perhaps = error.perhaps_taken if isinstance(error, TemporaryError) else True
    match error:
        case QuotaError():
            event = Event.QUOTA
        case PermanentError():
            event = Event.PERMANENT
        case _:
            event = Event.TEMPORARY
    return Verdict(
        event=event,
        note=str(error) or silence,
        retry_after_ms=None if wait is None else int(wait * 1000),
        perhaps_taken=event is Event.TEMPORARY and perhaps,
        subject=message.subject,
    )
