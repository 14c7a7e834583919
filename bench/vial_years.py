"""``python -m bench.vial_years``: whether the record of a vial needs more memory, the older it is.

A tank that was read every ``--period-s`` for as many years as the oldest vial, sealed day by day by
the archive's own writers, and one vial for each number of ``--years``, frozen so long ago. Each
record is made by a process of its own, as the command does. Goal: 500 MB whatever the age.
Readings are made, not measured: a breath of a day, the noise of the converter, a fill every three
days and a warm hour a month.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alerts.reader import AlarmReader
from alerts.schema import open_store
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.record import Made
from batches.vial import Place
from bench.archive import empty_journal, seal_day
from bench.record import BATCH, DAY, LAYOUT, START, TANK, VIAL, setting
from storage.archive.columns import Columns
from storage.archive.log import LogReader
from storage.archive.seal import folder_of
from storage.chain import GENESIS

GOAL_MB = 500.0
LAYOUTS = {1: LAYOUT}


class Took(NamedTuple):
    """What a record took: seconds of the processor, megabytes of memory and of the folder."""

    worked: float
    peak: float
    size: float


def day_of(number: int, period_ms: int) -> Columns:
    """One day of the tank."""
    chance = np.random.default_rng(number)
    count = DAY // period_ms
    at = START + number * DAY + np.arange(count) * period_ms
    day = number + np.arange(count) * period_ms / DAY
    warm = np.where((day % 30 > 0.5) & (day % 30 < 0.5 + 1 / 24), 45.0, 0.0)
    values = np.empty((count, 2))
    breath = 2 * np.sin(day * 2 * np.pi) + chance.normal(0, 0.1, count)
    values[:, 0] = np.round(-188 + warm + breath, 1)
    values[:, 1] = np.round(300 - 20 * (day % 3))
    return Columns(
        seq=number * count + np.arange(count) + 1,
        layout=np.ones(count, np.int64),
        at=at,
        received=at + 30,
        source=np.zeros(count, np.int64),
        repeat=np.zeros(count, np.bool_),
        values=values,
        qualities=[None] * count,
        notes=[None] * count,
    )


def build(data: Path, days: int, period_ms: int) -> None:
    """The archive of so many days, an empty journal and no alarms."""
    folder_of(data).mkdir(parents=True)
    previous = GENESIS
    for number in range(days):
        previous = seal_day(folder_of(data), day_of(number, period_ms), LAYOUTS, previous)
    empty_journal(data, LAYOUTS, days * (DAY // period_ms))
    open_store(data / "alarms.db").close()


def freeze(url: str, at: int, now: int) -> None:
    """A ledger with one vial, frozen at ``at``."""
    ledger = Ledger(url, now=lambda: now)
    act = Signed(by="bench", at=at, reason="generated")
    ledger.open_batch(BATCH, product="fibroblasts, frozen", act=act)
    lineage = Lineage(ledger)
    lineage.passage(BATCH, act=act)
    lineage.freeze(BATCH, [Place(device=TANK, rack="1", box="2", slot="3")], act=act)


def make(data: Path, url: str, out: Path, now: int, period_ms: int) -> Took:
    """Make the record."""
    began = time.process_time()
    with LogReader(data) as readings, AlarmReader(data / "alarms.db") as alarms:
        make_record(
            VIAL,
            out,
            ledger=Ledger(url),
            readings=readings,
            alarms=alarms,
            setting=setting(period_ms),
            made=Made(by="bench", at=now),
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    return Took(time.process_time() - began, peak, size)


def main() -> int:
    """Print the figures; 1 when a record needs more memory than the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 5, 30])
    parser.add_argument("--period-s", type=int, default=600)
    asked = parser.parse_args()
    period_ms, days = asked.period_s * 1_000, max(asked.years) * 365
    now, peaks = START + days * DAY, []
    with tempfile.TemporaryDirectory() as base:
        data, began = Path(base) / "data", time.process_time()
        build(data, days, period_ms)
        print(f"{days} sealed days: {time.process_time() - began:.0f} s of the processor")
        for years in asked.years:
            url = f"sqlite:///{base}/{years}.db"
            freeze(url, now - years * 365 * DAY, now)
            with multiprocessing.get_context("spawn").Pool(1) as worker:
                given = data, url, Path(base) / f"record-{years}", now, period_ms
                found: Took = worker.apply(make, given)
            peaks.append(found.peak)
            scans = years * 365 * DAY // period_ms
            print(
                f"{years:3} years, {scans:>12,} scans: {found.worked:6.1f} s of the processor, "
                f"{found.peak:4.0f} MB of memory (goal {GOAL_MB:g}), {found.size:6.0f} MB on disk",
                flush=True,
            )
    return int(max(peaks) > GOAL_MB)


if __name__ == "__main__":
    sys.exit(main())
