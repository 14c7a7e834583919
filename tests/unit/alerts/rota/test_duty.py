"""The core's rota over a real journal, engine and store, on a clock that the test sets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.policy import Person, Policy, Step
from alerts.reader import AlarmReader
from alerts.rota.duty import Duty
from alerts.rota.feeds import Feed, Feeds, Fetched
from alerts.rota.pattern import WEEK, Calendar, Rota, ShiftPattern
from alerts.rulebook import Rulebook
from alerts.service import AlarmService
from alerts.store import AlarmStore
from alerts.transition import Transition, What
from devices.duration import parse
from storage.entry import Command, Started
from storage.journal import Journal
from tests.unit.alerts.engine.lab import HOT, rulebook  # a test's own
from tests.unit.alerts.mail_server import until  # a test's own

PEOPLE = tuple(Person(id=name, channels=("sms",)) for name in "ABCDM")
POLICY = Policy(
    id="chain",
    steps=(
        Step(after=parse("0s"), to=("@cryo",)),
        Step(after=parse("5m"), to=("@cryo", "B")),
        Step(after=parse("10m"), to=("M",)),
    ),
    fallback=("M",),
)


def weekly(person: str, from_: str, to: str) -> ShiftPattern:
    return ShiftPattern(person=person, from_=from_, to=to, days=WEEK)


CRYO = Rota(
    id="cryo",
    zone="Europe/Vienna",
    shift=(weekly("A", "06:00", "22:00"), weekly("C", "22:00", "06:00")),
    manager="M",
)


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Site:
    """One core: its engine, its rota, and a wall clock that stands still."""

    def __init__(self, journal: Journal, store: AlarmStore, folder: Path, rota: Rota) -> None:
        self.journal = journal
        self.store = store
        self.folder = folder
        self.rota = rota
        self.now = utc("2026-06-10T04:30")
        self.book: Rulebook = rulebook([HOT], policies=[POLICY])
        self.troubles: list[str] = []
        self.feeds: list[Feed] = []
        self.engine = Engine(self.book)
        self.service: AlarmService | None = None
        self.duty = self._duty()

    def _duty(self) -> Duty:
        return Duty(
            [self.rota],
            [POLICY],
            [person.id for person in PEOPLE],
            Feeds(self.feeds, on_trouble=self.troubles.append),
            self.store,
            put=self.journal.put,
            on_call=self.engine.on_call,
            on_trouble=self.troubles.append,
            now=lambda: self.now,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A run of the core from what the store has."""
        saved = await self.store.load()
        self.engine = Engine(self.book, saved.parts)
        self.duty = self._duty()
        directory = Directory(PEOPLE, [POLICY], lambda _: HOT, on_call=self.engine.on_call)
        self.service = service = AlarmService(
            self.journal,
            self.engine,
            self.store,
            directory,
            cursor=saved.cursor,
            committed=self.duty.committed,
            on_trouble=self.troubles.append,
            now=lambda: self.now,
        )
        await self.journal.put(Started(at=self.now, version="0", configuration=self.book.digest))
        task = asyncio.create_task(service.run(), name="alarm engine under test")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def settled(self) -> None:
        """What is in the journal is judged and on disk."""
        await self.duty.settle()
        await until(lambda: self.cursor >= self.journal.last)

    @property
    def cursor(self) -> int:
        """The newest entry that is judged, on disk, and told to the rota."""
        return 0 if self.service is None else self.service.cursor

    def told(self, *kinds: What) -> list[Transition]:
        with AlarmReader(self.folder / "alarms.db") as reader:
            rows = reader.history(limit=500)[::-1]
        return [row.transition for row in rows if row.transition.what in kinds]

    def on_steps(self) -> list[tuple[str, ...]]:
        return [self.engine.on_call(POLICY, step) for step in range(3)]

    async def order(self, verb: str, *, target: str = "cryo", **arguments: str) -> None:
        await self.journal.put(
            Command(
                id=f"order-{self.journal.last}",
                at=self.now,
                by="M",
                verb=verb,
                target=target,
                via="cli",
                arguments=arguments,
            )
        )
        await until(lambda: self.cursor >= self.journal.last)


@asynccontextmanager
async def site(folder: Path, rota: Rota = CRYO) -> AsyncIterator[Site]:
    async with (
        Journal(folder, group_ms=1) as journal,
        AlarmStore(folder / "alarms.db") as store,
    ):
        yield Site(journal, store, folder, rota)


