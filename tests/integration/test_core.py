"""The core as its users start it: a process on a folder, against simulated devices on sockets."""

import asyncio
import math
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
from paho.mqtt import publish

from alerts.transition import What
from batches.verify import verify
from console import run_status
from culturewatch import itself, own_state, paths
from culturewatch.site import Site
from devices.quality import Quality
from simulators.faults import Faults
from simulators.rooms import Rooms
from simulators.scenario import Door, Wire
from storage.archive.log import LogReader
from storage.archive.seal import present
from storage.entry import Command, Started, Stopped
from storage.floor import Floor
from storage.inbox import Inbox
from storage.reader import JournalReader
from tests.integration.laboratory import (
    DEVICES,
    PATIENCE_S,
    Program,
    core,
    heard,
    history,
    inbox,
    lay_out,
    logged,
    rooms,
    scans,
    until,
)
from tests.unit.storage.archive.week import MINUTE, entries, store

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
GONE = bytes((Quality.NO_ANSWER,))
FAULTY = bytes((Quality.SENSOR_FAULT,))
HEAVY = ("typst", "pandas", "pyarrow", "matplotlib", "fastapi", "nicegui", "numpy", "starlette")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path / "site")


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[tuple[Rooms, Program]]:
    """The rooms and a core that has heard all of them."""
    async with rooms(site) as opened:
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            yield opened, running


def last(site: Site) -> int:
    return logged(site)[-1][0]


def alarmed(site: Site, rule: str, what: What) -> list[int]:
    """The journal entries that made ``rule`` do ``what``."""
    return [
        row.seq
        for row in history(site)
        if row.transition.rule == rule and row.transition.what is what
    ]


