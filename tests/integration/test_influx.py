"""Forwarding into the real InfluxDB 2.7, read back value by value through the vendor's client."""

import asyncio
import logging
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from influxdb_client.client.write_api import SYNCHRONOUS

from devices.quality import VALUELESS, Quality
from devices.scan import Layout, Scan, Source
from storage.endpoint import WriteEndpoint, packed
from storage.entry import Entry, Started
from storage.influx import CURSOR, Forwarder, InfluxSettings, Pace
from storage.journal import Journal
from storage.points import PointWriter
from storage.reader import JournalReader
from storage.verdict import Fate
from tests.integration.influx_oracle import expected, held
from tests.services import Influx, InfluxServer

pytestmark = [pytest.mark.influx, pytest.mark.timeout(120)]

OUTAGE_S = float(os.environ.get("CULTUREWATCH_OUTAGE_S", "10"))
SCANS_A_SECOND = 100
SITE = "lab"
NOON = 1_700_000_000_000
PATIENCE_S = 60.0
CHILD = Path(__file__).parent / "influx_child.py"
INCUBATOR = Layout(
    "inc1",
    ("temperature", "co2", "rh", "door"),
    ("temperature", "carbon_dioxide", "relative_humidity", "state"),
)
FREEZER = Layout("ln2 tank, north", ("level", "top"), ("level", "temperature"))
QUALITIES = (*[Quality.GOOD] * 12, *Quality)


def some_scan(at: int, chance: random.Random) -> Scan:
    """A scan as a busy laboratory makes them, a third of its values not good."""
    layout = chance.choice((INCUBATOR, FREEZER))
    qualities = [chance.choice(QUALITIES) for _ in layout.keys]
    values = tuple(
        None if quality in VALUELESS else round(chance.uniform(-200.0, 1_000.0), 3)
        for quality in qualities
    )
    return Scan(
        layout,
        at,
        at + chance.randrange(50),
        values,
        bytes(qualities),
        source=chance.choice((Source.LIVE, Source.LIVE, Source.BACKFILL)),
        repeat=chance.random() < 0.05,
    )


def some_scans(count: int, *, seed: int = 3) -> list[Scan]:
    chance = random.Random(seed)
    return [some_scan(NOON + n * 10, chance) for n in range(count)]


def in_journal(folder: Path) -> list[Entry]:
    with JournalReader(folder) as reader:
        return list(all_of(reader))


def all_of(reader: JournalReader) -> Iterator[Entry]:
    after = 0
    while found := reader.entries(after, 2_000):
        yield from (entry for _, entry in found)
        after = found[-1][0]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal(tmp_path / "journal") as journal:
        yield journal


async def fill(journal: Journal, entries: list[Scan]) -> None:
    for entry in entries[:-1]:
        journal.append(entry)
    await journal.put(entries[-1])


def settings(influx: Influx, bucket: str, *, token: str | None = None) -> InfluxSettings:
    return InfluxSettings(
        url=influx.url,
        org=influx.org,
        bucket=bucket,
        token=influx.token if token is None else token,
    )


@asynccontextmanager
async def forwarding(
    journal: Journal, to: InfluxSettings, *, longest_pause_s: float = 1.0
) -> AsyncIterator[Forwarder]:
    pace = Pace(linger_s=0.2, longest_pause_s=longest_pause_s)
    forwarder = Forwarder(to, journal, site=SITE, pace=pace)
    running = asyncio.create_task(forwarder.run(), name="forwarder")
    try:
        yield forwarder
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what another process does has no event
            await asyncio.sleep(0.02)


async def caught_up(journal: Journal) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await journal.cursor(CURSOR) < journal.last:  # noqa: ASYNC110 - nor has a cursor
            await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(120 + 4 * OUTAGE_S)
