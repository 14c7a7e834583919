"""A record is the same to the last byte, whether its readings are sealed or in the journal."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from alerts.reader import AlarmReader
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.record import Made
from batches.setting import Setting
from devices.scan import Scan
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader
from storage.archive.sealer import Heads, Sealer
from storage.journal import Journal

pytestmark = pytest.mark.long

B = "B-2026-0001"
GROUP = 200


class Kept(Protocol):
    kept: dict[str, list[Scan]]


async def stored(folder: Path, scans: Sequence[Scan]) -> None:
    async with Journal(folder) as journal:
        for n, scan in enumerate(scans, 1):
            if n % GROUP and n < len(scans):
                journal.append(scan)
            else:
                await journal.put(scan)


async def freed(folder: Path, upto: int) -> int:
    async with Journal(folder) as journal:
        return await journal.remove(upto)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def data(journal: Kept, tmp_path: Path) -> Path:
    """The readings of the batch in a journal, in the order in which they came."""
    scans = sorted((s for kept in journal.kept.values() for s in kept), key=lambda s: s.received)
    asyncio.run(stored(tmp_path / "journal", scans))
    return tmp_path / "journal"


def test_a_record_is_the_same_on_both_sides_of_the_seal(
    data: Path, lived: Ledger, *, alarms: AlarmReader, setting: Setting, made: Made, tmp_path: Path
) -> None:
    def record(name: str) -> dict[str, bytes]:
        with LogReader(data) as log:
            folder = make_record(
                B,
                tmp_path / name,
                ledger=lived,
                readings=log,
                alarms=alarms,
                setting=setting,
                made=made,
            )
            assert log.damaged == {}
        return files(folder)

    before = record("before")
    with LogReader(data) as log:
        newest = max(entry.at for _, entry in log.entries(0, 100_000))
    sealed = Sealer(data, heads=lambda: Heads(None, None), software="test").seal(
        newest + 2 * DAY_MS
    )
    assert sealed
    assert record("sealed") == before
    asyncio.run(freed(data, sealed[-1].seal.last))
    assert record("freed") == before
