"""The core's store."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import history
from alerts.reader import AlarmReader
from alerts.schema import StoreError, open_store
from alerts.store import AlarmStore, Answer, Batch, Caused, OtherCoreError, save
from alerts.transition import Transition, What
from storage.chain import Head


def caused(seq: int, why: str = "over the limit") -> Caused:
    return Caused(
        seq,
        seq * 1_000,
        Transition(at=seq * 1_000, what=What.SET, rule="r", occurrence=1, value=38.1, why=why),
    )


def batch(after: int, cursor: int, **more: object) -> Batch:
    fields: dict[str, object] = {"parts": {}, **more}
    return Batch(after=after, cursor=cursor, **fields)  # type: ignore[arg-type] # of the caller


async def filled(path: Path, rows: int) -> Head:
    async with AlarmStore(path) as store:
        events = tuple(caused(seq) for seq in range(1, rows + 1))
        await store.write(lambda db: save(db, batch(0, rows, caused=events)))
        return await store.write(history.head)


async def test_a_batch_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    answer = Answer(command="c-1", seq=2, at=9, accepted=True, why="acknowledged")
    async with AlarmStore(path) as store:
        whole = batch(0, 2, parts={"a": b"1", "b": b"2"}, caused=(caused(2),), answers=(answer,))
        assert await store.write(lambda db: save(db, whole)) == [1]
        later = batch(2, 5, parts={"a": None, "b": b"3"})
        await store.write(lambda db: save(db, later))
    async with AlarmStore(path) as store:
        saved = await store.load()
        assert (saved.cursor, saved.parts) == (5, {"b": b"3"})
    with AlarmReader(path) as reader:
        assert reader.answer("c-1") == answer
        assert reader.used("c-1")
        assert reader.answer("c-2") is None
        (row,) = reader.history()
        assert (row.number, row.seq, row.transition) == (1, 2, caused(2).transition)


async def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:

        def half(db: sqlite3.Connection) -> None:
            save(db, batch(0, 3, parts={"a": b"1"}, caused=(caused(3),)))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await store.write(half)
        assert await store.load() == await empty_saved(tmp_path)
        assert (await store.write(history.head)).sequence == 0


async def empty_saved(folder: Path) -> object:
    async with AlarmStore(folder / "empty.db") as store:
        return await store.load()


async def test_one_that_fails_does_not_take_its_neighbours_along(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:

        def put(name: str) -> Callable[[sqlite3.Connection], object]:
            return lambda db: db.execute("INSERT INTO state VALUES (?, ?, 0)", (name, b"")).rowcount

        def fail(_: sqlite3.Connection) -> None:
            raise KeyError("mine")

        done = await asyncio.gather(
            *[store.write(act) for act in (put("a"), put("b"), fail, put("c"))],
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in done] == [int, int, KeyError, int]
        assert set((await store.load()).parts) == {"a", "b", "c"}


async def test_what_is_asked_together_is_committed_together(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        statements: list[str] = []
        await store.write(lambda db: db.set_trace_callback(statements.append))

        def put(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO trouble (at, line) VALUES (1, 'x')")

        await asyncio.gather(*[store.write(put) for _ in range(200)])
        kept = await store.write(lambda db: db.execute("SELECT count(*) FROM trouble").fetchone())
        assert kept == (200,)
        assert sum(s == "COMMIT" for s in statements) <= 4


async def test_a_second_core_on_the_same_store_is_found_out(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        await store.write(lambda db: save(db, batch(0, 5)))
        with pytest.raises(OtherCoreError, match="another process"):
            await store.write(lambda db: save(db, batch(0, 6)))


async def test_a_disk_that_takes_nothing_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    async with AlarmStore(path) as store:

        def fill(db: sqlite3.Connection) -> None:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages}")

        await store.write(fill)
        big = batch(0, 1, parts={"a": b"x" * 100_000})
        with pytest.raises(StoreError, match=r"alarms\.db: cannot be written: .*full"):
            await store.write(lambda db: save(db, big))
        assert (await store.load()).cursor == 0


def test_a_newer_schema_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    db = open_store(path)
    db.execute("UPDATE schema_version SET version = 99")
    db.close()
    with pytest.raises(StoreError, match="schema 99, this version knows 3; start the culturewatch"):
        open_store(path)
    with pytest.raises(StoreError, match="schema 99"):
        AlarmReader(path)


OLD_OUTBOX = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL);
INSERT INTO progress VALUES (1, 41);
CREATE TABLE state (part TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('alarm', CAST('as it was' AS BLOB));
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, root INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued');
INSERT INTO outbox (root) VALUES (1);
CREATE TABLE alarm (rule TEXT PRIMARY KEY, occurrence INTEGER NOT NULL, state TEXT NOT NULL,
    body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE history (n INTEGER PRIMARY KEY, body TEXT NOT NULL,
    what TEXT GENERATED ALWAYS AS (json_extract(body, '$.what')) VIRTUAL);
CREATE TABLE delivery_log (n INTEGER PRIMARY KEY, row INTEGER NOT NULL);
CREATE TABLE answer (command TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE trouble (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, line TEXT NOT NULL);
"""