async def test_the_engine_is_told_who_is_on_call_and_when_that_changes(tmp_path: Path) -> None:
    async with site(tmp_path) as lab, lab.running():
        await lab.duty.start()
        await lab.settled()
        assert lab.on_steps() == [("A",), ("A", "B"), ("M",)]
        before = lab.journal.last
        await lab.settled()
        assert lab.journal.last == before
        lab.now = utc("2026-06-10T20:00")
        await lab.settled()
        assert lab.on_steps() == [("C",), ("C", "B"), ("M",)]
        said = [(t.by, t.why) for t in lab.told(What.ROTA)]
    assert said == [
        ("rota", "step 0 of 'chain': A"),
        ("rota", "step 1 of 'chain': A, B"),
        ("rota", "step 0 of 'chain': C"),
        ("rota", "step 1 of 'chain': C, B"),
    ]
    assert lab.troubles == []


async def test_a_restart_tells_only_what_changed_meanwhile(tmp_path: Path) -> None:
    async with site(tmp_path) as lab:
        async with lab.running():
            await lab.duty.start()
            await lab.settled()
        async with lab.running():
            before = lab.journal.last
            await lab.duty.start()
            await lab.settled()
            assert lab.journal.last == before
        lab.now = utc("2026-06-10T21:00")
        async with lab.running():
            await lab.duty.start()
            await lab.settled()
            assert lab.on_steps()[0] == ("C",)


