"""``python -m bench.outage``: a week without InfluxDB, on the disk and after it (G10).

Scans as a laboratory makes them go into the durable journal, which nobody empties; what it has
taken is told a line, and for seven days at a hundred lines a second. Then a real InfluxDB on the
same machine comes, and gets all of it while live readings go on at a hundred lines a second: how
fast, how late the commit of the live ones is meanwhile, and how late they are in InfluxDB after.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from devices.scan import Layout, Scan
from storage.influx import CURSOR, Forwarder, InfluxSettings
from storage.journal import Journal
from tests.services import InfluxServer, find_influxd

LINES_A_S, DAYS = 100, 7
GOAL_GB = 1.0
GOAL_TIMES = 20
CHANNELS = 5
NOON = 1_700_000_000_000


KEYS = tuple(f"channel_{n}" for n in range(CHANNELS))
LAYOUTS = [Layout(f"device_{n}", KEYS, ("temperature",) * CHANNELS) for n in range(20)]
LIVE_EVERY_S = CHANNELS / LINES_A_S
PATIENCE_S = 600.0


class Replay(NamedTuple):
    """How a backlog went out: lines a second, and how late live readings were, in seconds.

    ``commit_s`` is the longest that one took to be on disk, ``after_s`` the age of the newest one
    that InfluxDB had a few seconds after the backlog was gone.
    """

    lines_a_s: float
    commit_s: float
    after_s: float


def scan_of(n: int, at: int, chance: random.Random) -> Scan:
    """A scan of one of the devices in turn."""
    values = tuple(round(chance.uniform(-200, 100), 2) for _ in KEYS)
    return Scan(LAYOUTS[n % len(LAYOUTS)], at, at + 7, values, bytes(CHANNELS))


async def fill(folder: Path, count: int) -> None:
    """Put ``count`` scans into a journal there."""
    chance = random.Random(5)
    async with Journal(folder) as journal:
        for n in range(count):
            scan = scan_of(n, NOON + n * 50, chance)
            if n % 1000 == 0:
                await journal.put(scan)
            else:
                journal.append(scan)
        await journal.put(scan)


async def replayed(folder: Path, server: InfluxServer) -> Replay:
    """Send what is in the journal there, and what comes meanwhile."""
    bucket = await asyncio.to_thread(server.new_bucket)
    settings = InfluxSettings(url=server.url, org=server.org, bucket=bucket, token=server.token)
    async with Journal(folder) as journal, asyncio.timeout(PATIENCE_S):
        backlog, slowest_s = journal.last, 0.0

        async def live() -> None:
            nonlocal slowest_s
            chance = random.Random(6)
            for n in range(1 << 40):
                began = time.monotonic()
                await journal.put(scan_of(n, time.time_ns() // 1_000_000, chance))
                slowest_s = max(slowest_s, time.monotonic() - began)
                await asyncio.sleep(max(0.0, began + LIVE_EVERY_S - time.monotonic()))

        forwarder = Forwarder(settings, journal, site="laboratory")
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(live(), name="live readings"),
                tasks.create_task(forwarder.run(), name="forwarder"),
            ]
            began = time.monotonic()
            while await journal.cursor(CURSOR) < backlog:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
            took, commit_s = time.monotonic() - began, slowest_s
            await asyncio.sleep(3)
            late_s = forwarder.status.behind_ms / 1_000
            for each in running:
                each.cancel()
    return Replay(backlog * CHANNELS / took, commit_s, late_s)


def sent(folder: Path) -> Replay:
    """``replayed`` into a real InfluxDB."""
    with tempfile.TemporaryDirectory() as elsewhere:
        server = InfluxServer(find_influxd(), Path(elsewhere))
        server.start()
        try:
            server.set_up()
            return asyncio.run(replayed(folder, server))
        finally:
            server.stop()


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=100_000)
    count = parser.parse_args().scans
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(fill(Path(folder), count))
        held = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        replay = sent(Path(folder))
    a_line = held / (count * CHANNELS)
    week = LINES_A_S * DAYS * 86_400
    week_gb, times = a_line * week / 1e9, replay.lines_a_s / LINES_A_S
    print(f"G10: {a_line:.1f} bytes a line, {week_gb:.2f} GB for {DAYS} days (goal {GOAL_GB:g} GB)")
    print(
        f"  replayed at {replay.lines_a_s:,.0f} lines/s, {times:,.0f} times live (goal "
        f"{GOAL_TIMES}): {DAYS} days in {week / replay.lines_a_s / 60:.0f} minutes; live readings "
        f"on disk within {replay.commit_s:.2f} s meanwhile, in InfluxDB {replay.after_s:.1f} s "
        "late after it"
    )
    told = {"bytes_a_line": a_line, "week_gb": week_gb, "goal_gb": GOAL_GB, "times_live": times}
    print(json.dumps(told | replay._asdict()))


if __name__ == "__main__":
    main()
