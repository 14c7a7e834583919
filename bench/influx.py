"""``python -m bench.influx``: what forwarding costs, and how fast it is.

Lines are built and packed in this process alone (CPU seconds, one core). Points a second are
those that a real InfluxDB took from a filled journal, with the server on the same machine; the
CPU beside them is that of the forwarding process, reading of the journal included.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from devices.quality import VALUELESS, Quality
from devices.scan import Layout, Scan
from storage.endpoint import packed
from storage.influx import CURSOR, Forwarder, InfluxSettings
from storage.journal import Journal
from storage.points import PointWriter
from tests.services import InfluxServer, find_influxd

DEVICES, CHANNELS = 1_000, 40
NOON = 1_700_000_000_000
BATCH = 5_000
PATIENCE_S = 600.0


class Row(NamedTuple):
    """One line of the table: how many lines a second, at what CPU share of a core."""

    name: str
    per_s: float
    cpu_share: float
    goal: str = ""


def layouts() -> list[Layout]:
    """A thousand devices of forty channels."""
    keys = tuple(f"channel_{n}" for n in range(CHANNELS))
    return [Layout(f"device_{n}", keys, ("temperature",) * CHANNELS) for n in range(DEVICES)]


def scans(count: int, *, bad_share: float) -> list[Scan]:
    """Scans of all devices in turn; a share of the values is not good."""
    chance, found = random.Random(7), []
    known = layouts()
    for n in range(count):
        codes = bytes(
            chance.choice(list(Quality)) if chance.random() < bad_share else Quality.GOOD
            for _ in range(CHANNELS)
        )
        values = tuple(
            None if code in VALUELESS else round(chance.uniform(0, 100), 2) for code in codes
        )
        at = NOON + n // DEVICES * 1_000
        found.append(Scan(known[n % DEVICES], at, at + 5, values, codes))
    return found


def rate(work: Callable[[], object], lines: int, *, name: str, goal: str = "") -> Row:
    """The best of three runs, on CPU time."""
    seconds = []
    for _ in range(3):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return Row(name, lines / min(seconds), 1.0, goal)


def built(count: int) -> list[Row]:
    """Lines built and packed a second on one core."""
    good, mixed = scans(count, bad_share=0.0), scans(count, bad_share=0.1)
    points = PointWriter("laboratory")
    lines = [line for scan in good for line in points.lines(scan)]
    batches = [lines[n : n + BATCH] for n in range(0, len(lines), BATCH)]
    total = count * CHANNELS
    return [
        rate(
            lambda: [points.lines(scan) for scan in good],
            total,
            name="lines built, all good",
            goal="400,000",
        ),
        rate(
            lambda: [points.lines(scan) for scan in mixed],
            total,
            name="lines built, 10 % marked",
            goal="400,000",
        ),
        rate(lambda: [packed(batch) for batch in batches], total, name="lines packed (gzip 1)"),
    ]


async def forwarded(server: InfluxServer, count: int, *, in_flight: int) -> Row:
    """Lines a second from a filled journal into the server, until the cursor is at its end."""
    bucket = await asyncio.to_thread(server.new_bucket)
    settings = InfluxSettings(
        url=server.url, org=server.org, bucket=bucket, token=server.token, in_flight=in_flight
    )
    with tempfile.TemporaryDirectory() as folder:
        async with Journal(Path(folder)) as journal:
            for scan in scans(count, bad_share=0.01):
                await room(journal)
                journal.append(scan)
            await journal.put(scan)
            forwarder = Forwarder(settings, journal, site="laboratory")
            wall, cpu = time.monotonic(), time.process_time()
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(forwarder.run(), name="forwarder")
                # A cursor has no event.
                while await journal.cursor(CURSOR) < journal.last:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                wall, cpu = time.monotonic() - wall, time.process_time() - cpu
                running.cancel()
    name = f"points into InfluxDB, {in_flight} in flight"
    return Row(name, forwarder.status.lines_written / wall, cpu / wall, "150,000")


async def room(journal: Journal) -> None:
    """Waits while much waits for the disk."""
    while journal.stats.pending > 5_000:  # noqa: ASYNC110 - only the bench outruns the disk
        await asyncio.sleep(0.01)


def main() -> None:
    """Prints a table and, as the last line, JSON."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--scans", type=int, default=50_000)
    count = asked.parse_args().scans
    rows = built(min(count, 5_000))
    with tempfile.TemporaryDirectory() as folder:
        server = InfluxServer(find_influxd(), Path(folder))
        server.start()
        try:
            server.set_up()
            rows += [
                asyncio.run(forwarded(server, count, in_flight=number)) for number in (1, 4, 6)
            ]
        finally:
            server.stop()
    table = Table("what", "lines/s", "CPU of a core", "goal")
    for row in rows:
        table.add_row(row.name, f"{row.per_s:,.0f}", f"{row.cpu_share:.0%}", row.goal)
    Console().print(table)
    print(json.dumps([row._asdict() for row in rows]))


if __name__ == "__main__":
    main()
