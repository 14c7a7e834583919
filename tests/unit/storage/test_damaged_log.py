"""What stands in the write-ahead log after a crash is as safe as what stands in the file."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal import Journal, JournalError
from storage.journalfile import VERSION
from storage.reader import JournalReader
from tests.unit.storage.samples import scan

pytestmark = pytest.mark.long

COUNT = 300
FRAME = 24 + 4096
MOST_OF_A_PAGE = 120


async def store_and_crash(folder: Path, image: Path) -> None:
    async with Journal(folder) as journal:
        for n in range(COUNT):
            # One transaction each: the log gets several frames an entry.
            await journal.put(scan(n))
        shutil.copytree(folder, image)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a killed core leaves it: nearly all is in the log, nothing in the file."""
    folder = tmp_path_factory.mktemp("crashed")
    asyncio.run(store_and_crash(folder / "living", folder / "image"))
    return folder / "image"


@pytest.fixture
def folder(crashed: Path, tmp_path: Path) -> Path:
    """A copy of it, to harm."""
    return Path(shutil.copytree(crashed, tmp_path / "journal"))


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda log: log[:at] + bytes((log[at] ^ 0x10,)) + log[at + 1 :]


def set_aside(folder: Path, tail: str = "") -> list[Path]:
    """Damaged files that were kept."""
    return list(folder.glob(f"journal.db.damaged-*{tail}"))


async def reopened(folder: Path) -> tuple[set[int], int, list[str]]:
    """The numbers read back after a start, the number of a new entry, and what was said."""
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        with JournalReader(folder) as reader:
            found = dict(reader.entries(0, 2 * COUNT))
        await journal.put(scan(COUNT))
        new = journal.last
    assert all(entry == scan(seq - 1) for seq, entry in found.items())
    return set(found), new, said


@pytest.mark.parametrize(
    ("harm", "most_lost"),
    [
        pytest.param(flip(32 + 60 * FRAME + 2_000), 0, id="a page written again later"),
        pytest.param(flip(32 + 60 * FRAME + 9), 0, id="the head of a frame"),
        pytest.param(flip(18), 0, id="salt of the log"),
        pytest.param(lambda log: bytes(32) + log[32:], 0, id="head of the log is zero"),
        pytest.param(lambda log: log[: -FRAME - 5], MOST_OF_A_PAGE, id="torn at its end"),
    ],
)
async def test_a_damaged_frame_costs_no_entry_that_can_still_be_read(
    folder: Path, harm: Callable[[bytes], bytes], most_lost: int
) -> None:
    log = folder / "journal.db-wal"
    harmed = harm(log.read_bytes())
    log.write_bytes(harmed)

    found, new, said = await reopened(folder)

    assert COUNT - len(found) <= most_lost
    assert new > COUNT
    assert len(said) == 1
    assert all(kept.read_bytes() == harmed for kept in set_aside(folder, "-wal"))


async def test_wherever_the_log_is_harmed_a_loss_is_small_and_said(
    crashed: Path, tmp_path: Path
) -> None:
    chance = random.Random(3)
    size = (crashed / "journal.db-wal").stat().st_size
    for attempt in range(20):
        folder = Path(shutil.copytree(crashed, tmp_path / str(attempt)))
        log = folder / "journal.db-wal"
        log.write_bytes(flip(chance.randrange(size))(log.read_bytes()))

        found, new, said = await reopened(folder)

        assert COUNT - len(found) <= MOST_OF_A_PAGE
        assert said or len(found) == COUNT
        assert new > COUNT


async def test_a_sound_log_is_followed_without_a_word(folder: Path) -> None:
    found, new, said = await reopened(folder)
    assert (found, new, said) == (set(range(1, COUNT + 1)), COUNT + 1, [])


async def test_the_log_of_a_newer_version_is_left_alone(folder: Path) -> None:
    (folder / "journal.floor").unlink()
    async with Journal(folder):
        pass
    path = folder / "journal.db"
    page = path.read_bytes()
    path.write_bytes(page[:60] + (VERSION + 1).to_bytes(4, "big") + page[64:])
    (folder / "journal.db-wal").write_bytes(b"what only the newer one can read")
    with pytest.raises(JournalError, match="start the newer one"):
        await Journal(folder).__aenter__()
    assert set_aside(folder) == []


async def test_a_first_start_killed_before_its_tables_is_no_damage(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
    said: list[str] = []
    async with Journal(tmp_path, on_trouble=said.append) as journal:
        await journal.put(scan(1))
        assert journal.last == 1
    assert said == []


async def test_a_log_taken_away_before_anything_was_copied_out_of_it_is_said(folder: Path) -> None:
    (folder / "journal.db-wal").unlink()
    found, new, said = await reopened(folder)
    assert (found, new > COUNT) == (set(), True)
    assert len(said) == 1
    assert f"Entries 1 to {COUNT} are gone" in said[0]
