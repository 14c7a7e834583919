"""The core as its users start it: a process on a folder, against simulated devices on sockets."""

import asyncio
import math
import sqlite3
from contextlib import closing
from functools import partial

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
from simulators.scenario import Door, Wire
from storage.archive.log import LogReader
from storage.archive.seal import present
from storage.entry import Started, Stopped
from storage.reader import JournalReader
from tests.integration.laboratory import (
    DEVICES,
    alarmed,
    core,
    heard,
    history,
    inbox,
    logged,
    newest,
    rooms,
    scans,
    until,
    watched,
)
from tests.unit.storage.archive.week import MINUTE, entries, store

GONE = bytes((Quality.NO_ANSWER,))
FAULTY = bytes((Quality.SENSOR_FAULT,))


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
        before = newest(site)
        await until(lambda: newest(site) > before, why=lambda: running.said)


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
            await until(lambda: newest(site) > stored[-1][0] + 20, why=lambda: again.said)
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


def wrong_units(site: Site) -> int:
    """Answers in the name of another unit, as the core's status has them."""
    status = run_status.read(site.data)
    return 0 if status is None else sum(e.link.wrong_unit for e in status.modbus)


async def test_an_answer_in_the_name_of_a_neighbour_is_no_answer(site: Site) -> None:
    async with watched(site) as (opened, running):
        # The simulator adds 1 to the unit: the CO2 probe, 240, speaks as the humidity probe, 241.
        opened.act(Wire(device="co2probe", faults=Faults(wrong_unit=True)))
        began = newest(site)
        await until(
            lambda: len([s for s in scans(site, "co2probe", began) if s.values[0] is None]) >= 3,
            why=lambda: running.said,
        )
        # The status is written every two seconds: it may be older than what was read last.
        await until(lambda: wrong_units(site) >= 2, why=lambda: running.said)
    absent = [scan for scan in scans(site, "co2probe") if scan.values[0] is None]
    assert all(not scan.qualities.strip(GONE) for scan in absent)
    # About 5 % CO2 and 93 % humidity: neither ever stands for the other.
    co2 = [s.values[0] for s in scans(site, "co2probe") if s.values[0] is not None]
    humidity = [s.values[0] for s in scans(site, "rhprobe") if s.values[0] is not None]
    assert max(co2) < 10
    assert min(humidity) > 50


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
        began = newest(site)
        await until(lambda: quarantined(site) == [10_000_014], why=lambda: running.said)
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


def quarantined(site: Site) -> list[int]:
    with JournalReader(site.data) as journal:
        return [one.length for one in journal.quarantined()]


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
