"""``python -m bench.archive``: what sealing, verifying and summing up cost.

Builds some weeks of a large site by the program's own writers of segments (one-minute scans of
``--devices`` incubators with four channels, and doors that open), verifies them, sums up
``--stays`` stays of 30 days from what was added up at sealing, and looks for excursions in all
their readings. ``--seconds`` of 1,000 channels at 1 Hz are put into a journal and sealed, and last
backlogs of up to ``--backlog`` days of one channel at 10 s: what a day costs in one run of sealing.
Data are made, not measured: values have the resolution of such devices.
"""

import argparse
import resource
import sqlite3
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import numpy as np

from batches.calibration import Book
from batches.excursion import Limits
from batches.placement import Interval, Placement
from batches.setting import Equipment
from batches.summaries import Line, Summaries
from batches.summing import Stay
from batches.survey import Channel
from devices.scan import Layout
from storage.archive import check, sums
from storage.archive.columns import Columns
from storage.archive.days import DAY_MS, GRACE_MS, name_of
from storage.archive.draft import GROUP_ROWS, about, groups_of, runs_of
from storage.archive.log import LogReader
from storage.archive.parquet import EntriesWriter
from storage.archive.seal import (
    ENTRIES,
    FORMAT,
    PART,
    SEAL,
    SUMS,
    Part,
    Seal,
    body,
    describe,
    folder_of,
    place,
    read,
)
from storage.archive.sealer import Heads, Sealer
from storage.chain import GENESIS, Head
from storage.journalfile import SCHEMA
from storage.links import BEGINNING
from storage.pack import NOTE, checksum, layout_body
from storage.row_sum import summed

