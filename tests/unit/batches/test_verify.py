"""Whoever changes a record or the data behind it is found out, and the place is named."""

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import chained, history
from alerts.reader import AlarmReader
from alerts.schema import open_store
from alerts.transition import Transition, What
from batches import editions
from batches.alarm_trail import (
    DAY_MS,
    DELIVERIES,
    JOURNAL,
    delivered_otherwise,
    follow,
    note_heads,
)
from batches.batch import Signed
from batches.editions import Edition
from batches.export import manifest
from batches.export.csv import CHUNK_ROWS
from batches.export.json import canonical
from batches.ledger import Ledger
from batches.verify import Fault, Report, verify
from devices.scan import Layout, Scan
from storage.chain import GENESIS, Head
from storage.journal import Journal
from tests.unit.alerts.lived import live  # a test's own
from tests.unit.batches.conftest import alarmed  # a test's own

pytestmark = pytest.mark.long

NOBODY = 65_534
OLD_STORE = Path(__file__).parents[1] / "alerts" / "written_by_older" / "schema-2.db"
FILES = (
    *("readings.csv", "readings.parquet", "record.html", "record.json", "record.pdf"),
    "verify_record.py",
)


@pytest.fixture
def record(written: Path, tmp_path: Path) -> Path:
    """A copy of the record, to be changed."""
    return Path(shutil.copytree(written, tmp_path / "record"))


@pytest.fixture
def sound(record: Path) -> Iterator[Path]:
    """The record, put right again after each example."""
    kept = record.parent / "kept"
    shutil.copytree(record, kept)
    yield record
    shutil.rmtree(kept)


@pytest.fixture
def emptied(tmp_path: Path, lived: Ledger) -> Ledger:
    """The ledger of before, where another one stands by now."""
    for path in (tmp_path / "data").glob("ledger.db*"):
        path.unlink()
    return Ledger(lived.url)


def called(served: str) -> str:
    return "ledger" if served else "ledger.db"


def restore(record: Path) -> None:
    shutil.rmtree(record)
    shutil.copytree(record.parent / "kept", record)


def flip(path: Path, place: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= mask
    path.write_bytes(data)


def test_a_sound_record_verifies_and_says_what_was_checked(record: Path) -> None:
    report = verify(record)
    assert report.sound
    assert len(report.checked) == 7
    assert report.checked[1].startswith("readings.csv: ")


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_one_changed_byte_anywhere_is_found_in_its_file(sound: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*FILES, "manifest.json"]))
    path = sound / name
    flip(path, data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(1, 255)))
    try:
        report = verify(sound)
        assert not report.sound
        assert {fault.where for fault in report.faults} == {name}
    finally:
        restore(sound)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_changed_byte_in_the_table_is_named_with_its_row(
    sound: Path, data: st.DataObject
) -> None:
    path = sound / "readings.csv"
    table = path.read_bytes()
    row = data.draw(st.integers(1, table.count(b"\n") - 1))
    begin = sum(len(line) for line in table.splitlines(keepends=True)[:row])
    end = table.index(b"\n", begin)
    flip(path, data.draw(st.integers(begin, end - 1)), 0x80)
    try:
        assert verify(sound).faults[-1] == Fault(
            where="readings.csv", what=f"row {row} was changed"
        )
    finally:
        restore(sound)


def test_several_changed_rows_are_named_as_a_range(record: Path) -> None:
    path = record / "readings.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    for row in (5, 9):
        lines[row] = lines[row].replace(b"inside", b"INSIDE")
    path.write_bytes(b"".join(lines))
    assert verify(record).faults[-1].what == f"differs somewhere in rows 0 to {CHUNK_ROWS - 1}"


def test_a_row_taken_out_is_named_by_where_it_begins_to_differ(record: Path) -> None:
    path = record / "readings.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1200] + lines[1201:]))
    changed, where = verify(record).faults
    assert "bytes instead of" in changed.what
    assert len(changed.expected) == len(changed.actual) == 64
    assert where.what == f"differs from somewhere in rows 1000 to {len(lines) - 1} on"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(record: Path, name: str) -> None:
    (record / name).unlink()
    (fault,) = verify(record).faults
    assert (fault.where, fault.what) == (name, "is missing")


def test_a_file_that_was_added_is_named(record: Path) -> None:
    (record / "note.txt").write_text("trust me")
    (fault,) = verify(record).faults
    assert (fault.where, fault.what) == ("note.txt", "is not part of the record; it was added")


def test_a_manifest_that_was_taken_away_is_missed(record: Path) -> None:
    (record / "manifest.json").unlink()
    (fault,) = verify(record).faults
    assert fault.where == "manifest.json"
    assert "cannot be read" in fault.what


