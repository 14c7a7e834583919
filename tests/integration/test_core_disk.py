"""The core on a disk that is full, damaged or none at all: nothing is lost, and people are told."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from alerts.transition import What
from culturewatch import paths
from culturewatch.site import Site
from simulators.scenario import Door
from storage.entry import Command, Started, Stopped
from storage.floor import Floor
from storage.inbox import Inbox
from tests.integration.laboratory import (
    DEVICES,
    alarmed,
    core,
    heard,
    inbox,
    logged,
    newest,
    rooms,
    scans,
    until,
    watched,
)

OLD_STORE = Path(__file__).parents[1] / "unit" / "alerts" / "written_by_older" / "schema-2.db"
SMALL = 1_000_000
ACTS_STUCK = """
[[rule]]
id = "acts-stuck"
channel = "culturewatch.acts_wait"
kind = "high"
limit = 1
severity = "high"
policy = "standard"
re_alarm = "1h"
cause = "The disk has no room."
consequence = "Nothing that anybody does has an effect."
action = "Make room."
respond_within = "30m"
"""


def _let_an_older_one_have_written(path: Path) -> None:
    """A store of version 2 in which there is more to chain than ``SMALL`` bytes take."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(OLD_STORE, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        kept = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        for table in ("state", "alarm", "history", "outbox", "delivery_log", "answer"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 # of the schema
        db.execute("UPDATE progress SET cursor = 0")
        db.executemany("INSERT INTO trouble (at, line) VALUES (?, 'x')", [(1,)] * 20_000)
        for _, sql in kept:
            db.execute(sql)
        db.execute("COMMIT")


def _version(path: Path) -> int:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT version FROM schema_version").fetchone()[0])


