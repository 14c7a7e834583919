"""What the ledger knows of records, alarms and pages is held against them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

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
from batches.ledger import Ledger
from batches.verify import verify
from devices.scan import Layout, Scan
from storage.chain import Head
from storage.journal import Journal
from tests.unit.alerts.lived import live  # a test's own
from tests.unit.batches.conftest import alarmed  # a test's own

pytestmark = pytest.mark.long


@pytest.fixture
def emptied(tmp_path: Path, lived: Ledger) -> Ledger:
    """The ledger of before, where another one stands by now."""
    for path in (tmp_path / "data").glob("ledger.db*"):
        path.unlink()
    return Ledger(lived.url)


def called(served: str) -> str:
    return "ledger" if served else "ledger.db"


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