def test_a_link_to_somewhere_else_is_no_file_of_the_record(record: Path) -> None:
    (record / "record.json").rename(record.parent / "elsewhere")
    (record / "record.json").symlink_to(record.parent / "elsewhere")
    (fault,) = verify(record).faults
    assert (fault.where, fault.what) == ("record.json", "is not a file of this folder")


def test_a_manifest_that_is_a_link_is_no_file_of_the_record(record: Path) -> None:
    (record / "manifest.json").rename(record.parent / "elsewhere")
    (record / "manifest.json").symlink_to(record.parent / "elsewhere")
    (fault,) = verify(record).faults
    assert fault.where == "manifest.json"
    assert "is not a file of this folder" in fault.what


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(record: Path, name: str) -> None:
    (record / name).unlink()
    os.mkfifo(record / name)
    (fault,) = verify(record).faults
    assert fault.where == name
    assert "is not a file of this folder" in fault.what


@pytest.mark.usefixtures("lived")
def test_a_record_without_its_manifest_is_not_taken_for_a_folder_of_data(
    record: Path, tmp_path: Path
) -> None:
    (record / "manifest.json").unlink()
    shutil.copy(tmp_path / "data" / "ledger.db", record)
    (fault,) = verify(record).faults
    assert fault.where == "manifest.json"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\nok     everything", r"'a\nok     everything'"),
        (b"\x1b[2J", r"'\x1b[2J'"),
        (b"\xff", r"'\udcff'"),
    ],
)
def test_the_name_of_a_file_that_was_added_cannot_speak_for_the_report(
    record: Path, name: bytes, shown: str
) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(record), name))).touch()  # noqa: PTH118 # bytes
    report = verify(record)
    (fault,) = report.faults
    assert fault.where == shown
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


@pytest.mark.parametrize("name", ["a\0b", "../x", "/etc/hostname", "", "."])
def test_a_manifest_that_lists_what_is_no_file_of_the_folder_is_refused(
    record: Path, name: str
) -> None:
    listed = manifest.read(record)
    files = listed.files | {name: listed.files["record.json"]}
    forged = msgspec.structs.replace(listed, files=files).sealed()
    (record / "manifest.json").write_bytes(canonical(forged))
    (fault,) = verify(record).faults
    assert fault.what == "is not a file of this folder"


def test_a_folder_that_is_neither_is_said_to_be_none(tmp_path: Path) -> None:
    assert not verify(tmp_path).sound
    assert not verify(tmp_path / "nowhere").sound


@pytest.mark.usefixtures("lived", "alarms")
def test_a_record_agrees_with_the_data_it_was_made_from(
    record: Path, lived: Ledger, tmp_path: Path, served: str
) -> None:
    with lived.database.writing() as connection:
        made = Edition(
            row=0,
            record="B-2026-0001/1767628800000",
            subject="B-2026-0001",
            version=1,
            manifest=manifest.describe(record / "manifest.json").sha256,
            content="{}",
        )
        entry = lived.clerk.entry("record", made.subject, Signed(by="quality"))
        editions.enter(connection, made, entry)
    report = verify(record, data=tmp_path / "data", ledger=served)
    assert (report.sound, report.absent) == (True, ())
    assert {
        f"{called(served)}: the chain of the ledger holds",
        "alarms.db: the chain of the alarm history holds",
        f"manifest.json: is version 1 of 1, entered as row 7 of {called(served)}",
    } <= set(report.checked)


@pytest.mark.usefixtures("lived", "alarms")
def test_a_ledger_made_anew_after_the_record_is_found_by_its_head(
    record: Path, emptied: Ledger, tmp_path: Path, served: str
) -> None:
    for number in range(10):
        emptied.open_batch(f"B-2026-{number:04}", product="x", act=Signed(by="mallory"))
    assert verify(tmp_path / "data", ledger=served).sound
    fault, stranger = verify(record, data=tmp_path / "data", ledger=served).faults
    assert fault.where == called(served)
    assert "table act, row 6, hash: the chain was rewritten" in fault.what
    assert "never entered a record with this manifest" in stranger.what


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
    sound = path.read_bytes()
    assert verify(tmp_path).sound
    for name in (b"outbox_by_", b"schema_version"):
        for found in re.finditer(name, sound):
            # What sqlite3 has to say of it quotes the name.
            at = found.end() - 2
            path.write_bytes(sound[:at] + b"\xef" + sound[at + 1 :])
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


def test_what_the_ledger_has_of_the_alarm_history_is_held_against_it(
    lived: Ledger, alarms: AlarmReader, tmp_path: Path, served: str
) -> None:
    data = tmp_path / "data"
    follow(lived.database, alarms, now=1_767_596_400_000)
    said = f"{called(served)}: what it has of alarm history and journal is what they are"
    assert verify(data, ledger=served).checked[-1] == said
    alarms.close()
    for file in data.glob("alarms.db*"):
        file.unlink()
    store = open_store(data / "alarms.db")
    forged = Transition(at=1, what=What.SET, rule="inc1-hot", channel="inc1.temperature")
    history.append(store, 1, forged)
    store.close()
    (fault,) = verify(data, ledger=served).faults
    assert fault.where == called(served)
    assert "table history, row 1, hash: is not the beginning of the history" in fault.what


