"""What is too late is seen from outside, whatever the sender and the store are doing."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.auditor import GRACE_S, STALE_S, Auditor, Found, Glance, audit
from alerts.engine.view import AlarmView
from alerts.outbox import Bounds
from alerts.pace import Pace
from alerts.rehearse.player import play
from alerts.rehearse.reading import read
from alerts.schema import StoreError
from alerts.store import show_all
from tests.unit.alerts.desk import NOON, Desk, Provider, page  # a test's own
from tests.unit.alerts.mail_server import until  # a test's own


class Clock:
    """Both clocks of an auditor, moved by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def wall(self) -> int:
        return NOON + round(self.ahead_s * 1000)

    def steady_s(self) -> float:
        return self.ahead_s


@asynccontextmanager
async def auditing(
    look: Callable[[int], object], clock: Clock
) -> AsyncIterator[tuple[Auditor, list[str]]]:
    said: list[str] = []

    async def looked(now: int) -> Found:
        found = look(now)
        return await found if asyncio.iscoroutine(found) else found  # type: ignore[return-value] # of the caller

    auditor = Auditor(
        looked, now=clock.wall, clock_s=clock.steady_s, audit_s=0.01, on_trouble=said.append
    )
    running = asyncio.create_task(auditor.run(), name="auditor under test")
    try:
        yield auditor, said
    finally:
        running.cancel()
        await asyncio.wait([running])


def view(rule: str, step_due: int | None, state: str = "U") -> AlarmView:
    return AlarmView(
        rule=rule,
        channel="inc1.temperature",
        state=state,
        filter="F2",
        quality="GOOD",
        overlay="none",
        escalation="RUN",
        step=0,
        step_due=step_due,
        severity="critical",
        worst="critical",
        occurrence=1,
        activation=1,
        since=NOON,
        acked_by=(),
        paged=("A",),
        under="",
        consequences=(),
        value=38.5,
        value_at=NOON,
    )


async def test_96_a_sender_that_is_stuck_is_called_out_from_outside_and_so_is_the_end(
    desk: Desk,
) -> None:
    # The sender holds its claim; the auditor reads the file by itself.
    mail = Provider(rest="wait")
    clock = Clock()
    now = desk.now()
    async with (
        Glance(desk.path) as glance,
        desk.sending({"mail": mail}, pace=Pace(lease_ms=10_000_000), bounds=Bounds(idle_s=0.05)),
    ):
        await desk.say(page("B", at=now))
        await until(lambda: len(mail.asked) == 1)
        async with auditing(lambda _: glance.look(now + clock.wall() - NOON), clock) as (
            auditor,
            said,
        ):
            await until(lambda: auditor.unsound == "")
            clock.ahead_s = 62
            await until(lambda: len(said) == 1)
            assert "1 pages have not been handed over for more than 60 s" in said[0]
            assert "to B about inc1-temp-high" in said[0]
            assert auditor.unsound == said[0]
            mail.let_go.set()
            await until(lambda: len(said) == 2)
            assert said[1] == "no page is waiting any more"
            assert auditor.unsound == ""


async def test_it_sees_a_page_while_the_stores_own_writer_hangs(desk: Desk) -> None:
    await desk.say(page("B", at=NOON))
    blocked, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang(_: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(blocked.set)
        go_on.wait(10)

    writing = asyncio.create_task(desk.store.write(hang), name="hangs")
    await blocked.wait()
    try:
        async with Glance(desk.path) as glance:
            found = await glance.look(desk.now() + 61_000)
    finally:
        go_on.set()
        await writing
    assert found.waiting == 1


async def test_an_escalation_that_does_not_go_on_is_called_out(desk: Desk) -> None:
    views = [view("late", NOON), view("in-time", NOON + 1), view("none", None)]
    views.append(view("over", NOON - 1, state="N"))
    await desk.store.write(lambda db: show_all(db, views))
    async with Glance(desk.path) as glance:
        assert (await glance.look(NOON + 59_999)).late == 0
        found = await glance.look(NOON + 60_000)
    assert found.late == 1
    assert found.overdue == (
        "1 escalations are late by more than 60 s; the next step of late was due 60 s ago; "
        "call whoever is next, and look at the core"
    )


async def test_what_a_start_finds_is_told_only_if_it_is_still_there_a_minute_later() -> None:
    clock = Clock()
    state = Found(1, "one page waits", 1, "one escalation is late")
    looks = 0

    def look(_: int) -> Found:
        nonlocal looks
        looks += 1
        return state

    async with auditing(look, clock) as (auditor, said):
        await until(lambda: looks > 2)
        # Whoever asks is told at once; people are not yet.
        assert auditor.unsound == "one page waits"
        assert said == []
        clock.ahead_s = GRACE_S
        await until(lambda: len(said) == 2)
        assert said == ["one page waits", "one escalation is late"]
        state = Found()
        await until(lambda: len(said) == 4)
        assert said[2:] == ["no page is waiting any more", "no escalation is late any more"]


async def test_an_auditor_that_cannot_look_says_so_once_and_is_not_believed() -> None:
    clock = Clock()
    failing = False
    looks = 0

    def look(_: int) -> Found:
        nonlocal looks
        looks += 1
        if failing:
            raise StoreError("alarms.db: cannot be read")
        return Found()

    async with auditing(look, clock) as (auditor, said):
        await until(lambda: looks > 0)
        failing = True
        await until(lambda: len(said) == 1)
        assert auditor.unsound == ""
        clock.ahead_s += STALE_S + 1
        assert auditor.unsound == "alarms.db: cannot be read"
        seen = looks
        await until(lambda: looks > seen + 2)
        assert said == ["nobody sees whether pages leave: alarms.db: cannot be read"]
        failing = False
        await until(lambda: auditor.unsound == "")


def test_one_that_never_looked_is_not_believed() -> None:
    async def never(_: int) -> Found:
        return Found()

    clock = Clock()
    auditor = Auditor(never, now=clock.wall, clock_s=clock.steady_s)
    assert auditor.unsound == "the auditor has not looked for long"


async def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Glance(tmp_path / "absent.db") as glance:
        with pytest.raises(StoreError, match="is the core running"):
            await glance.look(NOON)


async def test_a_store_that_holds_nothing_is_sound(desk: Desk) -> None:
    assert await desk.store.write(lambda db: audit(db, NOON)) == Found()


def test_the_engine_shows_when_the_next_step_is_due() -> None:
    story = read(Path(__file__).parents[2] / "stories" / "02-on-delay.toml")
    # Set at 0:05:00; the second step comes five minutes later.
    assert play(story).final["inc1-temp-high"].step_due == story.start_ms + 600_000
