"""``python -m bench.record``: how long the record of a long stay takes, and how much memory.

A tank with two sensors that was read every 10 s for a year (3,153,600 scans), with its level, a
few warm hours and gaps, and one batch that stood in it all the time. The journal is written as the
core writes it, but in bulk. The goal is 20 s and 500 MB for the record, made by a process of its
own as the command does it. With ``--vial`` it is the record of a vial that was frozen into the tank
on the first day; with ``--days 10950 --period-s 600`` memory over thirty years is seen.
"""

import argparse
import asyncio
import math
import multiprocessing
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.schema import open_store
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.record import Made
from batches.setting import Equipment, Setting
from batches.survey import Channel
from batches.vial import Place
from devices.scan import Layout, Scan
from storage.archive.log import LogReader
from storage.journal import Journal
from storage.pack import body, checksum
from storage.short import stored

GOAL_S, GOAL_MB = 20.0, 500.0
START = 1_767_596_400_000
DAY = 86_400_000
BATCH, TANK = "B-2026-0001", "ln2-1"
VIAL = f"{BATCH}-V001"
LAYOUT = Layout(TANK, ("temperature", "level"), ("temperature", "level"))
Row = tuple[int, int, int, int, bytes]


def scans(days: int, period_ms: int) -> Iterator[Scan]:
    """A year of a tank: a breath of a day, noise of the converter, fills, a warm hour a month."""
    chance = random.Random(7)
    for n in range(days * DAY // period_ms):
        at = START + n * period_ms
        day = n * period_ms / DAY
        if chance.random() < 1e-5:
            continue
        warm = 45.0 if 0.5 < day % 30 < 0.5 + 1 / 24 else 0.0
        breath = 2 * math.sin(day * 2 * math.pi) + chance.gauss(0, 0.1)
        temperature = round(-188 + warm + breath, 1)
        level = round(300 - 20 * (day % 3), 0)
        yield Scan(LAYOUT, at, at + 30, (temperature, level), bytes(2))


def rows(days: int, period_ms: int, first: int) -> Iterator[Row]:
    """The same as rows of the journal, from number ``first`` on."""
    for seq, scan in enumerate(scans(days, period_ms), start=first):
        packed = body(scan)
        yield seq, 1, scan.at, *stored(scan, checksum(seq, 1, scan.at, packed), packed)


async def begin(folder: Path) -> None:
    """A journal that knows the layout."""
    async with Journal(folder) as journal:
        before = START - 60_000
        await journal.put(Scan(LAYOUT, before, before, (-188.0, 300.0), bytes(2)))


def lay_out(folder: Path, days: int, period_ms: int, *, vial: bool) -> None:
    """Journal, ledger and an empty alarm store."""
    folder.mkdir()
    asyncio.run(begin(folder))
    db = sqlite3.connect(folder / "journal.db")
    with db:
        db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", rows(days, period_ms, 2))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    now = START + days * DAY
    ledger = Ledger(f"sqlite:///{folder}/ledger.db", now=lambda: now)
    act = Signed(by="bench", at=START, reason="generated")
    ledger.open_batch(BATCH, product="fibroblasts, frozen", act=act)
    if vial:
        lineage = Lineage(ledger)
        lineage.passage(BATCH, act=act)
        lineage.freeze(BATCH, [Place(device=TANK, rack="1", box="2", slot="3")], act=act)
    else:
        ledger.place(BATCH, TANK, act=act, position="rack 1/box 2/slot 3")
    open_store(folder / "alarms.db").close()


def setting(period_ms: int) -> Setting:
    """The site: one tank and its limit."""
    channels = (
        Channel(key="temperature", quantity="temperature", unit="degC"),
        Channel(key="level", quantity="level", unit="mm"),
    )
    tank = Equipment(
        id=TANK,
        name="Tank 1",
        model="Simulated LN2 freezer",
        maker="culturewatch",
        manual="none",
        profile="sim-freezer",
        profile_sha256="0" * 64,
        period=period_ms,
        channels=channels,
    )
    rule = Rule(id="ln2-warm", channel=f"{TANK}.temperature", kind="high", limit=-150.0)
    return Setting(
        site="Bench",
        time_zone="Europe/Zurich",
        equipment=(tank,),
        rules=(rule,),
        software="bench",
        configuration="0" * 64,
    )


def make(folder: Path, days: int, period_ms: int, subject: str) -> tuple[float, float, float]:
    """Seconds by the clock, of the processor, and megabytes that the record took."""
    began, worked = time.perf_counter(), time.process_time()
    with LogReader(folder) as readings, AlarmReader(folder / "alarms.db") as alarms:
        make_record(
            subject,
            folder.parent / "record",
            ledger=Ledger(f"sqlite:///{folder}/ledger.db"),
            readings=readings,
            alarms=alarms,
            setting=setting(period_ms),
            made=Made(by="bench", at=START + days * DAY),
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.perf_counter() - began, time.process_time() - worked, peak


def main() -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--period-s", type=int, default=10)
    parser.add_argument("--vial", action="store_true")
    asked = parser.parse_args()
    period_ms = asked.period_s * 1_000
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "data"
        began = time.perf_counter()
        lay_out(folder, asked.days, period_ms, vial=asked.vial)
        size = (folder / "journal.db").stat().st_size / 1e6
        print(f"journal of {asked.days} days: {time.perf_counter() - began:.1f} s, {size:.0f} MB")
        with multiprocessing.get_context("spawn").Pool(1) as worker:
            took, worked, peak = worker.apply(
                make, (folder, asked.days, period_ms, VIAL if asked.vial else BATCH)
            )
        for path in sorted((Path(base) / "record").iterdir()):
            print(f"  {path.name:18} {path.stat().st_size / 1e6:9.2f} MB")
    print(f"record: {took:.1f} s (goal {GOAL_S:g}), of which {worked:.1f} s of the processor")
    print(f"memory: {peak:.0f} MB (goal {GOAL_MB:g})")
    return int(took > GOAL_S or peak > GOAL_MB)


if __name__ == "__main__":
    sys.exit(main())
