"""A folder of data is verified by what each of its files can say of itself."""

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from alerts.reader import AlarmReader
from alerts.schema import open_store
from batches.verify import verify
from devices.scan import Layout, Scan
from storage.chain import GENESIS, Head
from storage.journal import Journal

pytestmark = pytest.mark.long


NOBODY = 65_534
OLD_STORE = Path(__file__).parents[1] / "alerts" / "written_by_older" / "schema-2.db"


@pytest.mark.usefixtures("lived")
def test_data_are_verified_each_in_its_own_way(alarms: AlarmReader, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    alarms.close()
    report = verify(folder)
    assert report.sound
    assert report.absent == ("journal.db",)
    db = sqlite3.connect(folder / "alarms.db")
    db.execute("DROP TRIGGER history_refuses_UPDATE")
    db.execute("UPDATE history SET body = replace(body, 'anna', 'mike') WHERE n = 2")
    db.commit()
    db.close()
    history, schema = verify(folder).faults
    assert {history.where, schema.where} == {"alarms.db"}
    assert "table history, row 2, hash" in history.what
    assert "trigger history_refuses_UPDATE: is missing" in schema.what


@pytest.fixture
def shelf() -> Iterator[Path]:
    """A folder that other accounts can reach, unlike pytest's own."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def _journal(folder: Path) -> None:
    async with Journal(folder):
        pass


@pytest.mark.usefixtures("lived")
def test_data_that_may_only_be_read_are_verified_like_others(
    alarms: AlarmReader, shelf: Path, tmp_path: Path
) -> None:
    alarms.close()
    asyncio.run(_journal(tmp_path / "data"))
    for name in ("ledger.db", "alarms.db", "journal.db"):
        sqlite3.connect(tmp_path / "data" / name).execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(tmp_path / "data" / name, shelf)
        (shelf / name).chmod(0o444)
    shelf.chmod(0o555)
    mine = os.geteuid()
    try:
        if mine == 0:
            os.seteuid(NOBODY)
        report = verify(shelf)
    finally:
        os.seteuid(mine)
        shelf.chmod(0o755)
    assert report.sound, report.faults
    assert len(report.checked) == 4


def test_an_alarm_history_whose_damage_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    open_store(path).close()
    whole = path.read_bytes()
    assert verify(tmp_path).sound
    for name in (b"outbox_by_", b"schema_version"):
        for found in re.finditer(name, whole):
            # What sqlite3 has to say of it quotes the name.
            at = found.end() - 2
            path.write_bytes(whole[:at] + b"\xef" + whole[at + 1 :])
            (fault,) = verify(tmp_path).faults
            assert fault.where == "alarms.db"
            assert "cannot be" in fault.what


def test_damage_of_the_alarm_store_beside_its_history_is_named(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    with closing(open_store(path)) as db:
        db.execute("INSERT INTO trouble (at, line) VALUES (1, 'refused')")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trouble'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    raw = bytearray(path.read_bytes())
    # How many rows the page has (https://www.sqlite.org/fileformat.html#b_tree_pages).
    raw[(page - 1) * size + 4] ^= 4
    path.write_bytes(raw)
    faults = verify(tmp_path).faults
    assert {fault.where for fault in faults} == {"alarms.db"}
    assert "the file is damaged" in faults[-1].what


async def test_damaged_entries_of_the_journal_are_named(tmp_path: Path) -> None:
    shape = Layout("inc1", ("temperature",), ("temperature",))
    async with Journal(tmp_path) as journal:
        for at in range(5):
            await journal.put(Scan(shape, at, at, (37.0,), bytes(1)))
    assert verify(tmp_path).sound
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("UPDATE entry SET at = at + 1 WHERE seq = 3")
    db.commit()
    db.close()
    (fault,) = verify(tmp_path).faults
    assert fault.where == "journal.db"
    assert "entry 3" in fault.what


async def test_a_damaged_index_of_the_journal_is_named(tmp_path: Path) -> None:
    shape = Layout("inc1", ("temperature",), ("temperature",))
    async with Journal(tmp_path) as journal:
        for at in range(5):
            await journal.put(Scan(shape, at, at, (37.0,), bytes(1)))
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("PRAGMA writable_schema = ON")
    taken = "DELETE FROM sqlite_schema WHERE name = 'entry_by_layout' RETURNING type, name, "
    index = db.execute(f"{taken} tbl_name, rootpage, sql").fetchone()
    db.commit()
    db.close()
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("DELETE FROM entry WHERE seq = 3")
    db.execute("PRAGMA writable_schema = ON")
    db.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", index)
    db.commit()
    db.close()
    index, gone = verify(tmp_path).faults
    assert {index.where, gone.where} == {"journal.db"}
    assert "its index is damaged" in index.what
    assert "entry 3 is gone" in gone.what


def test_an_alarm_store_of_before_the_chain_is_read_as_before(tmp_path: Path) -> None:
    shutil.copy(OLD_STORE, tmp_path / "alarms.db")
    with AlarmReader(tmp_path / "alarms.db") as alarms:
        assert alarms.chain_head() == Head(0, GENESIS)
        assert alarms.chained_at(1) is None
    said = "alarms.db: what became of pages is in no chain yet; the next start of the core begins"
    assert verify(tmp_path).checked[-1] == said
