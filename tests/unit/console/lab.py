"""A small site whose files are written by the real parts, and a browser at its console."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from alerts.channel import ChannelSpec
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.policy import Person, Policy, Step
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.service import AlarmService
from alerts.store import AlarmStore
from alerts.token import TokenDesk, load_key
from batches.batch import Signed
from batches.ledger import Ledger
from console.app import create
from console.settings import ConsoleSettings
from console.view import Equipment
from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Layout, Scan, absent
from storage.entry import Command
from storage.inbox import Inbox, drain
from storage.journal import Journal
from storage.wall import wall_ms
from tests.unit.batches.staff import PASSWORD, enlist

ADDRESS = "http://127.0.0.1:8440"
INC1 = Layout("inc1", ("temperature", "door"), ("temperature", "state"))
LN2A = Layout("ln2a", ("level",), ("level",))
PEOPLE = (Person(id="A", name="Ada", channels=("inbox",)), Person(id="B", name="Ben"))
POLICY = Policy(id="standard", steps=(Step(after=Duration(0), to=("A",)),))
RULE = Rule(
    id="inc1-temp-high",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    deadband=0.2,
    severity="critical",
    policy="standard",
    cause="door open, heater stuck",
    consequence="cells die above 39 °C",
    action="close the door; move the plates to inc2",
    respond_within=Duration(30 * 60_000),
)
EQUIPMENT = (
    Equipment(id="inc1", name="Incubator 1", location="Culture room", period_ms=60_000),
    Equipment(id="ln2a", name="Freezer A", location="Cryo room", period_ms=60_000),
)
CHANNELS = (
    ChannelSpec(id="inc1.temperature", quantity="temperature", period_ms=60_000, resolution=0.01),
)
SERVED = "ledger.url"
"""The note with the address of a ledger that is on a server."""
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')


async def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 # any condition, also one without an event
            await asyncio.sleep(0.01)


def settings(data: Path, rules: Sequence[Rule] = (RULE,), public_url: str = "") -> ConsoleSettings:
    return ConsoleSettings(
        site="Lab <One>",
        time_zone="Europe/Vienna",
        data=data,
        ledger_url=ledger_url(data),
        token_key=data / "secrets" / "token.key",
        equipment=EQUIPMENT,
        people=PEOPLE,
        rules=tuple(rules),
        public_url=public_url,
        passwords=data / "secrets" / "passwords",
        patients=data / "secrets" / "patients",
    )


def ledger_url(data: Path) -> str:
    """Where the ledger of a site is: a file among its data, or where a note there says."""
    note = data / SERVED
    return note.read_text() if note.exists() else f"sqlite:///{data / 'ledger.db'}"


def ledger_of(data: Path) -> Ledger:
    """The ledger of a site, with the keys of its patients."""
    return Ledger(ledger_url(data), keys=data / "secrets" / "patients")


def link(data: Path, *, rule: str = RULE.id, person: str = "A", occurrence: int = 1) -> str:
    """The path of a link as the core makes it."""
    desk = TokenDesk(load_key(data / "secrets" / "token.key"), used=lambda _: False)
    token = desk.make(person=person, rule=rule, occurrence=occurrence, severity="critical")
    return f"/ack/{token}"


def incubator(temperature: float, *, door: float = 0.0, at: int | None = None) -> Scan:
    now = wall_ms() if at is None else at
    return Scan(INC1, now, now, (temperature, door), bytes(2))


def freezer_is_silent() -> Scan:
    return absent(LN2A, at=wall_ms(), quality=Quality.NO_ANSWER)


def put_batch_into(data: Path, device: str, batch: str = "B-2026-0001") -> None:
    ledger = ledger_of(data)
    act = Signed(by="demo", at=wall_ms())
    ledger.open_batch(batch, product="Fibroblasts", act=act)
    ledger.place(batch, device, act=act)


class Core:
    """The journal of a core, its engine and its inbox; ``taking`` moves the inbox."""

    def __init__(self, data: Path, journal: Journal, service: AlarmService) -> None:
        self._data = data
        self._journal = journal
        self._service = service

    async def hear(self, *scans: Scan) -> None:
        """Scans are in the journal, and judged."""
        for scan in scans:
            await self._journal.put(scan)
        await until(lambda: self._service.cursor == self._journal.last)

    @asynccontextmanager
    async def taking(self) -> AsyncIterator[None]:
        with Inbox(self._data) as inbox:
            task = asyncio.create_task(drain(inbox, self._journal), name="inbox")
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])


@asynccontextmanager
async def core(
    data: Path, rules: Sequence[Rule] = (RULE,), people: Sequence[Person] = PEOPLE
) -> AsyncIterator[Core]:
    """A core without collector and sender of pages."""
    book = Rulebook(rules=tuple(rules), policies=(POLICY,), channels=CHANNELS)
    directory = Directory(people, (POLICY,), {rule.id: rule for rule in rules}.get)
    async with Journal(data, group_ms=1) as journal, AlarmStore(data / "alarms.db") as store:
        saved = await store.load()
        service = AlarmService(
            journal, Engine(book, saved.parts), store, directory, cursor=saved.cursor
        )
        task = asyncio.create_task(service.run(), name="service")
        try:
            await service.caught_up.wait()
            yield Core(data, journal, service)
        finally:
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def browser(
    told: ConsoleSettings, *, address: str = ADDRESS, raising: bool = True
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the console of a site."""
    app = create(told)
    transport = httpx.ASGITransport(app, raise_app_exceptions=raising)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=address) as client,
    ):
        yield client


async def log_in(client: httpx.AsyncClient, data: Path) -> None:
    """Be somebody who is in, through the form; with ``QUICK`` hashes that costs nothing."""
    ledger = ledger_of(data)
    if not ledger.has_people():
        enlist(ledger, {"admin": ["admin"]})
    nonce = nonce_in(await client.get("/login"))
    came = await client.post(
        "/login",
        data={"nonce": nonce, "person": "admin", "password": PASSWORD},
        headers={"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"},
    )
    assert came.status_code == 303, came.text


async def press(
    client: httpx.AsyncClient,
    path: str,
    *,
    note: str = "",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Open the link, then press the button as a browser does."""
    return await client.post(
        path,
        data={"nonce": nonce_in(await client.get(path)), "note": note},
        headers={"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"} | (headers or {}),
    )


def nonce_in(page: httpx.Response) -> str:
    """The nonce of a page's form; nothing where there is no form."""
    found = _NONCE.search(page.text)
    return found[1] if found else ""


def state_of(data: Path, rule: str = RULE.id) -> str:
    with AlarmReader(data / "alarms.db") as reader:
        return next(alarm.state for alarm in reader.alarms() if alarm.rule == rule)


def waiting(data: Path) -> list[str]:
    """Who has acknowledged what the core has not taken yet."""
    with Inbox(data) as inbox:
        return [
            f"{act.verb} {act.target} by {act.by}"
            for act in inbox.take()
            if isinstance(act, Command)
        ]
