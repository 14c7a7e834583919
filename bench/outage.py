"""``python -m bench.outage``: what a week without InfluxDB takes on the disk (G10).

Scans as a laboratory makes them go into the durable journal, which nobody empties; what it has
taken is told a line, and for seven days at a hundred lines a second. How fast it is sent
afterwards ``bench.influx`` tells: its points a second are so many times the hundred.
"""

import argparse
import asyncio
import json
import random
import tempfile
from pathlib import Path

from devices.scan import Layout, Scan
from storage.journal import Journal

LINES_A_S, DAYS = 100, 7
GOAL_GB = 1.0
CHANNELS = 5
NOON = 1_700_000_000_000


async def fill(folder: Path, count: int) -> None:
    """Put ``count`` scans into a journal there."""
    chance = random.Random(5)
    keys = tuple(f"channel_{n}" for n in range(CHANNELS))
    layouts = [Layout(f"device_{n}", keys, ("temperature",) * CHANNELS) for n in range(20)]
    async with Journal(folder) as journal:
        for n in range(count):
            values = tuple(round(chance.uniform(-200, 100), 2) for _ in keys)
            at = NOON + n * 50
            scan = Scan(layouts[n % len(layouts)], at, at + 7, values, bytes(CHANNELS))
            if n % 1000 == 0:
                await journal.put(scan)
            else:
                journal.append(scan)
        await journal.put(scan)


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=100_000)
    count = parser.parse_args().scans
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(fill(Path(folder), count))
        held = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    a_line = held / (count * CHANNELS)
    week_gb = a_line * LINES_A_S * DAYS * 86_400 / 1e9
    print(f"G10: {a_line:.1f} bytes a line, {week_gb:.2f} GB for {DAYS} days (goal {GOAL_GB:g} GB)")
    print(json.dumps({"bytes_a_line": a_line, "week_gb": week_gb, "goal_gb": GOAL_GB}))


if __name__ == "__main__":
    main()
