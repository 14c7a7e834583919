"""Reading the journal while it is written, and when nobody writes it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devices.quality import Quality
from devices.scan import Layout, Scan, absent
from storage.journal import Journal, JournalError
from storage.reader import JournalReader
from tests.unit.storage.samples import (
    FREEZER,
    INCUBATOR,
    NOON,
    command,
    scan,
)

WIDER = Layout("ln1", ("level", "lid"), ("level", "state"))


async def store(folder: Path, *entries: Scan) -> None:
    async with Journal(folder) as journal:
        for entry in entries:
            journal.append(entry)


async def test_scans_come_by_their_time_whatever_the_order_of_arrival(tmp_path: Path) -> None:
    await store(tmp_path, *(scan(n, FREEZER) for n in (5, 1, 3)), scan(2, WIDER), scan(4))
    with JournalReader(tmp_path) as reader:
        assert [s.at - NOON for s in reader.scans("ln1", NOON, NOON + 10)] == [1, 2, 3, 5]
        assert [s.device for s in reader.scans("inc1", NOON, NOON + 10)] == ["inc1"]


async def test_a_span_of_time_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    await store(tmp_path, *(scan(n) for n in range(10)))
    with JournalReader(tmp_path) as reader:
        assert [s.at - NOON for s in reader.scans("inc1", NOON + 3, NOON + 6)] == [3, 4, 5]
        assert list(reader.scans("inc1", NOON + 3, NOON + 3)) == []
        assert list(reader.scans("another", NOON, NOON + 3)) == []


async def test_many_scans_of_one_instant_all_come_and_in_order(tmp_path: Path) -> None:
    same = [Scan(INCUBATOR, NOON, NOON + n, (0.0, 0.0), bytes(2)) for n in range(5_000)]
    await store(tmp_path, *same)
    with JournalReader(tmp_path) as reader:
        assert list(reader.scans("inc1", NOON, NOON + 1)) == same


async def test_the_newest_of_each_device(tmp_path: Path) -> None:
    silent = absent(FREEZER, at=NOON + 9, quality=Quality.NO_ANSWER)
    await store(tmp_path, scan(7), scan(3), scan(8, FREEZER), silent, scan(2, WIDER))
    with JournalReader(tmp_path) as reader:
        assert reader.latest("inc1") == scan(7)
        assert reader.latest("ln1") == silent
        assert reader.latest("another") is None


async def test_the_newest_of_each_channel_whatever_message_told_of_it(tmp_path: Path) -> None:
    lid = Scan(Layout("ln1", ("lid",), ("state",)), NOON + 5, NOON + 5, (1.0,), bytes(1))
    whole = Scan(WIDER, NOON + 2, NOON + 2, (40.0, 0.0), bytes(2))
    level = Scan(Layout("ln1", ("level",), ("level",)), NOON + 4, NOON + 4, (41.0,), bytes(1))
    await store(tmp_path, lid, whole, level, scan(7))
    with JournalReader(tmp_path) as reader:
        newest = reader.newest()
    assert [(r.channel, r.value, r.at - NOON) for r in newest["ln1"]] == [
        ("ln1.lid", 1.0, 5),
        ("ln1.level", 41.0, 4),
    ]
    assert [r.at - NOON for r in newest["inc1"]] == [7, 7]


async def test_a_silence_of_the_whole_device_is_newer_than_any_part_of_it(tmp_path: Path) -> None:
    lid = Scan(Layout("ln1", ("lid",), ("state",)), NOON + 5, NOON + 5, (1.0,), bytes(1))
    await store(tmp_path, lid, absent(WIDER, at=NOON + 6))
    with JournalReader(tmp_path) as reader:
        assert {r.quality for r in reader.newest()["ln1"]} == {Quality.NO_ANSWER}


async def test_of_one_instant_what_came_last_is_the_newest(tmp_path: Path) -> None:
    part = Layout("ln1", ("level",), ("level",))
    one, other = (Scan(part, NOON, NOON, (value,), bytes(1)) for value in (1.0, 2.0))
    await store(tmp_path, one, other, Scan(WIDER, NOON, NOON, (3.0, 0.0), bytes(2)))
    with JournalReader(tmp_path) as reader:
        assert [r.value for r in reader.newest()["ln1"]] == [3.0, 0.0]


async def test_a_reader_sees_what_is_written_after_it_began(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        with JournalReader(tmp_path) as reader:
            assert (reader.last, reader.entries(0), reader.layouts()) == (0, [], [])
            await journal.put(scan(1))
            assert reader.entries(0) == [(1, scan(1))]
            await journal.put(command(2))
            await journal.put(scan(3, FREEZER))
            assert reader.entries(1, 1) == [(2, command(2))]
            assert reader.last == 3
            assert reader.latest("ln1") == scan(3, FREEZER)


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    with JournalReader(tmp_path) as reader, pytest.raises(JournalError, match=r"journal\.db"):
        reader.entries(0)


DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from storage.journal import Journal
from tests.unit.storage.samples import scan

async def main():
    async with Journal(Path(sys.argv[1])) as journal:
        for n in range(500):
            journal.append(scan(n))
        await journal.put(scan(500))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_reader_needs_no_core_that_lives(tmp_path: Path) -> None:
    # The program stands above.
    died = subprocess.run([sys.executable, "-c", DIES, tmp_path], check=False, timeout=30)  # noqa: S603
    assert died.returncode == -signal.SIGKILL
    with JournalReader(tmp_path) as reader:
        assert reader.entries(0) == [(n + 1, scan(n)) for n in range(501)]


async def test_reading_changes_nothing(tmp_path: Path) -> None:
    await store(tmp_path, scan(1))
    before = (tmp_path / "journal.db").read_bytes()
    with JournalReader(tmp_path) as reader:
        assert reader.last == 1
    assert (tmp_path / "journal.db").read_bytes() == before