def rows(site: Site, until_seq: int) -> list[tuple[object, ...]]:
    """The bytes of the history that come of entries up to a number."""
    with closing(sqlite3.connect(f"{paths.alarms(site.data).as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(
            "SELECT * FROM history WHERE seq <= ? ORDER BY n", (until_seq,)
        ).fetchall()


async def test_every_device_reaches_the_journal_and_the_end_is_orderly(site: Site) -> None:
    async with watched(site) as (_, running):
        running.ask_to_end()
        assert await running.ended() == 0
    log = logged(site)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    assert isinstance(log[0][1], Started)
    assert isinstance(log[-1][1], Stopped)
    assert "Traceback" not in running.said
    assert "Warning" not in running.said


async def test_a_second_core_on_the_same_data_refuses_in_one_line(site: Site) -> None:
    async with watched(site) as (_, running):
        with core(site, "second") as second:
            assert await second.ended() == 1
        assert second.said == (
            f"culturewatch: {site.data}: process {running.pid} writes this journal already; "
            "stop it first, or name another folder\n"
        )
        before = last(site)
        await until(lambda: last(site) > before, why=lambda: running.said)


@pytest.mark.slow
async def test_killed_and_started_again_it_goes_on_where_it_was(site: Site) -> None:
    async with rooms(site) as opened:
        with core(site) as first:
            await until(lambda: heard(site) == DEVICES, why=lambda: first.said)
            opened.act(Door(device="inc1", open=True))
            await until(lambda: bool(inbox(site, "inc1-door-open")), why=lambda: first.said)
            first.kill()
        stored = logged(site)
        with core(site, "again") as again:
            await until(lambda: last(site) > stored[-1][0] + 20, why=lambda: again.said)
            assert alarmed(site, "inc1-door-open", What.CLEAR) == []
            opened.act(Door(device="inc1", open=False))
            await until(
                lambda: len(alarmed(site, "inc1-door-open", What.CLEAR)) == 1,
                why=lambda: again.said,
            )
            again.ask_to_end()
            assert await again.ended() == 0
    log = logged(site)
    assert log[: len(stored)] == stored
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    assert sum(isinstance(entry, Started) for _, entry in log) == 2
    assert len(alarmed(site, "inc1-door-open", What.SET)) == 1
    assert [page.kind for page in inbox(site, "inc1-door-open")].count("page") == 1
    assert "Traceback" not in first.said + again.said

    # The log alone tells the story: an empty store comes to the same history, byte for byte.
    end = len(log)
    before = rows(site, end)
    assert before
    for file in site.data.glob("alarms.db*"):
        file.unlink()
    with core(site, "replay") as replaying:
        await until(
            lambda: sum(row.seq <= end for row in history(site)) == len(before),
            why=lambda: replaying.said,
        )
        replaying.ask_to_end()
        assert await replaying.ended() == 0
    assert rows(site, end) == before


async def test_devices_and_a_broker_that_are_absent_at_the_start_are_heard_when_they_appear(
    site: Site,
) -> None:
    with core(site) as running:
        polled = DEVICES - {"ln2a", "room"}
        await until(
            lambda: all(scans(site, d) for d in polled) and "broker" in running.said,
            why=lambda: running.said,
        )
        assert heard(site) == set()
        for device in polled:
            assert all(not scan.qualities.strip(GONE) for scan in scans(site, device))
        async with rooms(site):
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            running.ask_to_end()
            assert await running.ended() == 0
    port = site.file.broker[0].port
    refused = [line for line in running.said.splitlines() if "broker" in line and "WARN" in line]
    assert len(refused) == 1
    assert str(port) in refused[0]
    assert "Traceback" not in running.said


async def test_an_answer_in_the_name_of_a_neighbour_is_no_answer(site: Site) -> None:
    async with watched(site) as (opened, running):
        # The simulator adds 1 to the unit: the CO2 probe, 240, speaks as the humidity probe, 241.
        opened.act(Wire(device="co2probe", faults=Faults(wrong_unit=True)))
        began = last(site)
        await until(
            lambda: len([s for s in scans(site, "co2probe", began) if s.values[0] is None]) >= 3,
            why=lambda: running.said,
        )
        status = run_status.read(site.data)
    absent = [scan for scan in scans(site, "co2probe") if scan.values[0] is None]
    assert all(not scan.qualities.strip(GONE) for scan in absent)
    # About 5 % CO2 and 93 % humidity: neither ever stands for the other.
    co2 = [s.values[0] for s in scans(site, "co2probe") if s.values[0] is not None]
    humidity = [s.values[0] for s in scans(site, "rhprobe") if s.values[0] is not None]
    assert max(co2) < 10
    assert min(humidity) > 50
    assert status is not None
    assert sum(endpoint.link.wrong_unit for endpoint in status.modbus) >= 2


async def test_no_number_is_a_sensor_fault_and_never_a_value(site: Site) -> None:
    async with watched(site) as (opened, running):
        for device in ("inc1", "co2probe", "ln2a"):
            opened.act(Wire(device=device, faults=Faults(not_a_number=True)))
        for device in ("inc1", "co2probe", "ln2a"):
            await until(
                partial(lambda one: FAULTY in scans(site, one)[-1].qualities, device),
                why=lambda: running.said,
            )
    for device in DEVICES:
        values = [value for scan in scans(site, device) for value in scan.values]
        assert not any(value is not None and not math.isfinite(value) for value in values)
    assert scans(site, "inc1")[-1].values[0] is None


async def test_a_message_of_ten_megabytes_is_kept_apart_and_the_next_is_read(site: Site) -> None:
    async with watched(site) as (_, running):
        device = next(d for d in site.devices if d.id == "ln2a")
        await asyncio.to_thread(
            publish.single,
            device.declared.topic,
            b'{"level_mm": ' + b"4" * 10_000_000 + b"}",
            qos=1,
            hostname="127.0.0.1",
            port=site.file.broker[0].port,
        )
        began = last(site)
        await until(lambda: _quarantined(site) == [10_000_014], why=lambda: running.said)
        await until(lambda: bool(scans(site, "ln2a", began)), why=lambda: running.said)
        # The system watches itself like a device, so a rule can page for it.
        await until(
            lambda: any(scan.values[QUARANTINED] == 1.0 for scan in scans(site, itself.DEVICE)),
            why=lambda: running.said,
        )
        running.ask_to_end()
        assert await running.ended() == 0
    told = [line for line in running.said.splitlines() if "10000014" in line.replace(",", "")]
    assert len(told) == 1
    assert len(told[0]) < 1_000
    assert "Traceback" not in running.said


QUARANTINED = own_state.LAYOUT.keys.index("quarantined")


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


def _quarantined(site: Site) -> list[int]:
    with JournalReader(site.data) as journal:
        return [one.length for one in journal.quarantined()]


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
        stuck = last(site)
        opened.act(Door(device="inc1", open=False))
        resource.prlimit(
            running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        await until(lambda: last(site) > stuck, why=lambda: running.said)
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
            before = last(site)
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
                lambda: last(site) > stored[-1][0] and heard(site) == DEVICES,
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
    return last(site) > before


def every_number_is_told(site: Site) -> bool:
    with Floor(site.data) as floor:
        return floor.newest == last(site)


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


def test_the_core_imports_nothing_that_only_screens_and_records_need() -> None:
    asked = (
        "import sys, uvloop; import culturewatch.cli, culturewatch.core, culturewatch.processes;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run(  # noqa: S603 # the text above
        [sys.executable, "-c", asked],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout.split()
    assert "collector" in found
    assert set(HEAVY) & set(found) == set()


def test_the_process_of_the_core_holds_no_command_line_no_migrations_and_no_ciphers() -> None:
    # As it begins, but for running.
    asked = (
        "import sys, culturewatch.begin, culturewatch.bound;"
        "culturewatch.begin.spare_command_lines(); import culturewatch.core_process;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run(  # noqa: S603 # the text above
        [sys.executable, "-c", asked],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout.split()
    assert "collector" in found
    spared = {"typer", "click", "rich", "pygments", "pydantic", "alembic", "mako", "cryptography"}
    assert {*HEAVY, *spared} & set(found) == set()


async def test_a_running_core_has_none_of_it_in_memory(site: Site) -> None:
    async with watched(site) as (_, running):
        maps = psutil.Process(running.pid).memory_maps()
    mapped = " ".join(one.path for one in maps)
    assert "sqlite" in mapped
    for library in ("pyarrow", "pandas", "matplotlib", "numpy"):
        assert library not in mapped


@pytest.mark.slow
async def test_days_that_are_over_are_sealed_while_the_core_runs(site: Site) -> None:
    await asyncio.to_thread(store, site.data, entries(2, step=6 * MINUTE))
    async with rooms(site):
        with core(site) as running:
            await until(lambda: len(present(site.data)) == 2, why=lambda: running.said)
            maps = psutil.Process(running.pid).memory_maps()
            running.ask_to_end()
            assert await running.ended() == 0
    assert "pyarrow" not in " ".join(one.path for one in maps)
    assert "Traceback" not in running.said
    with LogReader(site.data) as log:
        first = log.entries(0, 10)
    assert first == list(enumerate(entries(2, step=6 * MINUTE)[:10], 1))
    report = verify(site.data)
    assert report.faults == ()