async def test_a_server_that_was_away_under_load_gets_everything_once(
    own_influx: InfluxServer,
    journal: Journal,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="storage.influx")
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    over = asyncio.Event()

    async def load() -> None:
        chance, at = random.Random(1), NOON
        while not over.is_set():
            journal.append(some_scan(at, chance))
            at += 10
            await asyncio.sleep(1 / SCANS_A_SECOND)

    async with (
        forwarding(journal, settings(own_influx, bucket)) as forwarder,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(load(), name="load")
        await until(lambda: forwarder.status.lines_written > 300)
        await asyncio.to_thread(own_influx.stop)
        await until(lambda: bool(forwarder.status.trouble))
        await asyncio.sleep(OUTAGE_S)
        behind = forwarder.status
        await asyncio.to_thread(own_influx.start)
        await until(lambda: not forwarder.status.trouble)
        await asyncio.sleep(1)
        over.set()
        await caught_up(journal)

    assert behind.behind > OUTAGE_S * SCANS_A_SECOND / 4, "there was load during the outage"
    assert behind.behind_ms >= 0.9 * OUTAGE_S * 1000
    entries = in_journal(tmp_path / "journal")
    points = await asyncio.to_thread(held, own_influx, bucket)
    assert points == expected(entries, site=SITE)
    assert len(points) == sum(len(e.values) for e in entries if isinstance(e, Scan))
    stopped, resumed = [record.getMessage() for record in caplog.records]
    assert stopped.endswith("; readings wait in the journal")
    assert resumed.startswith("InfluxDB takes data again: ")


async def test_a_server_that_was_killed_gets_everything_once(
    own_influx: InfluxServer, journal: Journal
) -> None:
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    scans = some_scans(6_000)
    async with forwarding(journal, settings(own_influx, bucket)) as forwarder:
        await fill(journal, scans[:5_000])
        await until(lambda: forwarder.status.requests > 0)
        await asyncio.to_thread(own_influx.kill)
        await fill(journal, scans[5_000:])
        await asyncio.to_thread(own_influx.start)
        await caught_up(journal)
    assert await asyncio.to_thread(held, own_influx, bucket) == expected(scans, site=SITE)


TOO_LONG = Scan(Layout("x" * 70_000, ("t",), ("temperature",)), NOON, NOON, (1.0,), b"\0")
CONFLICT = Scan(Layout("p", ("p",), ("pressure",)), NOON, NOON, (1013.0,), b"\0")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(TOO_LONG, "400: ", id="refused with all others of its batch"),
        pytest.param(CONFLICT, "422: ", id="left out of its batch"),
    ],
)
async def test_one_bad_line_in_five_thousand_goes_into_quarantine_alone(
    influx: Influx, journal: Journal, tmp_path: Path, bad: Scan, reason: str
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket)
    with influx.client() as client, client.write_api(SYNCHRONOUS) as somebody_else:
        # A field's type is fixed for the days around its first point.
        somebody_else.write(bucket, record=f"pressure,device=theirs value=1i {NOON}000000")
    probe = Layout("p", ("t",), ("temperature",))
    scans = [Scan(probe, NOON + n, NOON + n, (37.0,), b"\0") for n in range(4_999)]
    await fill(journal, [*scans[:3_000], bad, *scans[3_000:]])

    async with forwarding(journal, settings(influx, bucket)) as forwarder:
        await caught_up(journal)
        status = forwarder.status

    with JournalReader(tmp_path / "journal") as reader:
        [aside] = reader.quarantined(10)
    assert aside.origin == CURSOR
    assert aside.reason.startswith(reason)
    assert aside.length == len(PointWriter(SITE).lines(bad)[0])
    assert (status.lines_written, status.quarantined) == (4_999, 1)
    assert status.requests <= 1 + 26
    with influx.client() as client:
        theirs = client.delete_api()
        theirs.delete("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", 'device="theirs"', bucket)
    assert await asyncio.to_thread(held, influx, bucket) == expected(scans, site=SITE)


async def test_the_whole_log_sent_three_times_in_any_order_changes_nothing(
    influx: Influx, journal: Journal
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket)
    scans = some_scans(3_000)
    await fill(journal, scans)
    async with forwarding(journal, settings(influx, bucket)):
        await caught_up(journal)
    once = await asyncio.to_thread(held, influx, bucket)

    chance, points = random.Random(5), PointWriter(SITE)
    lines = [line for scan in scans for line in points.lines(scan)]
    async with WriteEndpoint(
        influx.url, org=influx.org, bucket=bucket, token=influx.token, connections=2
    ) as endpoint:
        for size in (100, 777):
            batches = [lines[n : n + size] for n in range(0, len(lines), size)]
            chance.shuffle(batches)
            for batch in batches:
                chance.shuffle(batch)
                assert (await endpoint.write(packed(batch))).fate is Fate.STORED

    assert once == expected(scans, site=SITE)
    assert await asyncio.to_thread(held, influx, bucket) == once


async def test_a_wrong_token_is_one_clear_line_and_loses_nothing(
    influx: Influx, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket)
    scans = some_scans(500)
    await fill(journal, scans)
    async with forwarding(journal, settings(influx, bucket, token="not-it")) as forwarder:  # noqa: S106 - opens nothing
        await until(lambda: forwarder.status.requests >= 4)
    [record] = caplog.records
    assert record.getMessage() == (
        f"InfluxDB at {influx.url}: 401: unauthorized access; give a token that may write into the "
        "bucket; readings wait in the journal"
    )
    assert await journal.cursor(CURSOR) == 0

    async with forwarding(journal, settings(influx, bucket)):
        await caught_up(journal)
    assert await asyncio.to_thread(held, influx, bucket) == expected(scans, site=SITE)