async def test_a_store_of_the_version_before_is_brought_up_to_date_with_all_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Scenario 78. As the first version made it, as far as the upgrade touches it.
    path = tmp_path / "alarms.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLD_OUTBOX)
    with AlarmReader(path):
        pass
    for _ in range(2):
        async with AlarmStore(path) as store:
            saved = await store.load()
            assert (saved.cursor, saved.parts) == (41, {"alarm": b"as it was"})
            row = await store.write(lambda db: db.execute("SELECT * FROM outbox").fetchone())
            assert row == (1, 1, "queued", 0, None)
            version = await store.write(
                lambda db: db.execute("SELECT version FROM schema_version").fetchall()
            )
            assert version == [(3,)]
    # Once: the second time there was nothing to do.
    (said,) = caplog.messages
    assert said.startswith(f"{path}: brought from format 1 to 3; nothing of it was lost")


def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(path)
    with pytest.raises(StoreError, match="is the core running"):
        AlarmReader(tmp_path / "absent.db")


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    await filled(path, 1)
    with AlarmReader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM outbox")


@pytest.mark.parametrize("table", ["history", "delivery_log", "answer", "trouble", "chain"])
async def test_facts_are_neither_changed_nor_deleted(tmp_path: Path, table: str) -> None:
    path = tmp_path / "alarms.db"
    await filled(path, 2)
    db = open_store(path)
    db.execute("INSERT INTO delivery_log VALUES (1, 1, 1, 'e', 'a', 'b', '', '')")
    db.execute("INSERT INTO answer VALUES ('c', 1, 1, 1, '')")
    db.execute("INSERT INTO trouble VALUES (1, 1, 'x')")
    db.execute("INSERT INTO chain VALUES (1, 'trouble', 1, 0, x'00', x'00')")
    column = db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchone()[0]
    for statement in (
        f"DELETE FROM {table}",  # noqa: S608 # names of this file
        f"UPDATE {table} SET {column} = {column}",  # noqa: S608 # names of this file
    ):
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            db.execute(statement)
    db.close()


async def test_a_whole_history_is_proven(tmp_path: Path) -> None:
    path = tmp_path / "alarms.db"
    head = await filled(path, 40)
    with AlarmReader(path) as reader:
        assert head.sequence == 40
        assert reader.verify_history() is None
        assert reader.verify_history(until=head) is None


def tampered(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for (trigger,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE history SET body = replace(body, '38.1', '37.1') WHERE n = 7", 7),
        ("UPDATE history SET seq = 1 WHERE n = 9", 9),
        ("UPDATE history SET hash = (SELECT hash FROM history WHERE n = 1) WHERE n = 5", 5),
        ("DELETE FROM history WHERE n = 12", 13),
        ("DELETE FROM history WHERE n = 1", 2),
        ("DELETE FROM history WHERE n > 38", 39),
    ],
)
async def test_a_changed_or_missing_row_is_named(tmp_path: Path, statement: str, row: int) -> None:
    path = tmp_path / "alarms.db"
    head = await filled(path, 40)
    tampered(path, statement)
    with AlarmReader(path) as reader:
        broken = reader.verify_history(until=head)
    assert broken is not None
    assert (broken.table, broken.row) == ("history", row)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_any_changed_byte_of_any_row_is_named(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "alarms.db"
    if not path.exists():
        await filled(path, 20)
    db = sqlite3.connect(path, isolation_level=None)
    number = data.draw(st.integers(1, 20), label="row")
    if not db.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'copy'"
    ).fetchall():
        tampered(path, "CREATE TABLE copy AS SELECT n, body FROM history")
    (body,) = db.execute("SELECT body FROM copy WHERE n = ?", (number,)).fetchone()
    at = data.draw(st.integers(0, len(body) - 1), label="byte")
    letter = data.draw(st.sampled_from("0123456789abc"), label="letter")
    changed = body[:at] + letter + body[at + 1 :]
    if changed == body or not _is_json(changed):
        db.close()
        return
    db.execute("UPDATE history SET body = ? WHERE n = ?", (changed, number))
    broken = history.verify(db)
    db.execute("UPDATE history SET body = ? WHERE n = ?", (body, number))
    db.close()
    assert broken is not None
    assert broken.row == number


def _is_json(text: str) -> bool:
    # The index over the row's fields keeps anything else out of the table.
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