async def test_a_step_that_names_a_rota_no_more_is_given_back_to_its_people(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as lab:
        async with lab.running():
            await lab.journal.put(
                Command(
                    id="by-hand",
                    at=lab.now,
                    by="M",
                    verb="rota",
                    target="chain",
                    via="cli",
                    arguments={"step": "2", "to": "D"},
                )
            )
            await until(lambda: lab.cursor >= lab.journal.last)
            assert lab.on_steps()[2] == ("D",)
        async with lab.running():
            await lab.duty.start()
            await lab.settled()
            assert lab.on_steps()[2] == ("M",)


async def test_overrides_swaps_and_withdrawals_are_orders_that_are_kept(tmp_path: Path) -> None:
    start, end = utc("2026-06-10T04:00"), utc("2026-06-11T04:00")
    window = {"from": str(start), "until": str(end)}
    async with site(tmp_path) as lab, lab.running():
        await lab.duty.start()
        await lab.order("override", to="D", reason="A is ill", **window)
        await lab.settled()
        assert lab.on_steps()[0] == ("D",)
        await lab.order("swap", to="D,C", reason="D asked", **window)
        await lab.settled()
        assert lab.on_steps()[0] == ("C",)
        acts = [t for t in lab.told(What.ROTA) if t.by == "M"]
        await lab.order("withdraw", of=acts[0].command, reason="A is well")
        await lab.settled()
        assert lab.on_steps()[0] == ("A",)
        lab.now = end
        await lab.settled()
        assert lab.on_steps()[0] == ("A",)
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert reader.verify_history() is None
    assert [(act.by, act.why, act.detail["verb"]) for act in acts] == [
        ("M", "A is ill", "override"),
        ("M", "D asked", "swap"),
    ]


async def test_an_order_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as lab, lab.running():
        await lab.order("override", to="D", reason="", **{"from": "1", "until": "2"})
        await lab.order("override", to="", reason="x", **{"from": "1", "until": "2"})
        await lab.order("override", to="D", reason="x", **{"from": "2", "until": "2"})
        await lab.order("override", to="D", reason="x", **{"from": "soon", "until": "2"})
        await lab.order("swap", to="D", reason="x", **{"from": "1", "until": "2"})
        await lab.order("withdraw", reason="x")
        refused = [t.why for t in lab.told(What.REFUSED)]
    assert refused == [
        "a change of the rota needs a reason",
        "an override names who is on call",
        "it ends before it begins",
        "'soon' is no time in epoch milliseconds",
        "a swap is between two people",
        "name the act that is taken back",
    ]


async def test_a_gap_is_told_to_the_manager_in_daytime_once(tmp_path: Path) -> None:
    gappy = Rota(id="cryo", zone="Europe/Vienna", shift=CRYO.shift[:1], manager="M")
    async with site(tmp_path, gappy) as lab, lab.running():
        await lab.duty.start()
        # 06:30 in Vienna: nobody is to be woken for it.
        await lab.duty.look()
        await lab.settled()
        assert lab.told(What.SYSTEM) == []
        lab.now = utc("2026-06-10T07:00")
        await lab.duty.look()
        await lab.duty.look()
        await lab.settled()
        (told,) = lab.told(What.SYSTEM)
        assert (told.to, told.severity, told.by) == ("M", "medium", "rota")
        assert told.why.startswith(
            "rota cryo: nobody is on call from Wed 2026-06-10 22:00 to Thu 2026-06-11 06:00;"
        )
        with AlarmReader(tmp_path / "alarms.db") as reader:
            (page,) = reader.pages()
        assert (page.notice.value, page.person, page.channel) == ("system", "M", "sms")
        assert lab.troubles == [told.why]
    # A restart on the same day does not repeat it, the next day does.
    async with site(tmp_path, gappy) as lab:
        lab.now = utc("2026-06-10T09:00")
        async with lab.running():
            await lab.duty.start()
            await lab.duty.look()
            assert lab.troubles == []
            lab.now = utc("2026-06-11T09:00")
            await lab.duty.look()
            await lab.settled()
            assert len(lab.told(What.SYSTEM)) == 2


async def test_a_gap_leaves_a_step_to_the_fallback(tmp_path: Path) -> None:
    gappy = Rota(id="cryo", zone="Europe/Vienna", shift=CRYO.shift[:1])
    async with site(tmp_path, gappy) as lab, lab.running():
        lab.now = utc("2026-06-10T21:00")
        await lab.duty.start()
        await lab.settled()
        assert lab.on_steps() == [(), ("B",), ("M",)]


async def test_it_follows_the_shifts_by_itself(tmp_path: Path) -> None:
    async with site(tmp_path) as lab, lab.running():
        lab.now = utc("2026-06-10T19:59")
        await lab.duty.start()
        following = asyncio.create_task(lab.duty.run(), name="rota under test")
        await until(lambda: lab.on_steps()[0] == ("A",))
        window = {"from": str(lab.now - 1), "until": str(lab.now + 1_000)}
        await lab.order("override", to="D", reason="A is ill", **window)
        await until(lambda: lab.on_steps()[0] == ("D",))
        following.cancel()
        await asyncio.wait([following])


async def test_a_calendar_that_was_not_read_yet_takes_nobody_off_call(tmp_path: Path) -> None:
    calendar = Calendar(name="lab calendar", url="https://calendar.lab.example/rota.ics")
    rota = Rota(id="cryo", zone="Europe/Vienna", feed=(calendar,))
    answer = asyncio.Event()

    async def fetch(url: str, etag: str) -> Fetched:
        assert (url, etag) == (calendar.url, "")
        await answer.wait()
        return Fetched(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n")

    async with site(tmp_path, rota) as lab:
        one = Feed(
            rota, calendar, PEOPLE, folder=tmp_path, base=tmp_path, fetch=fetch, now=lambda: lab.now
        )
        lab.feeds = [one]
        async with lab.running():
            for step in ("0", "1"):
                await lab.order("rota", target="chain", step=step, to="A")
            await lab.duty.start()
            await lab.settled()
            assert lab.on_steps() == [("A",), ("A",), ("M",)]
            looking = asyncio.create_task(one.refresh(), name="a look at the calendar")
            answer.set()
            await looking
            await lab.settled()
            assert lab.on_steps() == [(), ("B",), ("M",)]


async def test_gaps_and_strangers_are_counted_by_day_and_may_be_mended_at_night(
    tmp_path: Path,
) -> None:
    gap = Rota(
        id="cryo",
        zone="Europe/Vienna",
        shift=(weekly("A", "06:00", "22:00"), weekly("Z", "22:00", "05:00")),
        horizon=parse("2d"),
    )
    async with site(tmp_path, gap) as lab, lab.running():
        seen: list[int | None] = []

        async def at(when: str) -> None:
            lab.now = utc(when)
            await lab.duty.look()
            seen.append(lab.duty.faults)

        await at("2026-06-10T02:00")
        # Nobody from 05:00 to 06:00 tomorrow, and Z is nobody of the site.
        await at("2026-06-10T08:00")
        lab.now = utc("2026-06-10T22:30")
        await lab.settled()
        window = {"from": str(utc("2026-06-10T20:00")), "until": str(utc("2026-06-14T00:00"))}
        await lab.order("override", to="C", reason="mended", **window)
        await at("2026-06-10T22:31")
        # A new fault at night waits for the day.
        await lab.order("override", to="Y", reason="odd", **window)
        await at("2026-06-10T22:32")
        await at("2026-06-11T08:00")
    assert seen == [None, 2, 0, 0, 1]


async def test_a_site_without_rotas_has_no_fault_in_them(tmp_path: Path) -> None:
    async with site(tmp_path) as lab:
        duty = Duty(
            [],
            [POLICY],
            [],
            Feeds([], on_trouble=lab.troubles.append),
            lab.store,
            put=lab.journal.put,
            on_call=lab.engine.on_call,
            on_trouble=lab.troubles.append,
            now=lambda: lab.now,
        )
        await duty.look()
        assert duty.faults == 0
