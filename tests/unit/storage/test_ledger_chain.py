"""The ledger's tables refuse change, and a change made behind their back is found and named.

On PostgreSQL as well: ``tests/integration/postgres``.
"""

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Integer
from sqlalchemy.exc import IntegrityError

from storage.acts import Act, append, head, verify_chain
from storage.chain import GENESIS, Broken, Head, Scalar, canonical, link
from storage.database import REVISION, Database, DatabaseError, upgrade
from storage.schema import DETAILS, metadata
from tests.intruder import Intruder
from tests.unit.storage.conftest import ROWS

pytestmark = pytest.mark.long

TABLES = ("act", *DETAILS)


def test_every_table_has_its_row(full: str) -> None:
    assert ROWS.keys() == {"act", *DETAILS}
    assert verify_chain(full) is None


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


def test_an_empty_ledger_verifies(ledger_url: str) -> None:
    upgrade(ledger_url)
    assert verify_chain(ledger_url) is None
    assert verify_chain(ledger_url, Head(0, GENESIS)) is None


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["UPDATE {t} SET sequence = sequence + 100", "DELETE FROM {t}"]
)
def test_no_row_can_be_changed_or_deleted(
    full: str, intruder: Intruder, table: str, statement: str
) -> None:
    with pytest.raises(IntegrityError, match=f"{table} is append-only"):
        intruder.run(statement.format(t=table))
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
    full: str, intruder: Intruder, table: str, column: str
) -> None:
    row = ROWS[table]
    number = isinstance(metadata.tables[table].c[column].type, Integer)
    text = "UPDATE {t} SET {c} = COALESCE('f' || substr({c}, 2), 'f') WHERE sequence = :row"
    changed = "UPDATE {t} SET {c} = COALESCE({c} + 1, 1) WHERE sequence = :row" if number else text
    intruder.tamper(changed.format(t=table, c=column), {"row": row})
    broken = verify_chain(full)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == (table, row, column)


@pytest.mark.parametrize("table", list(DETAILS))
def test_a_deleted_detail_is_missed(full: str, intruder: Intruder, table: str) -> None:
    row = ROWS[table]
    delete = "DELETE FROM {t} WHERE sequence = :row"
    intruder.tamper(delete.format(t=table), {"row": row})
    broken = verify_chain(full)
    assert broken == Broken(table=table, row=row, field="sequence", why="the row is gone")


def test_a_deleted_act_is_missed(url: str, intruder: Intruder) -> None:
    intruder.tamper("DELETE FROM act WHERE sequence = 3")
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("act", 3, "sequence")


def test_a_row_that_no_act_entered_is_found(url: str, intruder: Intruder) -> None:
    intruder.tamper("INSERT INTO departure VALUES (5, 4, 30)")
    broken = verify_chain(url)
    assert broken == Broken(
        table="departure", row=5, field="sequence", why="no act entered this row"
    )


def test_rows_cut_off_the_end_are_missed_with_a_head_noted_earlier(
    url: str, intruder: Intruder
) -> None:
    with Database(url).reading() as connection:
        noted = head(connection)
    intruder.tamper("DELETE FROM act WHERE sequence = 5")
    assert verify_chain(url) is None
    broken = verify_chain(url, noted)
    assert broken is not None
    assert (broken.table, broken.row) == ("act", 5)
    assert "cut off" in broken.why


def test_a_row_rewritten_with_a_hash_that_fits_is_found_at_the_next_row(
    url: str, intruder: Intruder
) -> None:
    ((body, previous),) = intruder.run("SELECT body, previous FROM act WHERE sequence = 2")
    forged = body.replace("anna", "mike")
    intruder.tamper(
        "UPDATE act SET done_by = 'mike', body = :body, hash = :hash WHERE sequence = 2",
        {"body": forged, "hash": link(previous, forged)},
    )
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("act", 3, "previous")
    assert "row 2 was rewritten" in broken.why


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("DROP VIEW stay", "view stay"),
        ("DROP INDEX placement_device", "index placement_device"),
        ("CREATE TABLE extra (x INTEGER)", "table extra"),
        ("CREATE INDEX extra ON act (kind)", "index extra"),
        ("CREATE VIEW extra AS SELECT 1 AS one", "view extra"),
    ],
)
def test_what_was_taken_away_or_added_is_found(
    url: str, intruder: Intruder, statement: str, field: str
) -> None:
    intruder.run(statement)
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.field) == ("(schema)", field)


@pytest.mark.parametrize("version", ["r0001", "r0002", "r0003", "r0004"])
def test_a_ledger_of_an_earlier_version_is_sound_before_and_after_it_is_brought_up_to_date(
    further_url: Callable[[str], str], version: str
) -> None:
    url = further_url("old")
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


def test_a_ledger_of_a_newer_version_is_left_alone(url: str, intruder: Intruder) -> None:
    intruder.run("UPDATE alembic_version SET version_num = 'r9999'")
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
    url: str, intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_S", 0.05)
    with (
        intruder.hold(),
        pytest.raises(DatabaseError, match="another process has held it"),
        Database(url).writing(),
    ):
        pass
