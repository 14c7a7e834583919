"""What only an SQLite ledger can suffer: bytes for text, damaged pages, a disk that is full."""

import sqlite3
from base64 import b64decode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from storage.acts import Act, append, verify_chain
from storage.chain import Broken
from storage.database import Database, DatabaseError, file_of
from storage.schema import DETAILS
from tests.intruder import Intruder

pytestmark = pytest.mark.long

_EVERYTHING = "SELECT * FROM {t} ORDER BY 1"
TABLES = ("act", *DETAILS)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_no_row_can_be_replaced(full: str, intruder: Intruder, table: str, verb: str) -> None:
    with pytest.raises(IntegrityError, match=f"{table} is append-only"):
        intruder.run(f"{verb} INTO {table} SELECT * FROM {table}")  # noqa: S608 # one of ours
    assert verify_chain(full) is None


def test_a_trigger_taken_away_is_found(url: str, intruder: Intruder) -> None:
    intruder.run("DROP TRIGGER act_no_update")
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.field) == ("(schema)", "trigger act_no_update")


def test_text_replaced_by_bytes_that_json_spells_the_same_is_found(
    url: str, intruder: Intruder
) -> None:
    changed = "UPDATE placement SET device = :device WHERE sequence = 2"
    intruder.tamper(changed, {"device": b64decode("inc1")})
    assert verify_chain(url) == Broken(
        table="placement", row=2, field="device", why="holds bytes, not text"
    )


def test_bytes_that_are_no_text_are_not_taken_for_their_spelling(
    url: str, intruder: Intruder
) -> None:
    entry = Act(kind="note", subject="B-1", by="anna", at=12, entered=12, reason=r"\xff")
    with Database(url).writing() as connection:
        append(connection, entry)
    assert verify_chain(url) is None
    intruder.tamper("UPDATE act SET reason = CAST(x'ff' AS TEXT) WHERE sequence = 6")
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("act", 6, "reason")


@pytest.mark.long
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_byte_of_the_file_is_either_found_or_changes_no_answer(
    url: str, data: st.DataObject
) -> None:
    path = file_of(url)
    assert path is not None
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    truth = _all(db)
    db.close()
    sound = path.read_bytes()
    place = data.draw(st.integers(0, len(sound) - 1))
    flipped = bytearray(sound)
    flipped[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(flipped)
    try:
        assert _found(url) or _all(sqlite3.connect(path)) == truth
    finally:
        path.write_bytes(sound)
        for rest in path.parent.glob("ledger.db-*"):
            rest.unlink()


def _found(url: str) -> bool:
    try:
        return verify_chain(url) is not None
    except DatabaseError:
        return True


def _all(db: sqlite3.Connection) -> list[object]:
    rows = [db.execute(_EVERYTHING.format(t=table)).fetchall() for table in TABLES]
    db.close()
    return [*rows]


def test_a_full_disk_keeps_nothing_and_says_so(url: str) -> None:
    database = Database(url)
    entry = Act(kind="note", subject="B-1", by="a", at=1, entered=1, reason="x" * 5_000_000)

    def write() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 60")
            append(connection, entry)

    with pytest.raises(DatabaseError, match="free space on that disk"):
        write()
    assert verify_chain(url) is None