@contextmanager
def small_disk() -> Iterator[None]:
    """What is started within cannot write a file beyond ``SMALL`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
async def test_without_room_for_the_alarm_store_readings_are_kept_and_judged_later(
    site: Site,
) -> None:
    alarms = paths.alarms(site.data)
    _let_an_older_one_have_written(alarms)
    async with rooms(site) as opened:
        with ExitStack() as ended:
            with small_disk():
                running = ended.enter_context(core(site))
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            assert "NO ALARM IS JUDGED" in running.said
            assert "make room on the disk" in running.said
            assert _version(alarms) == 2
            opened.act(Door(device="inc1", open=True))
            await until(
                lambda: any(scan.values[3] == 1.0 for scan in scans(site, "inc1")),
                why=lambda: running.said,
            )
            resource.prlimit(
                running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            await until(lambda: bool(inbox(site, "inc1-door-open")), why=lambda: running.said)
            running.ask_to_end()
            assert await running.ended() == 0
    assert _version(alarms) == 3
    log = logged(site)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    notes = [type(entry) for _, entry in log if isinstance(entry, Started | Stopped)]
    assert notes == [Started, Stopped, Started, Stopped]
    assert "Traceback" not in running.said


@pytest.mark.slow
async def test_a_core_that_waits_for_room_ends_when_it_is_asked_to(site: Site) -> None:
    _let_an_older_one_have_written(paths.alarms(site.data))
    async with rooms(site):
        with ExitStack() as ended:
            with small_disk():
                running = ended.enter_context(core(site))
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            running.ask_to_end()
            assert await running.ended() == 0
    assert isinstance(logged(site)[-1][1], Stopped)


@pytest.mark.slow
async def test_a_full_disk_is_told_to_people_and_nothing_is_lost(site: Site) -> None:
    async with watched(site) as (opened, running):
        # Writes beyond this size fail, as on a disk without room; small files still have some.
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
        opened.act(Door(device="inc1", open=True))
        await until(lambda: bool(inbox(site, "")), why=lambda: running.said)
        page = inbox(site, "")[0]
        assert page.subject == "CRITICAL readings cannot be kept: no alarm is judged"
        assert page.person == "oncall"
        assert "make room" in page.text
        stuck = newest(site)
        opened.act(Door(device="inc1", open=False))
        resource.prlimit(
            running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        await until(lambda: newest(site) > stuck, why=lambda: running.said)
        # The door was open while nothing could be written: it is judged now, from what waited.
        await until(
            lambda: bool(inbox(site, "inc1-door-open")),
            why=lambda: running.said,
        )
        await until(
            lambda: inbox(site, "")[-1].subject.startswith("All clear: readings"),
            why=lambda: running.said,
        )
        running.ask_to_end()
        assert await running.ended() == 0
    assert any(scan.values[3] == 1.0 for scan in scans(site, "inc1"))
    log = logged(site)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    lines = [line for line in running.said.splitlines() if "journal.db" in line]
    assert len(lines) == 2
    assert "cannot be written" in lines[0]
    assert "make room" in lines[0]
    assert "nothing was lost" in lines[1]
    assert "Traceback" not in running.said


@pytest.mark.slow
async def test_without_an_inbox_readings_are_judged_and_an_alarm_says_that_nothing_can_be_done(
    site: Site,
) -> None:
    (site.base / "rules.d" / "acts.toml").write_text(ACTS_STUCK)
    # As on a disk that has no room for it at the start.
    in_the_way = site.data / "inbox.db"
    in_the_way.mkdir(parents=True)
    async with watched(site) as (opened, running):
        opened.act(Door(device="inc1", open=True))
        await until(lambda: bool(inbox(site, "inc1-door-open")), why=lambda: running.said)
        await until(lambda: bool(inbox(site, "acts-stuck")), why=lambda: running.said)
        assert "Nothing that anybody does has an effect." in inbox(site, "acts-stuck")[0].text
        in_the_way.rmdir()
        done = Command(id="a1", at=0, by="oncall", verb="ack", target="inc1-door-open", via="cli")
        with Inbox(site.data) as people:
            people.submit(done)
        await until(
            lambda: bool(alarmed(site, "inc1-door-open", What.ACK)), why=lambda: running.said
        )
        running.ask_to_end()
        assert await running.ended() == 0
    assert running.said.count("what people do has no effect for now: ") == 1
    assert "Traceback" not in running.said


@pytest.mark.slow
async def test_pages_go_out_though_the_alarm_store_takes_nothing(site: Site) -> None:
    async with watched(site) as (opened, running):
        with closing(sqlite3.connect(paths.alarms(site.data), isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            opened.act(Door(device="inc2", open=True))
            await until(lambda: bool(inbox(site, "inc2-door-open")), why=lambda: running.said)
            holder.execute("ROLLBACK")
        await until(
            lambda: bool(alarmed(site, "inc2-door-open", What.SET)), why=lambda: running.said
        )
        running.ask_to_end()
        assert await running.ended() == 0
    pages = inbox(site, "inc2-door-open")
    assert [page.kind for page in pages] == ["page"]
    assert pages[0].may_repeat
    lines = [line for line in running.said.splitlines() if "alarms.db" in line]
    assert len(lines) == 2
    assert "pages are sent from memory" in lines[0]
    assert "nothing was lost" in lines[1]


async def test_a_journal_with_a_damaged_tail_is_told_and_gone_on_with(site: Site) -> None:
    async with watched(site) as (_, running):
        running.kill()
        while not every_number_is_told(site):
            # It fell between a commit and the word that it is there: nobody was told of that one.
            before = newest(site)
            with core(site, "between") as between:
                # One that is killed before it has written anything mends nothing, for ever.
                await until(partial(has_more, site, before), why=lambda: between.said)
                between.kill()
        stored = logged(site)
        wal = site.data / "journal.db-wal"
        os.truncate(wal, wal.stat().st_size - 1_000)
        kept = logged(site)
        with core(site, "again") as again:
            await until(
                lambda: newest(site) > stored[-1][0] and heard(site) == DEVICES,
                why=lambda: again.said,
            )
            again.ask_to_end()
            assert await again.ended() == 0
    log = logged(site)
    assert log[: len(kept)] == kept
    # Numbers that were given out are not given out again.
    assert min(seq for seq, _ in log[len(kept) :]) > stored[-1][0]
    lost = [line for line in again.said.splitlines() if "journal.db" in line]
    assert len(lost) == 1
    assert f"Entries {kept[-1][0] + 1} to {stored[-1][0]} are gone" in lost[0]
    assert "Traceback" not in again.said


def has_more(site: Site, before: int) -> bool:
    return newest(site) > before


def every_number_is_told(site: Site) -> bool:
    with Floor(site.data) as floor:
        return floor.newest == newest(site)


async def test_data_that_is_no_folder_is_told_in_one_line(site: Site) -> None:
    site.data.write_text("not a folder")
    with core(site) as running:
        assert await running.ended() == 1
    assert running.said == (
        f"culturewatch: {site.data}: cannot be written: File exists; give this user a folder on "
        "a disk that is mounted for writing\n"
    )


async def test_a_key_that_cannot_be_used_is_told_in_one_line(site: Site) -> None:
    key = paths.token_key(site.data)
    key.parent.mkdir(parents=True)
    key.write_bytes(b"short")
    with core(site) as running:
        assert await running.ended() == 2
    assert running.said.count("\n") == 1
    assert str(key) in running.said