MONDAY = 20_718 * DAY_MS
MINUTE = 60_000
KEYS = ("temperature", "co2", "humidity", "oxygen")
PART_DAYS = 1
RANDOM = Random(1)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long something took."""
    began, cpu = time.perf_counter(), time.process_time()
    yield
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:64} {took:8.2f} s  {cpu:8.2f} s CPU  peak {peak:6.0f} MB", flush=True)


def layouts_of(devices: int) -> dict[int, Layout]:
    """Incubators by the numbers of their layouts."""
    return {n + 1: Layout(f"inc{n}", KEYS, KEYS) for n in range(devices)}


def day_of(number: int, devices: int) -> Columns:
    """One day of all devices, sorted by device and time, as a part of a segment has it."""
    chance = np.random.default_rng(number)
    minutes = DAY_MS // MINUTE
    count = devices * minutes
    device = np.repeat(np.arange(1, devices + 1), minutes)
    offset = np.repeat(chance.integers(0, 59_000, devices), minutes)
    minute = np.tile(np.arange(minutes), devices)
    at = MONDAY + number * DAY_MS + minute * MINUTE + offset
    values = np.empty((count, len(KEYS)))
    for n, base in enumerate((37.0, 5.0, 93.0, 20.9)):
        values[:, n] = np.round(base + chance.normal(0, 0.08, count), 1)
    # A door is open for some minutes, five times a day.
    opened = (minute + device * 37) % 288 < 6
    values[opened, 0] -= 1.4
    values[opened, 1] = np.round(values[opened, 1] - 3, 1)
    order = np.lexsort((device, minute))
    seq = np.empty(count, np.int64)
    seq[order] = np.arange(count) + number * count + 1
    return Columns(
        seq=seq,
        layout=device.astype(np.int64),
        at=at,
        received=at + 40,
        source=np.zeros(count, np.int64),
        repeat=np.zeros(count, np.bool_),
        values=values,
        qualities=[None] * count,
        notes=[None] * count,
    )


def build(data: Path, days: int, devices: int) -> None:
    """Write the archive of a site of ``days`` days."""
    folder, layouts = folder_of(data), layouts_of(devices)
    folder.mkdir(parents=True)
    previous = GENESIS
    for number in range(days):
        previous = seal_day(folder, day_of(number, devices), layouts, previous)
    empty_journal(data, layouts, days * devices * (DAY_MS // MINUTE))


def seal_day(folder: Path, found: Columns, layouts: dict[int, Layout], previous: str) -> str:
    """One segment and its seal, written by the writers of the program; the hash of the seal."""
    name = name_of(int(found.received.min()))
    entries, added = folder / (name + ENTRIES), folder / (name + SUMS)
    part = entries.with_name(entries.name + PART)
    writer = EntriesWriter(part, layouts, found.values.shape[1], about(layouts))
    runs, groups = [], 0
    for begin in range(0, len(found.seq), GROUP_ROWS):
        some = found.slice(begin, begin + GROUP_ROWS)
        writer.write(some)
        runs += runs_of(some, groups)
        groups += 1
    writer.close()
    first, last = int(found.seq.min()), int(found.seq.max())
    parts = (Part(first, last, tuple(range(groups))),)
    sums.write(added.with_name(added.name + PART), sums.buckets_of(found, layouts))
    seal = Seal(
        format=FORMAT,
        name=name,
        first=first,
        last=last,
        start=int(found.at.min()),
        end=int(found.at.max()),
        entries=len(found.seq),
        missing=(),
        damaged=(),
        altered=(),
        contents="",
        file=describe(part),
        sums=describe(added.with_name(added.name + PART)),
        layouts=layouts,
        parts=parts,
        groups=groups_of(part, parts),
        runs=tuple(runs),
        journal=None,
        alarms=Head(0, GENESIS),
        ledger=Head(0, GENESIS),
        previous=previous,
        at=0,
        software="bench",
    )
    place(entries)
    place(added)
    path = folder / (name + SEAL)
    path.with_name(path.name + PART).write_bytes(body(seal))
    place(path)
    return read(path).sha256


def empty_journal(data: Path, layouts: dict[int, Layout], last: int) -> None:
    """A journal that was freed of all that is sealed."""
    with closing(sqlite3.connect(data / "journal.db")) as db:
        db.executescript(SCHEMA)
        write_layouts(db, layouts)
        db.execute("INSERT INTO start VALUES (?, ?, ?)", summed("start", last, last))
        db.commit()


def write_layouts(db: sqlite3.Connection, layouts: dict[int, Layout]) -> None:
    """The layouts as the journal keeps them."""
    for number, layout in layouts.items():
        packed = layout_body(layout)
        db.execute(
            "INSERT INTO layout VALUES (?, ?, ?)",
            (number, checksum(number, NOTE, NOTE, packed), packed),
        )


def stays_of(count: int, days: int, devices: int) -> list[Stay]:
    """Stays of 30 days (or what there is) that begin at any minute, in the order of devices."""
    length = min(30, days - 1) * DAY_MS
    room = days * DAY_MS - length
    found = []
    for n in range(count):
        start = MONDAY + RANDOM.randrange(0, room)
        found.append(Stay(f"inc{n * devices // count}", start, start + length, MINUTE))
    return found


def summaries(data: Path, stays: list[Stay]) -> None:
    """What ``culturewatch summary`` does: counts, coverage, means; then with excursions."""
    readings = sum((stay.end - stay.start) // MINUTE for stay in stays) * len(KEYS)
    with told(f"{len(stays)} stays summed up ({readings:,} readings)"):
        lines = lines_of(data, stays, {})
    limits = {"temperature": Limits(low=36.5, high=37.5), "co2": Limits(low=4.5, high=5.5)}
    limits |= {"humidity": Limits(low=90.0), "oxygen": Limits(low=19.5)}
    with told("the same, excursions against limits of four channels"):
        found = sum(len(line.excursions or ()) for line in lines_of(data, stays, limits))
    known = sum(line.total.good for line in lines)
    print(f"  {known:,} good readings, {found:,} excursions")


def lines_of(data: Path, stays: list[Stay], limits: dict[str, Limits]) -> list[Line]:
    """The lines of the summary, of one batch a stay."""
    channels = tuple(Channel(key=key, quantity=key, unit="") for key in KEYS)
    with LogReader(data) as log:
        summed = Summaries(
            log,
            equipment=[equipment(device, channels) for device in {stay.device for stay in stays}],
            book=Book(),
            placements=[placement(n, stay) for n, stay in enumerate(stays)],
            span=Interval(0, 1 << 62),
            limits=limits,
        )
        return [line for some in summed for line in some]


def equipment(device: str, channels: tuple[Channel, ...]) -> Equipment:
    """An incubator as a site has it."""
    about = dict.fromkeys(("name", "model", "maker", "manual", "profile", "profile_sha256"), "")
    return Equipment(id=device, period=MINUTE, channels=channels, **about)


def placement(number: int, stay: Stay) -> Placement:
    """A stay as the ledger has it."""
    return Placement(
        row=number + 1,
        batch=f"B-2026-{number:04}",
        device=stay.device,
        position="",
        start=stay.start,
        end=stay.end,
        by="bench",
        entered=stay.start,
        reason="",
    )


def verified(data: Path) -> None:
    """Every byte against the seals."""
    with told("archive verified"):
        found = check.check(data)
    print("  " + "; ".join(map(str, found.found)))
    seals = [each.seal for each in found.sealed]
    size = sum(seal.file.size for seal in seals)
    count = sum(seal.entries for seal in seals)
    print(f"  {size / count / len(KEYS):.2f} bytes a reading, {size / count:.2f} a scan")


def one_day_at_1_hz(data: Path, seconds: int) -> None:
    """A journal with 1,000 channels at 1 Hz, and sealing it."""
    layouts = {
        n + 1: Layout(f"d{n}", tuple(f"k{c}" for c in range(40)), ("co2",) * 40) for n in range(25)
    }
    data.mkdir()
    chance = np.random.default_rng(7)
    kind = np.dtype([("received", "<i8"), ("flags", "u1"), ("values", "<f8", (40,))])
    with (
        told(f"a journal of {seconds} s x 1,000 channels made"),
        closing(sqlite3.connect(data / "journal.db")) as db,
    ):
        db.executescript(f"PRAGMA synchronous = OFF; {SCHEMA}")
        write_layouts(db, layouts)
        for begin in range(0, seconds, 600):
            rows = []
            for second in range(begin, min(begin + 600, seconds)):
                at = MONDAY + second * 1_000
                some = np.zeros(25, kind)
                some["received"] = at + 5
                some["values"] = np.round(37 + chance.normal(0, 0.05, (25, 40)), 2)
                raw = some.tobytes()
                for n in range(25):
                    seq = second * 25 + n + 1
                    packed = raw[n * kind.itemsize : (n + 1) * kind.itemsize]
                    rows.append((seq, n + 1, at, checksum(seq, n + 1, at, packed), packed))
            db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.commit()
    size = (data / "journal.db").stat().st_size
    sealer = Sealer(data, heads=lambda: Heads(None, None), software="bench")
    with told("  sealed: written, read back, compared"):
        [sealed] = sealer.seal(MONDAY + 2 * DAY_MS)
    values = sealed.seal.entries * 40
    print(
        f"  {size / values:.2f} bytes a reading in the journal, "
        f"{sealed.seal.file.size / values:.2f} sealed, {values:,} readings"
    )


def backlog(data: Path, days: int) -> None:
    """A journal that was not sealed for ``days``, its chain kept at its beginning alone; sealed."""
    layouts = {1: Layout("inc0", ("temperature",), ("temperature",))}
    data.mkdir()
    with closing(sqlite3.connect(data / "journal.db")) as db:
        db.executescript(f"PRAGMA synchronous = OFF; {SCHEMA}")
        write_layouts(db, layouts)
        db.execute("INSERT INTO link VALUES (?, ?, ?)", summed("link", 0, BEGINNING))
        db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", one_channel(days))
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.commit()
    sealer = Sealer(data, heads=lambda: Heads(None, None), software="bench")
    began = time.process_time()
    sealed = sealer.seal(MONDAY + days * DAY_MS + GRACE_MS)
    took = time.process_time() - began
    print(
        f"  backlog of {days} days x {sealed[0].seal.entries} scans sealed: {took:.2f} s CPU, "
        f"{took / len(sealed) * 1000:.0f} ms a day",
        flush=True,
    )


def one_channel(days: int) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Rows of a journal: a scan each 10 s."""
    for n, at in enumerate(range(MONDAY, MONDAY + days * DAY_MS, 10_000), 1):
        packed = struct.pack("<qBd", at + 5, 0, 37 + n % 7 / 10)
        yield n, 1, at, checksum(n, 1, at, packed), packed


def main() -> None:
    """Run all of it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=250)
    parser.add_argument("--days", type=int, default=37)
    parser.add_argument("--stays", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=86_400)
    parser.add_argument("--backlog", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "site"
        with told(f"an archive of {asked.days} days x {asked.devices} devices made"):
            build(data, asked.days, asked.devices)
        verified(data)
        summaries(data, stays_of(asked.stays, asked.days, asked.devices))
        one_day_at_1_hz(Path(folder) / "busy", asked.seconds)
        for part in (4, 2, 1):
            backlog(Path(folder) / f"backlog-{part}", max(1, asked.backlog // part))


if __name__ == "__main__":
    main()
