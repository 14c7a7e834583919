"""A salvage may be killed at any step: the next start ends it, and says what happened."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal import Journal
from storage.reader import JournalReader
from tests.unit.storage.samples import scan

pytestmark = pytest.mark.long

COUNT = 400
KILLED = 9
OPEN_AND_DIE = """
import asyncio, os, sys
from pathlib import Path
from storage.journal import Journal

left = int(sys.argv[2])

def step(event, arguments):
    global left
    if event in {"os.rename", "os.remove"} and "journal.db" in str(arguments[0]):
        if not left:
            os._exit(9)
        left -= 1

sys.addaudithook(step)

async def main():
    async with Journal(Path(sys.argv[1])):
        pass

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of which the journal has lost a page, and its log is not empty."""
    folder = tmp_path_factory.mktemp("damaged")
    asyncio.run(store(folder / "living", folder / "image"))
    path = folder / "image" / "journal.db"
    with path.open("r+b") as file:
        file.seek(root_of_entries(path) * 4096)
        file.write(b"\x01" * 4096)
    return folder / "image"


async def store(folder: Path, image: Path) -> None:
    async with Journal(folder) as journal:
        for n in range(COUNT - 1):
            journal.append(scan(n))
        await journal.put(scan(COUNT - 1))
    shutil.copytree(folder, image)


def root_of_entries(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'entry'"
        return int(db.execute(named).fetchone()[0]) - 1


def beside_the_journal(folder: Path) -> list[str]:
    """Names of what a salvage left."""
    return [each.name for each in folder.glob("journal.db.*") if not each.match("*-wal")]


@pytest.mark.parametrize("step", range(6))
async def test_wherever_it_is_killed_the_next_start_ends_it_and_says_so(
    damaged: Path, tmp_path: Path, step: int
) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "journal"))
    arguments = [sys.executable, "-c", OPEN_AND_DIE, str(folder), str(step)]
    # The program stands in this file.
    died = await asyncio.to_thread(
        subprocess.run, arguments, timeout=50, check=False, capture_output=True
    )
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        with JournalReader(folder) as reader:
            found = reader.entries(0, 2 * COUNT)
        await journal.put(scan(COUNT))
        new = journal.last
    async with Journal(folder, on_trouble=said.append):
        pass

    assert died.returncode == KILLED
    assert found == [(n + 1, scan(n)) for n in range(COUNT)]
    assert new > COUNT
    [line] = said
    assert "was damaged" in line
    assert f"{COUNT} entries were salvaged" in line
    [aside] = beside_the_journal(folder)
    assert aside.startswith("journal.db.damaged-")
    assert aside in line
