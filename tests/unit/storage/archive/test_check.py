"""What is changed in the journal or the archive is found and named; what is whole is not blamed."""

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import consistency
from storage.archive import check as archive
from storage.archive.log import LogReader
from storage.archive.seal import present, read
from storage.consistency import Wrong
from storage.entry import Entry
from storage.journal import Journal
from storage.pack import checksum
from storage.short import whole as spelled_out
from tests.unit.storage.archive.week import MINUTE, entries, remove, seal, store

LOG = entries(3, step=6 * MINUTE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days sealed, the journal freed of what it may be."""
    folder = tmp_path_factory.mktemp("whole")
    store(folder, LOG)
    assert remove(folder, seal(folder, 2.5)[-1].seal.last) == 1_000
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


def wrong(folder: Path) -> list[Wrong]:
    sealed = archive.check(folder)
    found = [*sealed.found, *consistency.check(folder, noted=sealed.noted)]
    return [each for each in found if isinstance(each, Wrong)]


def change(folder: Path, statement: str, *values: int) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute(statement, values)


def again(folder: Path, *log: Entry) -> list[str]:
    """What a core says that starts on it; it puts ``log`` in."""
    said: list[str] = []

    async def start() -> None:
        async with Journal(folder, on_trouble=said.append) as journal:
            for entry in log:
                await journal.put(entry)

    asyncio.run(start())
    return said


def test_what_nobody_touched_is_whole(folder: Path) -> None:
    assert wrong(folder) == []
    assert again(folder) == []
    assert wrong(folder) == []


def last(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        return int(db.execute("SELECT max(seq) FROM entry").fetchone()[0])


def test_an_entry_that_was_taken_out_of_a_journal_is_found(tmp_path: Path) -> None:
    store(tmp_path, LOG[:20])
    change(tmp_path, "DELETE FROM entry WHERE seq = 3")
    found = [each.what for each in wrong(tmp_path)]
    assert found == ["entry 3 is gone: taken out by something else than this program"]
    # It is said at the next start, and stays to be found.
    [line] = again(tmp_path)
    assert "Entries 1 to 20 are not what was written" in line
    again(tmp_path, LOG[20])
    assert [each.what for each in wrong(tmp_path)] == found


def forge(folder: Path, nth: int) -> int:
    """Change a scan and its checksum with it, as a forger would; its number."""
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        row = db.execute(
            "SELECT seq, layout, at, crc, body FROM entry WHERE layout > 0 LIMIT 1 OFFSET ?", (nth,)
        ).fetchone()
        seq, layout, at, _, body = spelled_out(row)
        forged = bytes([body[0] ^ 1]) + body[1:]
        crc = checksum(seq, layout, at, forged)
        db.execute("UPDATE entry SET body = ?, crc = ? WHERE seq = ?", (forged, crc, seq))
    return int(seq)


def test_so_is_one_that_was_changed_with_its_checksum(tmp_path: Path) -> None:
    store(tmp_path, LOG[:20])
    forge(tmp_path, 4)
    assert [each.what for each in wrong(tmp_path)] == ["entries 1 to 20 are not what was written"]


def test_entries_cut_off_the_end_are_missed(folder: Path) -> None:
    end = last(folder)
    change(folder, "DELETE FROM entry WHERE seq > ?", end - 5)
    assert [each.what for each in wrong(folder)] == [
        f"ends with entry {end - 5}; entry {end} had been written"
    ]


def test_a_change_behind_the_seal_is_held_against_the_seal(folder: Path) -> None:
    """Whoever changes an entry may make all links and the newest head anew; not the seal."""
    seq = forge(folder, 2)
    change(folder, "DELETE FROM link WHERE seq > ?", seq)
    (folder / "journal.floor").unlink()
    [found] = wrong(folder)
    assert found.what == "entries 1001 to 1325 are not what was written"


def damage(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))


def middle_of_a_group(folder: Path) -> None:
    path = folder / "archive" / "2026-09-23.parquet"
    damage(path, 200)


def its_footer(folder: Path) -> None:
    path = folder / "archive" / "2026-09-23.parquet"
    damage(path, path.stat().st_size - 30)


def a_seal(folder: Path) -> None:
    path = present(folder)[0]
    path.write_bytes(path.read_bytes().replace(b'"entries":', b'"entries" :'))


def a_seal_is_gone(folder: Path) -> None:
    present(folder)[0].unlink()


def a_file_is_gone(folder: Path) -> None:
    (folder / "archive" / "2026-09-22.parquet").unlink()


def sums(folder: Path) -> None:
    damage(folder / "archive" / "2026-09-22.sums.parquet", 100)


@pytest.mark.parametrize(
    ("harm", "where", "what"),
    [
        (middle_of_a_group, "archive/2026-09-23.parquet", "row group 0 of 1"),
        (its_footer, "archive/2026-09-23.parquet", "outside of its entries"),
        (a_seal, "archive/2026-09-23.seal.json", "does not follow"),
        (a_seal_is_gone, "archive/2026-09-23.seal.json", "does not follow"),
        (a_file_is_gone, "archive/2026-09-22.parquet", "is missing"),
        (sums, "archive/2026-09-22.sums.parquet", "was changed"),
    ],
)
def test_each_harm_to_the_archive_is_named(
    folder: Path, harm: Callable[[Path], None], where: str, what: str
) -> None:
    harm(folder)
    found = wrong(folder)
    assert [each.where for each in found if what in each.what] == [where]


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_byte_of_the_newest_seal_can_be_changed_unseen(
    folder: Path, where: float, bit: int
) -> None:
    path = present(folder)[-1]
    sound = path.read_bytes()
    at = int(where * len(sound))
    path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
    found = [each for each in archive.check(folder).found if isinstance(each, Wrong)]
    path.write_bytes(sound)
    assert any(path.name in f"{each.where} {each.what}" for each in found)


def test_a_seal_of_the_first_format_is_read_and_its_damage_named(folder: Path) -> None:
    path = present(folder)[-1]
    told = path.read_bytes().partition(b"\n")[0].replace(b'"format":2', b'"format":1') + b"\n"
    path.write_bytes(told)
    assert wrong(folder) == []
    assert read(path).seal.format == 1
    damaged = re.sub(rb'("journal":.*?"hash":")..', rb"\1zz", told)
    path.write_bytes(damaged)
    [found] = [each for each in wrong(folder) if each.where.endswith(path.name)]
    assert "notes a hash that is none" in found.what


def test_a_journal_that_was_lost_goes_on_above_what_is_sealed(folder: Path) -> None:
    for file in folder.glob("journal.*"):
        file.unlink()
    [line] = again(folder, LOG[-1])
    assert "are gone from it" in line
    with LogReader(folder) as log:
        assert log.entries(1_320) == list(enumerate(LOG[1_320:1_325], 1_321))
        [(seq, entry)] = log.entries(1_325)
    assert seq > 1_325
    assert entry == LOG[-1]
