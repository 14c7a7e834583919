"""Whoever changes a value in ``alarms.db`` is found out, and the table and row are named."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from alerts.proof import Proven, check
from alerts.schema import make, open_read_only, open_store
from alerts.store import AlarmStore
from batches.verify import verify
from tests.unit.alerts.lived import live  # a test's own

pytestmark = pytest.mark.long

KEY = {"answer": "command", "state": "part", "alarm": "rule", "sqlite_sequence": "name"}
KEY |= {"just_paged": "person", "just_paged_with": "person"}
OLD = Path(__file__).parent / "written_by_older" / "schema-2.db"


def columns() -> list[tuple[str, str]]:
    """Every column that a store holds: one that is added and not protected fails its test."""
    with closing(sqlite3.connect(":memory:")) as db:
        make(db)
        return db.execute(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c"
            " WHERE t.type = 'table' AND c.hidden = 0 ORDER BY 1, c.cid"
        ).fetchall()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lived") / "alarms.db"
    asyncio.run(live(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def path(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(lived, tmp_path / "alarms.db"))


def tamper(path: Path, *statements: str) -> None:
    """Change what is refused, as the owner of the file can, and hide that it was done."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        refusals = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        kept = refusals.fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
        for _, sql in kept:
            db.execute(sql)
        db.execute("COMMIT")


def proven(path: Path) -> Proven:
    with closing(open_read_only(path)) as db:
        found = check(db)
    assert found is not None
    return found


def test_a_store_in_which_something_stands_in_every_table_is_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        for table in {table for table, _ in columns()}:
            assert db.execute(f"SELECT 1 FROM {table}").fetchone() is not None, table  # noqa: S608 # of the schema
    assert proven(path).broken == ()
    assert verify(path.parent).sound


def changed(table: str, column: str, value: object) -> str:
    match value:
        case int():
            other = f"{column} + 1000"
        case bytes():
            flipped = bytes([value[0] ^ 1, *value[1:]])
            other = f"x'{flipped.hex()}'"
        case str() if value.startswith('{"'):
            other = f"'{{\"~' || substr({column}, 4)"
        case str() if value:
            other = f"'~' || substr({column}, 2)"
        case _:
            other = "'x'" if value == "" else "7"
    return f"UPDATE {table} SET {column} = {other}"  # noqa: S608 # of the schema


@pytest.mark.parametrize(("table", "column"), columns())
def test_a_changed_value_is_named_with_its_table_and_row(
    path: Path, table: str, column: str
) -> None:
    # The first row by its own name, where a table has several.
    key = KEY.get(table, "rowid")
    with closing(sqlite3.connect(path)) as db:
        query = f"SELECT {key}, {column} FROM {table} ORDER BY 1 LIMIT 1"  # noqa: S608 # of the schema
        name, value = db.execute(query).fetchone()
    if (table, column) == ("progress", "one"):
        # The table holds one row alone: SQLite refuses another number, and finds one that stands.
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            tamper(path, changed(table, column, value))
        return
    tamper(path, f"{changed(table, column, value)} WHERE {key} = {name!r}")
    faults = verify(path.parent).faults
    told = " ".join(str(fault) for fault in faults)
    assert {fault.where for fault in faults} == {"alarms.db"}, told
    if table == "schema_version":
        assert "written with schema 1003" in told
        return
    # Under another name it is one that was put in, and the one it was is gone.
    where = f"row {name}" if isinstance(name, int) else str(name)
    assert where in told or (column == key and f"~{where[1:]}" in told)
    assert all(f"table {table}" in str(fault) for fault in faults), told
    assert len(faults) == 1 or column == key or column in {"n", "id"}, told


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_that_says_it_is_older_is_not_taken_for_one(path: Path, version: int) -> None:
    tamper(path, f"UPDATE schema_version SET version = {version}")  # noqa: S608 # a number
    (fault,) = verify(path.parent).faults
    assert f"table schema_version, row 1, version: says {version}" in fault.what


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM outbox WHERE id = 2", "table outbox, row 2, content: the row is gone"),
        ("DELETE FROM answer", "table answer, command 'c-1': the row is gone"),
        ("DELETE FROM chain WHERE n = 3", "table chain, row 3, n: is missing; the next one is row"),
        (
            "INSERT INTO trouble VALUES (9, 1, 'all is well')",
            "table trouble, row 9, content: no commit wrote this row; it was put in",
        ),
        ("DELETE FROM progress", "table progress, rows: has 0 rows instead of 1"),
        ("CREATE TABLE more (x)", "table (schema), table more: was added"),
        ("DROP INDEX outbox_by_root", "table (schema), index outbox_by_root: is missing"),
        ("ALTER TABLE held ADD COLUMN more", "table (schema), table held: was changed"),
    ],
)
def test_a_row_taken_out_or_put_in_is_named(path: Path, statement: str, told: str) -> None:
    tamper(path, statement)
    assert any(told in str(broken) for broken in proven(path).broken), proven(path).broken


