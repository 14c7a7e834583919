"""``python -m bench.outage``: a week without InfluxDB, on the disk and after it (G10).

Scans as a laboratory makes them go into the durable journal, which nobody empties; what it has
taken is told a line, and for seven days at a hundred lines a second. Then a real InfluxDB on the
same machine comes, and gets all of it while live readings go on at a hundred lines a second: how
fast, how late the commit of the live ones is meanwhile, and how late they are in InfluxDB, which
is asked for them again and again.
"""

import argparse
import asyncio
import itertools
import json
import random
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from devices.scan import Layout, Scan
from storage.influx import CURSOR, Forwarder, InfluxSettings
from storage.journal import Journal
from storage.wall import wall_ms
from tests.services import InfluxServer, find_influxd

LINES_A_S, DAYS = 100, 7
GOAL_GB = 1.0
GOAL_TIMES = 20
GOAL_LATE_S = 2.0
CHANNELS = 5
NOON = 1_700_000_000_000


KEYS = tuple(f"channel_{n}" for n in range(CHANNELS))
LAYOUTS = [Layout(f"device_{n}", KEYS, ("temperature",) * CHANNELS) for n in range(20)]
LIVE_EVERY_S = CHANNELS / LINES_A_S
LOOK_S, SETTLE_S, AFTER_S = 0.1, 3.0, 5.0
PATIENCE_S = 600.0


class Replay(NamedTuple):
    """How a backlog went out: lines a second, and how late live readings were, in seconds.

    ``commit_s`` is the longest that one took to be on disk; ``late_s`` the greatest age of one
    that InfluxDB did not have yet while the backlog went out, ``after_s`` once it was gone.
    ``looks`` is how often InfluxDB was asked meanwhile.
    """

    lines_a_s: float
    commit_s: float
    late_s: float
    after_s: float
    looks: int


class Made:
    """The live readings: when each of a device was made, epoch ms, and how late they are."""

    def __init__(self, server: InfluxServer, bucket: str) -> None:
        self.slowest_s = self.late_s = 0.0
        self.looks = 0
        self._server = server
        self._since = wall_ms()
        self._made: dict[str, list[int]] = {layout.device: [] for layout in LAYOUTS}
        self._query = (
            f'from(bucket: "{bucket}") |> range(start: time(v: {self._since}000000)) '
            f'|> filter(fn: (r) => r._field == "value" and r.channel =~ /\\.{KEYS[0]}$/) |> count()'
        )

    async def make(self, journal: Journal) -> None:
        """Put live readings into the journal, evenly; only cancellation ends this."""
        chance = random.Random(6)
        for n in itertools.count():
            began, at = time.monotonic(), wall_ms()
            scan = scan_of(n, at, chance)
            self._made[scan.device].append(at)
            await journal.put(scan)
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            await asyncio.sleep(max(0.0, began + LIVE_EVERY_S - time.monotonic()))

    async def watch(self) -> None:
        """Ask InfluxDB which it has; only cancellation ends this."""
        while True:
            self.late_s = max(self.late_s, await asyncio.to_thread(self._oldest_missing_s))
            self.looks += 1
            await asyncio.sleep(LOOK_S)

    def _oldest_missing_s(self) -> float:
        """The age of the oldest reading that was made before the question and is not there.

        As of the answer: what came meanwhile counts as missing all the same.
        """
        made = {device: list(ats) for device, ats in self._made.items()}
        there = dict.fromkeys(made, 0)
        with self._server.client() as client:
            for record in client.query_api().query_stream(self._query):
                there[record.values["device"]] += record.get_value()
        missing = [ats[there[device]] for device, ats in made.items() if len(ats) > there[device]]
        now = wall_ms()
        return (now - min(missing)) / 1_000 if missing else 0.0


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
        backlog, made = journal.last, Made(server, bucket)
        forwarder = Forwarder(settings, journal, site="laboratory")
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(made.make(journal), name="live readings"),
                tasks.create_task(made.watch(), name="what InfluxDB has"),
                tasks.create_task(forwarder.run(), name="forwarder"),
            ]
            began = time.monotonic()
            while await journal.cursor(CURSOR) < backlog:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
            took, looks = time.monotonic() - began, made.looks
            commit_s, late_s = made.slowest_s, made.late_s
            await asyncio.sleep(SETTLE_S)
            made.late_s = 0.0
            await asyncio.sleep(AFTER_S)
            for each in running:
                each.cancel()
    return Replay(backlog * CHANNELS / took, commit_s, late_s, made.late_s, looks)


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
        f"on disk within {replay.commit_s:.2f} s meanwhile, in InfluxDB {replay.late_s:.1f} s "
        f"late at most (goal {GOAL_LATE_S:g}; {replay.looks} looks), {replay.after_s:.1f} s after"
    )
    told = {"bytes_a_line": a_line, "week_gb": week_gb, "goal_gb": GOAL_GB, "times_live": times}
    print(json.dumps(told | replay._asdict()))


if __name__ == "__main__":
    main()