async def test_entries_cut_off_the_end_of_the_journal_are_missed(
    ledger: Ledger, tmp_path: Path, served: str
) -> None:
    data = tmp_path / "data"
    async with Journal(data) as kept:
        layout = Layout("inc1", ("temperature",), ("temperature",))
        await kept.put(Scan(layout, 1_000, 1_040, (37.0,), bytes(1)))
        last = kept.stats.last
    note_heads(ledger.database, {JOURNAL: last}, now=1_767_596_400_000)
    assert verify(data, ledger=served).sound
    note_heads(ledger.database, {JOURNAL: last + 1}, now=1_767_596_400_000 + 86_400_000)
    (fault,) = verify(data, ledger=served).faults
    assert (
        fault.what
        == f"table journal.db, row {last}, end: entries were cut off: {last + 1} were noted"
    )


async def test_a_chain_of_pages_made_anew_is_found_by_the_head_that_the_ledger_has(
    ledger: Ledger, tmp_path: Path, served: str
) -> None:
    data, monday = tmp_path / "data", 1_767_596_400_000
    await live(data / "alarms.db")
    with AlarmReader(data / "alarms.db") as alarms:
        follow(ledger.database, alarms, now=monday)
        note_heads(ledger.database, {DELIVERIES: alarms.chain_head()}, now=monday)
        last = alarms.chain_head().sequence
    assert verify(data, ledger=served).sound
    # Whoever owns the file can change a page, and chain all of it anew.
    with closing(sqlite3.connect(data / "alarms.db", isolation_level=None)) as db:
        refusals = "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'chain_refuses%'"
        kept = db.execute(refusals).fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE outbox SET handed = handed - 60000 WHERE id = 1")
        db.execute("DELETE FROM chain")
        chained.begin(db)
        for _, sql in kept:
            db.execute(sql)
    (fault,) = verify(data, ledger=served).faults
    assert fault.where == called(served)
    gone = f"table chain, row {last}, hash: was noted, and is gone"
    assert gone in fault.what
    # What is noted the day after does not cover it up.
    with AlarmReader(data / "alarms.db") as alarms:
        assert note_heads(ledger.database, {DELIVERIES: alarms.chain_head()}, now=monday + DAY_MS)
    (fault,) = verify(data, ledger=served).faults
    assert gone in fault.what


async def test_a_store_that_was_begun_anew_is_not_held_against_the_one_before(
    ledger: Ledger, tmp_path: Path, served: str
) -> None:
    data, monday = tmp_path / "data", 1_767_596_400_000
    await live(data / "alarms.db")
    with AlarmReader(data / "alarms.db") as alarms:
        follow(ledger.database, alarms, now=monday)
        note_heads(ledger.database, {DELIVERIES: alarms.chain_head()}, now=monday)
    for file in data.glob("alarms.db*"):
        file.unlink()
    with alarmed(data / "alarms.db") as alarms:
        follow(ledger.database, alarms, now=monday)
        assert delivered_otherwise(ledger.database, alarms) is None
        note_heads(ledger.database, {DELIVERIES: Head(1, "f" * 64)}, now=monday + 86_400_000)
        broken = delivered_otherwise(ledger.database, alarms)
        assert broken is not None
        assert (broken.table, broken.row) == ("chain", 1)
    assert not verify(data, ledger=served).sound


async def test_a_store_that_was_put_back_is_not_held_against_the_one_in_between(
    ledger: Ledger, tmp_path: Path
) -> None:
    data, monday = tmp_path / "data", 1_767_596_400_000
    await live(data / "alarms.db")
    with AlarmReader(data / "alarms.db") as alarms:
        follow(ledger.database, alarms, now=monday)
        with alarmed(tmp_path / "between.db") as between:
            follow(ledger.database, between, now=monday)
            note_heads(ledger.database, {DELIVERIES: Head(1, "f" * 64)}, now=monday)
            assert delivered_otherwise(ledger.database, between) is not None
        assert delivered_otherwise(ledger.database, alarms) is None


def test_an_alarm_store_of_before_the_chain_is_read_as_before(tmp_path: Path) -> None:
    shutil.copy(OLD_STORE, tmp_path / "alarms.db")
    with AlarmReader(tmp_path / "alarms.db") as alarms:
        assert alarms.chain_head() == Head(0, GENESIS)
        assert alarms.chained_at(1) is None
    said = "alarms.db: what became of pages is in no chain yet; the next start of the core begins"
    assert verify(tmp_path).checked[-1] == said