async def test_a_bucket_that_is_created_late_gets_everything(
    influx: Influx, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    scans = some_scans(500)
    await fill(journal, scans)
    later = influx.free_name()
    async with forwarding(journal, settings(influx, later)) as forwarder:
        await until(lambda: forwarder.status.requests >= 3)
        assert "create the bucket" in forwarder.status.trouble
        await asyncio.to_thread(influx.new_bucket, later)
        await caught_up(journal)
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == [
        "WARNING"
    ]
    assert await asyncio.to_thread(held, influx, later) == expected(scans, site=SITE)


async def test_what_the_bucket_no_longer_keeps_is_passed_over_and_counted(
    influx: Influx, journal: Journal, tmp_path: Path
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket, keep_s=86_400)
    scans = some_scans(200)
    await fill(journal, scans)
    async with forwarding(journal, settings(influx, bucket)) as forwarder:
        await caught_up(journal)
    lines = sum(len(scan.values) for scan in scans)
    assert (forwarder.status.expired, forwarder.status.lines_written) == (lines, 0)
    with JournalReader(tmp_path / "journal") as reader:
        assert list(reader.quarantined(10)) == []


async def test_names_with_odd_letters_arrive_as_they_were_written(
    influx: Influx, journal: Journal
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket)
    odd = Layout('#3 "Zürich", 5=V', ("a b",), ("temperature",))
    await journal.put(Scan(odd, NOON, NOON, (37.0,), b"\0"))
    async with forwarding(journal, settings(influx, bucket)):
        await caught_up(journal)
    [point] = await asyncio.to_thread(held, influx, bucket)
    assert point.device == "%233 %22Zürich%22, 5=V"
    assert point.channel == "%233 %22Zürich%22, 5=V.a b"


async def test_a_forwarder_killed_between_answer_and_cursor_loses_and_doubles_nothing(
    influx: Influx, tmp_path: Path
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket)
    folder = tmp_path / "journal"
    scans = some_scans(1_000)
    started = Started(at=NOON, version="0", configuration="")
    async with Journal(folder) as journal:
        await journal.put(started)
        await fill(journal, scans)

    for _ in range(3):
        with child(influx, folder, bucket, "hold") as holding:
            said = await asyncio.to_thread(line_of, holding)
            assert said.startswith(f"stored {CURSOR} ")
            holding.kill()
            await asyncio.to_thread(holding.wait, PATIENCE_S)
    with child(influx, folder, bucket, "run") as running:
        assert await asyncio.to_thread(line_of, running) == "done\n"
        await asyncio.to_thread(running.wait, PATIENCE_S)

    assert in_journal(folder) == [started, *scans]
    assert await asyncio.to_thread(held, influx, bucket) == expected(scans, site=SITE)


@pytest.mark.slow
async def test_a_forwarder_killed_while_live_readings_overtake_a_backlog_loses_nothing(
    influx: Influx, tmp_path: Path
) -> None:
    bucket = await asyncio.to_thread(influx.new_bucket)
    folder = tmp_path / "journal"
    scans = some_scans(30_000)
    async with Journal(folder) as journal:
        for n in range(0, len(scans), 10_000):
            await fill(journal, scans[n : n + 10_000])

    for _ in range(2):
        with child(influx, folder, bucket, "live") as going:
            said = await asyncio.to_thread(line_of, going)
            going.kill()
            await asyncio.to_thread(going.wait, PATIENCE_S)
            assert said.startswith("live "), "a backlog was left when live readings went out"
    with child(influx, folder, bucket, "run") as running:
        assert await asyncio.to_thread(line_of, running) == "done\n"
        await asyncio.to_thread(running.wait, PATIENCE_S)

    entries = in_journal(folder)
    assert entries[: len(scans)] == scans
    assert len(entries) > len(scans) + 40
    assert await asyncio.to_thread(held, influx, bucket) == expected(entries, site=SITE)


def child(influx: Influx, folder: Path, bucket: str, mode: str) -> "subprocess.Popen[str]":
    # The command is this project's own file with the test's own arguments.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, CHILD, folder, influx.url, influx.org, bucket, mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(f"{influx.token}\n")
    process.stdin.flush()
    return process


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()
