"""Files that somebody takes away from under a running core."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.journal import Journal
from storage.reader import JournalReader
from tests.unit.storage.samples import scan

COUNT = 50


def take_log(folder: Path) -> None:
    (folder / "journal.db-wal").unlink()


def take_all(folder: Path) -> None:
    (folder / "journal.db").rename(folder / "elsewhere")


@pytest.mark.long
@pytest.mark.parametrize(
    ("take", "kept"),
    [pytest.param(take_log, 1, id="log"), pytest.param(take_all, COUNT + 1, id="file")],
)
async def test_what_is_acknowledged_afterwards_is_on_disk_and_it_is_said(
    tmp_path: Path, take: Callable[[Path], None], kept: int
) -> None:
    folder, image = tmp_path / "journal", tmp_path / "image"
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal, asyncio.timeout(20):
        with JournalReader(folder) as reader:
            for n in range(COUNT):
                await journal.put(scan(n))
            assert reader.last == COUNT
            take(folder)
            for n in range(COUNT, 2 * COUNT):
                await journal.put(scan(n))
            assert reader.last == journal.last
        # As a core that is killed now would leave it.
        shutil.copytree(folder, image)

    async with Journal(image):
        with JournalReader(image) as reader:
            found = [entry for _, entry in reader.entries(0)]
    assert found == [scan(n) for n in range(kept - 1, 2 * COUNT)]
    assert "was taken away or replaced" in said[0]
    assert said[-1].endswith("nothing was lost of what waited")
