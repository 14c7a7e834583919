"""A site of three people, a provider that does what it is told, and an outbox over a real store."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

from alerts.channel import ChannelSpec
from alerts.delivery import Delivery
from alerts.directory import Directory
from alerts.enqueue import enqueue
from alerts.notify.notifier import (
    Message,
    Notifier,
    PermanentError,
    QuotaError,
    Sent,
    TemporaryError,
)
from alerts.outbox import Bounds, Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.policy import Person, Policy, Step
from alerts.reader import AlarmReader, SentPage
from alerts.rule import Rule
from alerts.schema import open_read_only
from alerts.store import AlarmStore, Batch, Caused, save
from alerts.transition import Transition, What
from devices.duration import Duration
from storage.wall import wall_ms
from tests.unit.alerts.mail_server import until  # a test's own

NOON = 1_767_614_400_000
RULE = Rule(
    id="inc1-temp-high",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    severity="critical",
    policy="standard",
    cause="door open, heater stuck",
    consequence="cells die above 39 °C",
    action="close the door; move the plates to inc2",
    respond_within=Duration(30 * 60_000),
)
PEOPLE = (
    Person(id="A", name="Ada", channels=("sms", "mail"), addresses={"sms": "+1", "mail": "a@x"}),
    Person(id="B", name="Ben", channels=("mail",), addresses={"mail": "b@x"}),
    Person(id="C", name="Cid", channels=("mail",), addresses={"mail": "c@x"}),
)
POLICY = Policy(
    id="standard",
    steps=(Step(after=Duration(0), to=("A",)), Step(after=Duration(300_000), to=("B",))),
    fallback=("C",),
)
CHANNELS = (
    ChannelSpec(id="inc1.temperature", quantity="temperature", period_ms=10_000, resolution=0.01),
)
QUICK = Pace(lease_ms=150, receipt_ms=60_000, again_ms=100, skew_ms=0)


class Provider:
    """Does what ``does`` says, one word a message, then ``rest``."""

    def __init__(self, *does: str, rest: str = "deliver") -> None:
        self.does = list(does)
        self.rest = rest
        self.asked: list[Message] = []
        self.took: list[Message] = []
        self.at_once = 0
        self.most_at_once = 0
        self.let_go = asyncio.Event()

    async def send(self, message: Message) -> Sent:
        self.asked.append(message)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._do(self.does.pop(0) if self.does else self.rest, message)
        finally:
            self.at_once -= 1

    async def _do(self, word: str, message: Message) -> Sent:
        match word:
            case "error":
                raise TemporaryError("503 later", retry_after_s=0.01)
            case "refuse":
                raise PermanentError("550 no such user")
            case "quota":
                raise QuotaError("no credit")
            case "hang":
                await asyncio.Event().wait()
            case "wait":
                await self.let_go.wait()
            case "cut off":
                await self.let_go.wait()
                raise TemporaryError("no answer", retry_after_s=0.01, perhaps_taken=True)
            case "slow error":
                await self.let_go.wait()
                raise TemporaryError("503 later", retry_after_s=0.01)
        self.took.append(message)
        return Sent(provider_id=f"p-{len(self.took)}", delivered=word == "deliver")


def directory(people: Iterable[Person] = PEOPLE) -> Directory:
    rules = {RULE.id: RULE}
    return Directory(people, (POLICY,), rules.get)


class Logged(NamedTuple):
    """One line of the delivery log."""

    event: str
    was: str
    became: str
    attempt: str


class Desk:
    """A store with its outbox. ``say`` puts transitions in, as the service does."""

    def __init__(self, path: Path, store: AlarmStore, people: Iterable[Person] = PEOPLE) -> None:
        self.path = path
        self.store = store
        self.directory = directory(people)
        self.troubles: list[str] = []
        self.seq = 0
        self.outbox: Outbox | None = None

    async def say(self, *transitions: Transition) -> None:
        before, self.seq = self.seq, self.seq + 1
        caused = tuple(Caused(self.seq, t.at, t) for t in transitions)
        batch = Batch(after=before, cursor=self.seq, parts={}, caused=caused)

        def keep(db: object) -> None:
            assert isinstance(db, sqlite3.Connection)
            for number, one in zip(save(db, batch), caused, strict=True):
                enqueue(db, number, one, self.directory, now=self.now())

        await self.store.write(keep)
        if self.outbox is not None:
            self.outbox.wake()

    def now(self) -> int:
        return wall_ms()

    @asynccontextmanager
    async def sending(
        self,
        notifiers: Mapping[str, Notifier],
        *,
        pace: Pace = QUICK,
        bounds: Bounds | None = None,
        at_point: Callable[[str], None] = lambda _: None,
        now: Callable[[], int] = wall_ms,
    ) -> AsyncIterator[Outbox]:
        self.outbox = Outbox(
            self.store,
            notifiers,
            Composer(self.directory, CHANNELS),
            self.directory,
            pace=pace,
            bounds=bounds or Bounds(idle_s=0.05, send_s=5.0),
            now=now,
            on_trouble=self.troubles.append,
            at_point=at_point,
        )
        running = asyncio.create_task(self.outbox.run(), name="outbox under test")
        try:
            yield self.outbox
        finally:
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.result()

    def rows(self) -> list[SentPage]:
        """All rows, oldest first."""
        with AlarmReader(self.path) as reader:
            return reader.pages(limit=1_000)[::-1]

    def states(self) -> list[tuple[str, str, str]]:
        """Person, channel and state of all rows, oldest first."""
        return [(row.person, row.channel, row.state.value) for row in self.rows()]

    def logged(self, row: int) -> list[Logged]:
        """What became of one message, step by step, as the store keeps it for good."""
        with closing(open_read_only(self.path)) as db:
            steps = db.execute(
                "SELECT event, was, became, attempt FROM delivery_log WHERE row = ? ORDER BY n",
                (row,),
            )
            return [Logged(*step) for step in steps]

    async def rest(self, count: int | None = None) -> None:
        """Wait until nothing is queued or under way (and there are ``count`` rows)."""
        await until(
            lambda: (
                not {row.state for row in self.rows()} & {Delivery.QUEUED, Delivery.CLAIMED}
                and (count is None or len(self.rows()) == count)
            )
        )


@asynccontextmanager
async def opened(folder: Path, people: Iterable[Person] = PEOPLE) -> AsyncIterator[Desk]:
    path = folder / "alarms.db"
    async with AlarmStore(path) as store:
        yield Desk(path, store, people)


def said(what: What, to: str = "", **more: object) -> Transition:
    fields: dict[str, object] = {
        "at": wall_ms(),
        "rule": RULE.id,
        "channel": RULE.channel,
        "occurrence": 1,
        "activation": 1,
        "severity": "critical",
        "since": NOON,
        "value": 38.1,
        **more,
    }
    return Transition(what=what, to=to, **fields)  # type: ignore[arg-type] # of the caller


def page(to: str, **more: object) -> Transition:
    return said(What.QUEUED, to, **more)
