"""From the journal to rows on disk: a real journal, a real store, an engine one can see through."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.directory import Way
from alerts.emergency import Emergency
from alerts.page import Composer
from alerts.reader import AlarmReader
from alerts.service import COMMIT_S, MOST_UNKEPT, AlarmService
from alerts.store import AlarmStore, Caused
from storage.entry import ClockStep, Receipt, Tick
from storage.journal import Journal, JournalFullError
from storage.wall import wall_ms
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    Provider,
    directory,
)
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.plain_judge import (  # a test's own
    PlainJudge,
    ack,
    sample,
)

NOON = 1_767_614_400_000


class Running:
    """A service on a journal and a store."""

    def __init__(self, store: AlarmStore, journal: Journal, after_ms: int) -> None:
        self.store = store
        self.journal = journal
        self.after_ms = after_ms
        self.troubles: list[str] = []
        self.judge = PlainJudge()
        self.service: AlarmService | None = None

    @asynccontextmanager
    async def serving(
        self,
        unstored: Callable[[Sequence[Caused]], None] = lambda _: None,
        handed: Callable[[Caused], Way | None] = lambda _: None,
        stamp: Callable[[], int] | None = None,
        committed: Callable[[Sequence[Caused]], None] = lambda _: None,
        *,
        at_point: Callable[[str], None] = lambda _: None,
        look_s: float = COMMIT_S,
        rest_s: float = 0.0,
    ) -> AsyncIterator[AlarmService]:
        saved = await self.store.load()
        self.judge = PlainJudge(saved.parts, after_ms=self.after_ms)
        service = AlarmService(
            self.journal,
            self.judge,
            self.store,
            directory(),
            cursor=saved.cursor,
            committed=committed,
            unstored=unstored,
            handed=handed,
            on_trouble=self.troubles.append,
            stamp=stamp,
            at_point=at_point,
            look_s=look_s,
            rest_s=rest_s,
        )
        running = asyncio.create_task(service.run(), name="alarm service under test")
        try:
            yield service
        finally:
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.result()


@asynccontextmanager
async def opened(
    folder: Path, name: str = "alarms.db", after_ms: int = 10**9
) -> AsyncIterator[Running]:
    async with (
        Journal(folder, group_ms=1) as journal,
        AlarmStore(folder / name) as store,
    ):
        yield Running(store, journal, after_ms)


def reading(folder: Path, name: str = "alarms.db") -> AlarmReader:
    return AlarmReader(folder / name)


def words(folder: Path, name: str = "alarms.db") -> list[str]:
    with reading(folder, name) as reader:
        return [row.transition.what.value for row in reader.history()][::-1]


def everything(folder: Path, name: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(folder / name)
    rows = db.execute("SELECT n, seq, body, hash FROM history ORDER BY n").fetchall()
    db.close()
    return rows


async def story(journal: Journal) -> None:
    """Three alarms, one acknowledged and cleared, one acknowledgement too many."""
    for step in range(60):
        await journal.put(sample(38.5 if step % 20 >= 10 else 37.0, NOON + step * 1_000))
        if step % 20 == 15:
            await journal.put(ack(f"c-{step}", NOON + step * 1_000))
    await journal.put(ack("c-last", NOON + 70_000))


async def test_an_alarm_and_its_page_are_on_disk_together(tmp_path: Path) -> None:
    async with opened(tmp_path) as running, running.serving() as service:
        await running.journal.put(sample(37.0, wall_ms()))
        await running.journal.put(sample(38.5, wall_ms()))
        await until(lambda: service.cursor == 2)
        with reading(tmp_path) as reader:
            assert [row.transition.what.value for row in reader.history()] == ["queued", "set"]
            (page,) = reader.pages()
            assert (page.person, page.channel, page.state.value) == ("B", "mail", "queued")
            (alarm,) = reader.open_alarms()
            assert (alarm.rule, alarm.state, alarm.occurrence) == ("inc1-temp-high", "U", 1)
            assert reader.counts().waiting == 1


async def test_every_command_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as running, running.serving() as service:
        await running.journal.put(sample(38.5, wall_ms()))
        await running.journal.put(ack("c-1", wall_ms()))
        await running.journal.put(ack("c-2", wall_ms()))
        await until(lambda: service.cursor == 3)
    with reading(tmp_path) as reader:
        first, second = reader.answer("c-1"), reader.answer("c-2")
        assert reader.pages()[0].acked_by == ("A",)
        assert reader.used("c-1")
        assert not reader.used("c-2")
    assert first is not None
    assert (first.accepted, first.why) == (True, "acknowledged by A")
    assert second is not None
    assert (second.accepted, second.why) == (False, "nothing to acknowledge")


async def test_a_timer_that_is_due_is_put_into_the_log_and_judged_there(tmp_path: Path) -> None:
    async with opened(tmp_path, after_ms=50) as running, running.serving():
        await running.journal.put(sample(38.5, wall_ms()))
        await until(lambda: words(tmp_path) == ["set", "queued", "queued"])
        assert running.judge.ticks == 1
        with reading(tmp_path) as reader:
            newest = reader.history()[0]
        assert newest.transition.to == "C"
        assert newest.seq == 2


async def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with opened(tmp_path) as running:
        async with running.serving() as service:
            await running.journal.put(sample(38.5, wall_ms()))
            await until(lambda: service.cursor == 1)
        await running.journal.put(ack("c-1", wall_ms()))
        async with running.serving() as service:
            await until(lambda: service.cursor == 2)
    assert words(tmp_path) == ["set", "queued", "ack"]


@pytest.mark.long
async def test_replaying_the_journal_into_an_empty_store_gives_the_same_history_byte_for_byte(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, after_ms=60) as running, running.serving() as service:
        await story(running.journal)
        await running.journal.put(sample(38.5, wall_ms()))
        await until(lambda: service.cursor >= running.journal.last)
        await until(lambda: running.judge.next_due() is None)
        await until(lambda: service.cursor >= running.journal.last)
    first = everything(tmp_path, "alarms.db")
    async with opened(tmp_path, "again.db", after_ms=60) as running, running.serving() as service:
        last = running.journal.last
        await until(lambda: service.cursor == last)
    assert everything(tmp_path, "again.db") == first
    assert len(first) > 10


@pytest.mark.long
async def test_a_replay_queues_only_what_still_stands(tmp_path: Path) -> None:
    async with opened(tmp_path) as running:
        await story(running.journal)
        async with running.serving() as service:
            await service.caught_up.wait()
            await until(lambda: service.cursor == running.journal.last)
    with reading(tmp_path) as reader:
        assert {page.state.value for page in reader.pages()} == {"cancelled"}
        assert {page.over for page in reader.pages()} == {
            "acknowledged by A",
            "was never paged",
        }


async def test_a_quiet_cursor_is_kept_in_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as running, running.serving() as service:
        await running.journal.put(sample(37.0, wall_ms()))
        await until(lambda: service.cursor == 1)
        assert (await running.store.load()).cursor == 1


async def test_while_nothing_happens_the_cursor_is_kept_after_a_hundred_entries(
    tmp_path: Path,
) -> None:
    kept: list[str] = []
    async with (
        opened(tmp_path) as running,
        running.serving(at_point=kept.append, look_s=0.01, rest_s=3_600.0) as service,
    ):
        await running.journal.put(sample(37.0, wall_ms()))
        await until(lambda: service.cursor == 1)
        for _ in range(MOST_UNKEPT - 1):
            await running.journal.put(sample(37.0, wall_ms()))
        quiet = len(kept), service.cursor
        await running.journal.put(sample(37.0, wall_ms()))
        await until(lambda: service.cursor == 1 + MOST_UNKEPT)
    assert quiet == (1, 1)


async def test_a_page_is_kept_at_once_however_lately_the_cursor_was(tmp_path: Path) -> None:
    async with (
        opened(tmp_path) as running,
        running.serving(look_s=0.01, rest_s=3_600.0) as service,
    ):
        await running.journal.put(sample(37.0, wall_ms()))
        await until(lambda: service.cursor == 1)
        await running.journal.put(sample(38.5, wall_ms()))
        await until(lambda: service.cursor == 2)
    with reading(tmp_path) as reader:
        assert [page.notice.value for page in reader.pages()] == ["page"]


def shrink(db: sqlite3.Connection) -> None:
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")


def widen(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 1000000")


async def test_a_full_disk_stops_neither_judging_nor_paging_and_forgets_nothing(
    tmp_path: Path,
) -> None:
    # Scenario 74.
    mail, troubles = Provider(), list[str]()
    emergency = Emergency({"mail": mail}, Composer(directory(), CHANNELS), directory())
    async with opened(tmp_path) as running:
        async with running.serving(emergency.take, emergency.handed) as service:
            sending = asyncio.create_task(emergency.run(), name="emergency under test")
            await service.caught_up.wait()
            await running.store.write(shrink)
            for _ in range(30):
                await running.journal.put(sample(38.5, wall_ms()))
                await running.journal.put(ack("c", wall_ms()))
                await running.journal.put(sample(37.0, wall_ms()))
            await until(lambda: len(mail.took) >= 1)
            assert running.troubles[0].count("alarms.db") == 1
            assert "pages are sent from memory" in running.troubles[0]
            assert mail.took[0].may_repeat
            await running.store.write(widen)
            await until(lambda: service.cursor == running.journal.last)
            sending.cancel()
            await asyncio.wait([sending])
        troubles = running.troubles
    assert len(troubles) == 2
    assert "nothing was lost" in troubles[1]
    with reading(tmp_path) as reader:
        assert reader.verify_history() is None
        pages = [page for page in reader.pages(limit=1_000) if page.notice.value == "page"]
        assert len(pages) == 30
        sent = [page for page in pages if page.handed is not None]
        assert len(sent) == len(mail.took)


async def test_a_rule_that_is_no_more_leaves_no_open_alarm_on_the_screen(tmp_path: Path) -> None:
    async with opened(tmp_path) as running:
        await running.store.write(
            lambda db: db.execute("INSERT INTO alarm VALUES ('gone', 1, 'U', '{}', 0)").rowcount
        )
        async with running.serving() as service:
            await service.caught_up.wait()
            with reading(tmp_path) as reader:
                assert [alarm.rule for alarm in reader.alarms()] == ["inc1-temp-high"]


@pytest.mark.parametrize("lateness_ms", [0, 40])
async def test_how_long_a_page_took_to_the_disk_is_measured(
    tmp_path: Path, lateness_ms: int
) -> None:
    async with opened(tmp_path) as running, running.serving() as service:
        await running.journal.put(sample(38.5, wall_ms() - lateness_ms))
        await until(lambda: len(service.lags_ms) == 1)
        assert service.lags_ms[0] >= lateness_ms


async def test_a_step_of_the_clock_stands_in_the_journal_before_what_is_due_after_it(
    tmp_path: Path,
) -> None:
    # A tick an hour ahead, without the step that explains it, would drive all timers ahead.
    async with opened(tmp_path, after_ms=1_800_000) as running:
        steps: list[ClockStep] = []

        def stamp() -> int:
            wall = wall_ms() + 3_600_000
            if not steps:
                steps.append(ClockStep(at=wall, step=3_600_000))
                running.journal.append(steps[0])
            return wall

        async with running.serving(stamp=stamp):
            await running.journal.put(sample(38.5, wall_ms()))
            await until(lambda: running.judge.ticks > 0)
            batch = await anext(running.journal.follow(0))
    kinds = [type(entry) for _, entry in batch]
    assert kinds.index(ClockStep) < kinds.index(Tick)


async def test_a_step_that_cannot_be_logged_is_tried_again_and_stops_nothing(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, after_ms=1) as running:
        failing = [JournalFullError("no room")]

        def stamp() -> int:
            if failing:
                raise failing.pop()
            return wall_ms()

        async with running.serving(stamp=stamp):
            await running.journal.put(sample(38.5, wall_ms()))
            await until(lambda: running.judge.ticks > 0)
    assert "no room" in running.troubles[0]


async def test_what_is_in_the_journal_is_judged_and_kept_without_waiting_for_more(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as running:
        await running.journal.put(sample(38.5, NOON))
        service = AlarmService(running.journal, PlainJudge(), running.store, directory(), cursor=0)
        await service.catch_up()
        assert (await running.store.load()).cursor == running.journal.last
        await service.catch_up()
    assert words(tmp_path) == ["set", "queued"]


async def test_only_what_may_concern_who_sends_is_told_after_a_commit(tmp_path: Path) -> None:
    told: list[int] = []
    async with (
        opened(tmp_path) as running,
        running.serving(committed=lambda caused: told.append(len(caused))) as service,
    ):
        await running.journal.put(sample(37.0, NOON))
        await until(lambda: service.cursor == 1)
        assert told == []
        receipt = Receipt(
            id="r", at=NOON, provider="sms", message="page-1-1", provider_id="p", delivered=False
        )
        await running.journal.put(receipt)
        await until(lambda: told == [0])
        await running.journal.put(sample(38.5, NOON + 1_000))
        await until(lambda: len(told) > 1)
        assert all(told[1:])
