"""The ledger's tables refuse change, and a change made behind their back is found and named."""

import shutil
import sqlite3
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.acts import Act, append, head, verify_chain
from storage.chain import GENESIS, Broken, Head, Scalar, canonical, link
from storage.database import REVISION, Database, DatabaseError, file_of, upgrade
from storage.schema import DETAILS, metadata

Tamper = Callable[[str, tuple[object, ...]], None]
_EVERYTHING = "SELECT * FROM {t} ORDER BY 1"
TABLES = ("act", *DETAILS)


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without entries: to migrate one anew for each test takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def url(tmp_path: Path, empty_ledger: Path) -> str:
    """A ledger with a batch, two stays, and one correction."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    shutil.copyfile(empty_ledger, tmp_path / "ledger.db")
    said: list[tuple[str, str | None, dict[str, Scalar] | None]] = [
        ("open", "batch", {"id": "B-1", "product": "p", "protocol": "q", "opened_at": 5}),
        ("place", "placement", _stay("inc1", 10)),
        ("leave", "departure", {"placement": 2, "end_at": 20}),
        ("place", "placement", _stay("inc2", 20)),
        ("close", None, None),
    ]
    with Database(url).writing() as connection:
        for kind, table, detail in said:
            entry = Act(kind=kind, subject="B-1", by="anna", at=10, entered=11, reason="routine")
            append(connection, entry, table, detail)
    return url


FURTHER: dict[str, dict[str, Scalar]] = {
    "protocol": {"name": "n", "version": "1", "digest": "aa", "content": "{}"},
    "checking": {"entry": 4},
    "patient": {"token": "PT-0A1B2C3D"},
    "biopsy": {"id": "BX-2026-0001", "taken_at": 5},
    "passage": {"batch": "B-1", "number": 1},
    "descent": {"child": "B-1", "parent": "BX-2026-0001", "since": 5},
    "vial": {"id": "B-1-V001", "batch": "B-1", "passage": 1, "frozen_at": 9},
    "person": {"id": "anna", "name": "A. N.", "roles": "operator", "active": 1},
    "credential": {"person": "anna", "digest": "ab", "scheme": "argon2id", "set_by_other": 0},
    "audit": {"area": "access", "item": "anna", "outcome": "wrong", "old": None, "new": None},
    "enrolment": {"handle": "PH-0A1B2C3D4E5F", "sealed": "AAAA"},
    "shipment": {
        "id": "SH-1",
        "origin": "here",
        "destination": "there",
        "carrier": "c",
        "shipper": "s",
    },
    "transit": {
        "shipment": "SH-1",
        "vial": "B-1-V001",
        "start_at": 10,
        "gave": "anna",
        "logger": "",
    },
    "arrival": {"transit": 18, "end_at": 12, "outcome": "lost", "state": "", "logger": ""},
    "consignment": {
        "shipment": "SH-2",
        "source": "there",
        "sha256": "ab",
        "head_sequence": 7,
        "head_hash": "cd",
        "content": "{}",
    },
    "carried": {
        "vial": "B-1-V001",
        "shipment": "SH-2",
        "until_at": 9,
        "above_150_ms": 1,
        "above_135_ms": 0,
        "unknown_ms": 2,
    },
    "intake": {
        "device": "inc1",
        "channel": "t",
        "quantity": "temperature",
        "file": "l.csv",
        "sha256": "ef",
        "readings": 3,
        "period_ms": 60_000,
        "start_at": 1,
        "end_at": 9,
    },
    "sensor": {"serial": "T-1", "model": "m", "maker": "k"},
    "installation": {
        "sensor": "T-1",
        "channel": "inc1.temperature",
        "quantity": "temperature",
        "start_at": 9,
        "end_at": None,
    },
    "certificate": {
        "sensor": "T-1",
        "quantity": "temperature",
        "calibrated_at": 8,
        "due_at": 90,
        "laboratory": "l",
        "number": "n",
        "file": "ab",
        "content": "{}",
    },
    "calibrating": {"sensor": "T-1", "start_at": 8, "until_at": 10, "end_at": None},
    "conclusion": {"entry": 4, "end_at": 12},
    "care": {"device": "inc1", "what": "clean", "agent": "a", "start_at": 8, "end_at": 9},
}
ROWS = {"act": 3, "batch": 1, "placement": 4, "departure": 3} | {
    table: row for row, table in enumerate(FURTHER, start=6)
}
"""A row of each table of the full ledger."""


@pytest.fixture
def full(url: str) -> str:
    """The same ledger, with a row in every other table as well."""
    with Database(url).writing() as connection:
        for table, detail in FURTHER.items():
            entry = Act(kind=table, subject="B-1", by="ben", at=12, entered=12, reason="")
            append(connection, entry, table, detail)
    return url


def test_every_table_has_its_row(full: str) -> None:
    assert ROWS.keys() == {"act", *DETAILS}
    assert verify_chain(full) is None


def _stay(device: str, start: int) -> dict[str, Scalar]:
    return {"batch": "B-1", "device": device, "position": "a", "start_at": start, "end_at": None}


@pytest.fixture
def tamper(url: str) -> Tamper:
    """Runs a statement with the triggers out of the way, and puts them back."""

    def run(statement: str, arguments: tuple[object, ...]) -> None:
        db = sqlite3.connect(str(file_of(url)), isolation_level=None)
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement, arguments)
        for _, sql in triggers:
            db.execute(sql)
        db.close()

    return run


def test_a_link_is_the_hash_of_what_stood_before_and_what_is_said() -> None:
    # sha256sum of 64 zeros, a line feed, and {"a":1,"b":"é"} in UTF-8.
    body = canonical({"b": "é", "a": 1})
    assert body == '{"a":1,"b":"é"}'
    assert link(GENESIS, body) == "7d5e9a9278f1a0a992148a90d6682a840674a323d8f1d955d7e2c15a04fab679"


def test_a_sound_ledger_verifies(url: str) -> None:
    assert verify_chain(url) is None
    with Database(url).reading() as connection:
        now = head(connection)
    assert now.sequence == 5
    assert verify_chain(url, now) is None


def test_an_empty_ledger_verifies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url)
    assert verify_chain(url) is None
    assert verify_chain(url, Head(0, GENESIS)) is None


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET sequence = sequence + 100",
        "DELETE FROM {t}",
        "INSERT OR REPLACE INTO {t} SELECT * FROM {t}",
        "REPLACE INTO {t} SELECT * FROM {t}",
    ],
)
def test_no_row_can_be_changed_deleted_or_replaced(full: str, table: str, statement: str) -> None:
    # A connection of somebody else's, without any of our settings.
    db = sqlite3.connect(str(file_of(full)))
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        db.execute(statement.format(t=table))
    db.close()
    assert verify_chain(full) is None


def columns() -> list[tuple[str, str]]:
    return [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name != "sequence"
    ]


@pytest.mark.parametrize(("table", "column"), columns())
def test_a_changed_field_is_named_with_its_table_and_row(
    full: str, tamper: Tamper, table: str, column: str
) -> None:
    row = ROWS[table]
    changed = (
        "UPDATE {t} SET {c} = CASE typeof({c}) WHEN 'integer' THEN {c} + 1 "
        "WHEN 'null' THEN 1 ELSE 'f' || substr({c}, 2) END WHERE sequence = ?"
    )
    tamper(changed.format(t=table, c=column), (row,))
    broken = verify_chain(full)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == (table, row, column)


def test_text_replaced_by_bytes_that_json_spells_the_same_is_found(
    url: str, tamper: Tamper
) -> None:
    tamper("UPDATE placement SET device = ? WHERE sequence = 2", (b64decode("inc1"),))
    assert verify_chain(url) == Broken(
        table="placement", row=2, field="device", why="holds bytes, not text"
    )


def test_bytes_that_are_no_text_are_not_taken_for_their_spelling(url: str, tamper: Tamper) -> None:
    entry = Act(kind="note", subject="B-1", by="anna", at=12, entered=12, reason=r"\xff")
    with Database(url).writing() as connection:
        append(connection, entry)
    assert verify_chain(url) is None
    tamper("UPDATE act SET reason = CAST(x'ff' AS TEXT) WHERE sequence = 6", ())
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("act", 6, "reason")


@pytest.mark.parametrize("table", list(DETAILS))
def test_a_deleted_detail_is_missed(full: str, tamper: Tamper, table: str) -> None:
    row = ROWS[table]
    delete = "DELETE FROM {t} WHERE sequence = ?"
    tamper(delete.format(t=table), (row,))
    broken = verify_chain(full)
    assert broken == Broken(table=table, row=row, field="sequence", why="the row is gone")


def test_a_deleted_act_is_missed(url: str, tamper: Tamper) -> None:
    tamper("DELETE FROM act WHERE sequence = ?", (3,))
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("act", 3, "sequence")


def test_a_row_that_no_act_entered_is_found(url: str, tamper: Tamper) -> None:
    tamper("INSERT INTO departure VALUES (5, 4, ?)", (30,))
    broken = verify_chain(url)
    assert broken == Broken(
        table="departure", row=5, field="sequence", why="no act entered this row"
    )


def test_rows_cut_off_the_end_are_missed_with_a_head_noted_earlier(
    url: str, tamper: Tamper
) -> None:
    with Database(url).reading() as connection:
        noted = head(connection)
    tamper("DELETE FROM act WHERE sequence = ?", (5,))
    assert verify_chain(url) is None
    broken = verify_chain(url, noted)
    assert broken is not None
    assert (broken.table, broken.row) == ("act", 5)
    assert "cut off" in broken.why


def test_a_row_rewritten_with_a_hash_that_fits_is_found_at_the_next_row(
    url: str, tamper: Tamper
) -> None:
    db = sqlite3.connect(str(file_of(url)))
    body, previous = db.execute("SELECT body, previous FROM act WHERE sequence = 2").fetchone()
    db.close()
    forged = body.replace("anna", "mike")
    tamper(
        "UPDATE act SET done_by = 'mike', body = ?, hash = ? WHERE sequence = 2",
        (forged, link(previous, forged)),
    )
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("act", 3, "previous")
    assert "row 2 was rewritten" in broken.why


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("DROP TRIGGER act_no_update", "trigger act_no_update"),
        ("DROP VIEW stay", "view stay"),
        ("DROP INDEX placement_device", "index placement_device"),
        ("CREATE TABLE extra (x)", "table extra"),
    ],
)
def test_a_protection_taken_away_is_found(url: str, statement: str, field: str) -> None:
    db = sqlite3.connect(str(file_of(url)))
    db.execute(statement)
    db.close()
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.field) == ("(schema)", field)


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


@pytest.mark.parametrize("version", ["r0001", "r0002", "r0003"])
def test_a_ledger_of_an_earlier_version_is_sound_before_and_after_it_is_brought_up_to_date(
    tmp_path: Path, version: str
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    upgrade(url, to=version)
    entry = Act(kind="open", subject="B-1", by="anna", at=10, entered=11, reason="")
    with Database(url).writing() as connection:
        detail: dict[str, Scalar] = {"id": "B-1", "product": "p", "protocol": "", "opened_at": 5}
        append(connection, entry, "batch", detail)
        noted = head(connection)
    assert verify_chain(url, noted) is None
    upgrade(url)
    assert verify_chain(url, noted) is None
    with Database(url).reading() as connection:
        assert head(connection) == noted


def test_the_tables_the_queries_use_are_those_the_migrations_make(url: str) -> None:
    with Database(url).reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_revision_this_software_works_with_is_the_newest() -> None:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_ledger_of_a_newer_version_is_left_alone(url: str) -> None:
    db = sqlite3.connect(str(file_of(url)))
    db.execute("UPDATE alembic_version SET version_num = 'r9999'")
    db.commit()
    db.close()
    with pytest.raises(DatabaseError, match="use the version that wrote it, or a newer one"):
        upgrade(url)


def test_a_transaction_that_fails_leaves_nothing(url: str) -> None:
    entry = Act(kind="open", subject="B-2", by="a", at=1, entered=1, reason="")
    database = Database(url)
    with pytest.raises(DatabaseError), database.writing() as connection:
        append(connection, entry, "batch", {"id": None})
    assert verify_chain(url) is None
    with database.reading() as connection:
        assert head(connection).sequence == 5


def test_a_ledger_held_by_another_process_is_said_to_be(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_S", 0.05)
    other = sqlite3.connect(str(file_of(url)), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(DatabaseError, match="another process has held it"),
        Database(url).writing(),
    ):
        pass
    other.close()


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