def test_a_row_that_is_no_text_any_more_is_named(path: Path) -> None:
    tamper(path, "UPDATE outbox SET subject = CAST(x'ff' AS TEXT) WHERE id = 1")
    (fault,) = verify(path.parent).faults
    assert "table outbox, row 1, content: is not what was written" in fault.what


def test_what_another_connection_writes_is_in_no_chain(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE outbox SET handed = handed - 60000 WHERE id = 1")
        db.commit()
    (broken,) = proven(path).broken
    assert (broken.table, broken.row) == ("outbox", 1)


async def test_what_is_undone_is_not_chained(path: Path) -> None:
    before = proven(path).chained

    def half(db: sqlite3.Connection) -> None:
        db.execute("UPDATE outbox SET tries = tries + 1")
        raise ZeroDivisionError

    async with AlarmStore(path) as store:
        with pytest.raises(ZeroDivisionError):
            await store.write(half)
        await store.write(lambda db: db.execute("UPDATE outbox SET due = 1 WHERE id = 1").rowcount)
    assert proven(path) == Proven((), before + 1, 0)


async def test_two_processes_that_send_from_one_store_chain_one_after_the_other(
    path: Path,
) -> None:
    before = proven(path).chained

    def later(db: sqlite3.Connection) -> int:
        return db.execute("UPDATE outbox SET due = due + 1 WHERE id = 1").rowcount

    async with AlarmStore(path) as one, AlarmStore(path) as other:
        await asyncio.gather(*(store.write(later) for store in (one, other) for _ in range(5)))
    found = proven(path)
    assert found.broken == ()
    assert before + 2 <= found.chained <= before + 10


def test_an_older_store_is_chained_once_and_says_what_stood_before(tmp_path: Path) -> None:
    path = Path(shutil.copy(OLD, tmp_path / "alarms.db"))
    with closing(open_read_only(path)) as db:
        assert check(db) is None
    assert verify(tmp_path).sound
    for _ in range(2):
        open_store(path).close()
        assert proven(path) == Proven((), 11, 11)
    tamper(path, "UPDATE outbox SET person = 'B' WHERE id = 1")
    (broken,) = proven(path).broken
    assert (broken.table, broken.row) == ("outbox", 1)


def test_an_upgrade_that_is_killed_leaves_the_older_store_as_it_was(tmp_path: Path) -> None:
    path = Path(shutil.copy(OLD, tmp_path / "alarms.db"))
    child = "import os, sys; from alerts import schema; from pathlib import Path\n"
    child += "schema._refuse_change = lambda *_: os.kill(os.getpid(), 9)\n"
    child += "schema.open_store(Path(sys.argv[1]))\n"
    died = subprocess.run([sys.executable, "-c", child, str(path)], check=False)  # noqa: S603 # our own
    assert died.returncode == -9
    with closing(open_read_only(path)) as db:
        assert check(db) is None
    open_store(path).close()
    assert proven(path) == Proven((), 11, 11)


async def test_each_row_is_looked_up_and_not_searched_for(path: Path) -> None:
    def many(db: sqlite3.Connection) -> None:
        db.executemany(
            "INSERT INTO trouble (at, line) VALUES (?, 'x')", [(n,) for n in range(3000)]
        )

    async with AlarmStore(path) as store:
        await store.write(many)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(open_read_only(path)) as db:
        db.set_progress_handler(count, 1_000)
        assert check(db) is not None
    # Some dozens of SQLite's steps a row; to search through all for each would be 9 million.
    assert steps < 1_000


@pytest.mark.parametrize("store", ["older", "of this version"])
def test_a_store_that_was_made_without_an_index_gets_it_when_it_is_opened(
    path: Path, store: str
) -> None:
    if store == "older":
        shutil.copy(OLD, path)
    tamper(path, "DROP INDEX history_by_what")
    open_store(path).close()
    assert proven(path).broken == ()
