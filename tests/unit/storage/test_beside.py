"""A changed value in any table of the journal is found, and named with its table and row."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from devices.scan import Layout, Scan
from storage import floor
from storage.consistency import Wrong, check
from storage.entry import Command
from storage.journal import Journal
from storage.journalfile import NAME, SCHEMA
from storage.waiting import PEOPLE, JournalError, MessageKey, Outcome

pytestmark = pytest.mark.long

SHAPE = Layout("inc1", ("temperature",), ("temperature",))
CALLED = {"seen": ("topic", "mark"), "layout": ("id",), "quarantine": ("id",), "cursor": ("name",)}
CALLED |= {"start": ("seq",), "link": ("seq",), "entry": ("seq",)}
CALLED |= {"removed": ("one",), "unsummed": ("one",)}


def columns() -> list[tuple[str, str]]:
    """Every column that a journal holds: one that is added and not protected fails its test."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        return db.execute(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c"
            " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND c.hidden = 0"
            " ORDER BY 1, c.cid"
        ).fetchall()


async def live(folder: Path) -> None:
    """Messages, one of them at odds, a command, cursors, a start, and entries that went away."""
    async with Journal(folder) as journal:
        for at in range(1, 1_206):
            scan = Scan(SHAPE, at, at, (37.0,), bytes(1))
            if at <= 2 or at == 1_000:
                key = MessageKey("lab/inc1", str(at), sha256(b"%d" % at).digest())
                await journal.put(scan, key=key)
            else:
                journal.append(scan)
        other = Scan(SHAPE, 9_999, 9_999, (1.0,), bytes(1))
        await journal.put(other, key=MessageKey("lab/inc1", "1", sha256(b"other").digest()))
        ack = Command(id="c-1", at=3_000, by="A", verb="ack", target="r", via="cli")
        await journal.put(ack, key=MessageKey(PEOPLE, "c-1", sha256(b"ack").digest()))
        await journal.advance("influx", 7)
        assert await journal.remove(1_100) == 1_000
    # Numbers were given out that a crash took.
    with closing(sqlite3.connect(folder / NAME)) as db, db:
        last = db.execute("SELECT max(seq) FROM entry").fetchone()[0]
    with floor.Floor(folder) as file:
        file.reached(last + 5, file.hash)
    async with Journal(folder) as journal:
        await journal.put(Scan(SHAPE, 4_000, 4_000, (37.0,), bytes(1)))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lived")
    asyncio.run(live(folder))
    return folder


@pytest.fixture
def data(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "data"))


def faults(data: Path) -> list[str]:
    return [f"{each.where}: {each.what}" for each in check(data) if isinstance(each, Wrong)]


