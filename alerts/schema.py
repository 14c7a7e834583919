"""The tables of ``alarms.db``: the core's own file, which needs no server to be up."""

import sqlite3
from pathlib import Path

from alerts import chained, held, working
from storage import readonly, upgraded
from storage.row_sum import summed
from storage.transaction import ERRORS, ROOM, wants_room

VERSION = 3
OLDEST_READABLE = 1
"""Older stores that hold all that other processes read."""

_TABLES = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL, crc INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE state (
    part TEXT PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE alarm (
    rule TEXT PRIMARY KEY, occurrence INTEGER NOT NULL, state TEXT NOT NULL,
    body BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE history (
    n INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    at INTEGER GENERATED ALWAYS AS (json_extract(body, '$.at')) VIRTUAL,
    what TEXT GENERATED ALWAYS AS (json_extract(body, '$.what')) VIRTUAL,
    rule TEXT GENERATED ALWAYS AS (json_extract(body, '$.rule')) VIRTUAL,
    occurrence INTEGER GENERATED ALWAYS AS (json_extract(body, '$.occurrence')) VIRTUAL
);
CREATE INDEX history_by_rule ON history (rule, occurrence);
CREATE INDEX history_by_time ON history (at);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    root INTEGER NOT NULL,
    history INTEGER NOT NULL,
    notice TEXT NOT NULL,
    rule TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    severity TEXT NOT NULL,
    urgency INTEGER NOT NULL,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    arrived INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    attempt TEXT NOT NULL DEFAULT '',
    handed INTEGER,
    provider_id TEXT NOT NULL DEFAULT '',
    may_repeat INTEGER NOT NULL DEFAULT 0,
    followed INTEGER NOT NULL DEFAULT 0,
    stand_in INTEGER NOT NULL DEFAULT 0,
    over TEXT NOT NULL DEFAULT '',
    why TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL DEFAULT '',
    held INTEGER NOT NULL DEFAULT 0,
    summary INTEGER
);
CREATE INDEX outbox_by_state ON outbox (state, channel, urgency);
CREATE INDEX outbox_by_occurrence ON outbox (rule, occurrence, person);
CREATE INDEX outbox_by_history ON outbox (history);
CREATE INDEX outbox_by_root ON outbox (root);
CREATE INDEX outbox_by_summary ON outbox (summary);

CREATE TABLE just_paged (
    person TEXT PRIMARY KEY, until INTEGER NOT NULL, crc INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE just_paged_with (
    person TEXT PRIMARY KEY, urgency INTEGER NOT NULL, crc INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE delivery_log (
    n INTEGER PRIMARY KEY,
    row INTEGER NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    attempt TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX delivery_log_by_row ON delivery_log (row);

CREATE TABLE answer (
    command TEXT PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL,
    accepted INTEGER NOT NULL, why TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE trouble (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, line TEXT NOT NULL);
"""

_UPGRADES = {
    1: """
ALTER TABLE outbox ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN summary INTEGER;
CREATE INDEX outbox_by_summary ON outbox (summary);
CREATE TABLE just_paged (person TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
""",
    2: f"""
{held.TABLES}
CREATE TABLE IF NOT EXISTS just_paged_with (person TEXT PRIMARY KEY, urgency INTEGER NOT NULL)
WITHOUT ROWID;
ALTER TABLE progress ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alarm ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE just_paged ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE just_paged_with ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
{chained.DDL}
""",
}
"""From each version to the next; all of it is one transaction, and the history stays as it is.

What gives a table that is chained another column has to chain its rows anew: their sums are over
all columns.
"""
CHAINED = 3
"""The first version whose rows are chained."""
_BY_WHAT = "CREATE INDEX IF NOT EXISTS history_by_what ON history (what)"
"""The first stores of version 1 were made without it."""
APPEND_ONLY = ("history", "delivery_log", "answer", "trouble", chained.TABLE)
_REFUSAL = """
CREATE TRIGGER {table}_refuses_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;
"""


class StoreError(Exception):
    """The alarm store cannot be used; the text says which file, why, and what to do."""


class NoRoomError(StoreError):
    """The disk did not take what its opening has to write; nothing of that was kept."""


def unreadable(path: Path, error: Exception) -> StoreError:
    """What is said where reading the store at ``path`` came to ``error``."""
    # Where nobody else has it open, even who reads needs some room beside it.
    hint = f"; {ROOM}" if wants_room(error) else ""
    return StoreError(f"{path}: the alarm store cannot be read: {error}{hint}")


def open_store(path: Path) -> sqlite3.Connection:
    """The store at ``path``, made when it is not there: WAL, each commit on disk.

    Raises:
        NoRoomError: it is to be made, or brought up to date, and the disk does not take that.
        StoreError: not to be opened, no store, or written by a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            _prepare(db, path)
        except BaseException:
            # Whatever it was goes on as it came: only nobody else could close this one any more.
            db.close()
            raise
    except (*ERRORS, OSError) as error:
        if wants_room(error):
            raise NoRoomError(
                f"{path}: the alarm store cannot be opened: {error}; {ROOM}"
            ) from error
        raise StoreError(
            f"{path}: the alarm store cannot be opened: {error}; "
            "check the disk and the owner of the folder"
        ) from error
    return db


def open_read_only(path: Path, *, copy: bool = False) -> sqlite3.Connection:
    """A connection that cannot write, for another process; ``copy`` as ``storage.readonly``.

    Raises:
        StoreError: there is none yet, or it was written by a newer version.
    """
    if not path.exists():
        raise StoreError(f"{path}: there is no alarm store yet; is the core running?")
    try:
        db = sqlite3.connect(
            readonly.address(path, copy=copy), uri=True, check_same_thread=False, timeout=5.0
        )
        try:
            _check_version(db, path)
        except BaseException:
            # Whatever it was goes on as it came: only nobody else could close this one any more.
            db.close()
            raise
    except ERRORS as error:
        raise unreadable(path, error) from error
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    made = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    before = VERSION
    if made is None:
        make(db)
    else:
        before = _check_version(db, path)
        _upgrade(db)
    db.execute("COMMIT")
    if before < VERSION:
        upgraded.tell(path, before, VERSION)
    chained.watch(db)


def make(db: sqlite3.Connection) -> None:
    """All tables of an empty store."""
    _run(db, _TABLES + held.TABLES + chained.DDL)
    db.execute(_BY_WHAT)
    for table in APPEND_ONLY:
        _refuse_change(db, table)
    db.execute("INSERT INTO schema_version VALUES (?)", (VERSION,))
    db.execute("INSERT INTO progress VALUES (?, ?, ?)", summed("progress", 1, 0))


def version_of(db: sqlite3.Connection) -> object:
    """Of which version the store says that it is; None where it says nothing."""
    row = db.execute("SELECT version FROM schema_version").fetchone()
    return row[0] if row else None


def _refuse_change(db: sqlite3.Connection, table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        db.execute(_REFUSAL.format(table=table, verb=verb))


def _upgrade(db: sqlite3.Connection) -> None:
    version = int(db.execute("SELECT version FROM schema_version").fetchone()[0])
    db.execute(_BY_WHAT)
    for number in range(version, VERSION):
        _run(db, _UPGRADES[number])
    if version < CHAINED:
        working.sum_up(db)
        chained.begin(db)
        _refuse_change(db, chained.TABLE)
    if version < VERSION:
        db.execute("UPDATE schema_version SET version = ?", (VERSION,))


def _run(db: sqlite3.Connection, statements: str) -> None:
    # Not executescript: it commits what is under way.
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


def _check_version(db: sqlite3.Connection, path: Path) -> int:
    found = version_of(db)
    if not isinstance(found, int) or not OLDEST_READABLE <= found <= VERSION:
        raise StoreError(
            f"{path}: written with schema {found}, this version knows {VERSION}; "
            "start the culturewatch that wrote it, or a newer one"
        )
    return found