def tamper(data: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(data / NAME)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        assert db.execute(statement, values).rowcount != 0


def test_a_journal_in_which_something_stands_in_every_table_is_sound(data: Path) -> None:
    with closing(sqlite3.connect(data / NAME)) as db:
        for table in {table for table, _ in columns()}:
            assert db.execute(f"SELECT 1 FROM {table}").fetchone() is not None, table  # noqa: S608 # of the schema
    assert faults(data) == []


def other(value: object) -> object:
    match value:
        case int():
            return value + 7_000
        case bytes():
            return bytes([value[0] ^ 1, *value[1:]])
        case _:
            return f"~{value}"


@pytest.mark.parametrize(("table", "column"), columns())
def test_a_changed_value_is_named_with_its_table_and_row(
    data: Path, table: str, column: str
) -> None:
    key = CALLED[table]
    with closing(sqlite3.connect(data / NAME)) as db:
        query = f"SELECT {', '.join(key)}, {column} FROM {table} ORDER BY 1, 2 LIMIT 1"  # noqa: S608 # of the schema
        *name, value = db.execute(query).fetchone()
    where = " AND ".join(f"{one} = ?" for one in key)
    update = f"UPDATE {table} SET {column} = ? WHERE {where}"  # noqa: S608 # of the schema
    tamper(data, update, other(value), *name)
    shown = [other(value) if one == column else each for one, each in zip(key, name, strict=True)]
    if table == "layout":
        with pytest.raises(JournalError, match=f"layout {shown[0]} does not match its checksum"):
            faults(data)
        return
    told = faults(data)
    row = f"table {table}, row {', '.join(f'{each!a}' for each in shown)}: does not match"
    if table == "entry":
        row = f"entry {shown[0]}: row {shown[0]} does not match its checksum"
    assert any(row in one for one in told), told
    # A wrong number of what was removed or never given out makes gaps of numbers, and of no row.
    assert len(told) == 1 or table in {"removed", "start"} or column == "seq", told


def test_what_is_no_number_and_no_text_any_more_is_named(data: Path) -> None:
    tamper(data, "UPDATE cursor SET seq = 'x'")
    tamper(data, "UPDATE seen SET mark = CAST(x'ff' AS TEXT) WHERE mark = '2'")
    seen, cursor = faults(data)
    assert "table seen, row 'lab/inc1', b'no text: \\xff': does not match its checksum" in seen
    assert "table cursor, row 'influx': does not match its checksum" in cursor


def test_a_checksum_that_was_taken_away_is_missed(data: Path) -> None:
    tamper(data, "UPDATE seen SET crc = NULL, digest = x'00' WHERE mark = '1'")
    tamper(data, "UPDATE quarantine SET crc = NULL, reason = 'none'")
    assert [one.partition(":")[2] for one in faults(data)] == [
        " table seen, row 'lab/inc1', '1': does not match its checksum",
        " table quarantine, row 1: does not match its checksum",
    ]


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_file_that_says_it_is_of_another_format_is_not_taken_for_one(
    data: Path, version: int
) -> None:
    tamper(data, "UPDATE seen SET digest = x'00' WHERE mark = '1'")
    with closing(sqlite3.connect(data / NAME)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    (told,) = faults(data)
    assert f"table (file), row 'user_version': says {version}" in told


def test_another_table_is_named(data: Path) -> None:
    with closing(sqlite3.connect(data / NAME)) as db:
        db.execute("DROP INDEX entry_by_layout")
    assert faults(data) == ["journal.db: table (schema), row 'index entry_by_layout': is missing"]


@pytest.mark.parametrize("place", [3, 30, 60, 107])
def test_a_changed_byte_of_the_line_beside_the_journal_is_named(data: Path, place: int) -> None:
    line = bytearray((data / floor.NAME).read_bytes())
    line[place] ^= 1
    (data / floor.NAME).write_bytes(line)
    (told,) = faults(data)
    assert told.startswith("journal.floor: does not match its checksum")


def older(data: Path) -> None:
    """As the format before this one left it."""
    with closing(sqlite3.connect(data / NAME)) as db, db:
        for table in {table for table, column in columns() if column == "crc"}:
            if table not in {"entry", "layout", "unsummed"}:
                db.execute(f"ALTER TABLE {table} DROP COLUMN crc")
        db.execute("DROP TABLE unsummed")
        db.execute("PRAGMA user_version = 2")


async def test_a_journal_of_the_format_before_goes_on_and_is_sound_before_and_after(
    data: Path,
) -> None:
    older(data)
    assert faults(data) == []
    for at in (5_001, 5_002):
        async with Journal(data) as journal:
            key = MessageKey("lab/inc1", str(at), sha256(b"%d" % at).digest())
            await journal.put(Scan(SHAPE, at, at, (37.0,), bytes(1)), key=key)
            again = Scan(SHAPE, 1, 1, (37.0,), bytes(1))
            key = MessageKey("lab/inc1", "1", sha256(b"1").digest())
            assert await journal.put(again, key=key) is Outcome.DUPLICATE
            assert await journal.cursor("influx") == 7
        assert faults(data) == []
    with closing(sqlite3.connect(data / NAME)) as db:
        bare = "SELECT mark FROM seen WHERE crc IS NULL ORDER BY mark"
        assert db.execute(bare).fetchall() == [("1",), ("1000",), ("2",)]
    tamper(data, "UPDATE seen SET digest = x'00' WHERE mark = 'c-1'")
    (told,) = faults(data)
    assert "table seen, row '\\x00people', 'c-1'" in told


async def test_what_is_salvaged_keeps_its_checksums_and_leaves_out_what_was_changed(
    data: Path,
) -> None:
    tamper(data, "UPDATE cursor SET seq = 1205")
    tamper(data, "UPDATE seen SET digest = x'00' WHERE mark = '2'")
    raw = bytearray((data / NAME).read_bytes())
    with closing(sqlite3.connect(data / NAME)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entry_by_layout'")
        raw = bytearray((data / NAME).read_bytes())
        raw[(page.fetchone()[0] - 1) * 4096] ^= 0xFF
    (data / NAME).write_bytes(raw)
    said: list[str] = []
    async with Journal(data, on_trouble=said.append) as journal:
        assert await journal.cursor("influx") == 0
    assert "was damaged" in said[0]
    assert [one for one in faults(data) if "checksum" in one] == []
    with closing(sqlite3.connect(data / NAME)) as db:
        marks = db.execute("SELECT mark FROM seen ORDER BY mark").fetchall()
        assert marks == [("1",), ("1000",), ("c-1",)]
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)
