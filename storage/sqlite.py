"""The ledger in an SQLite file: how it is opened, begun, described, and what its errors mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool

from storage.readonly import address

ERRORS: tuple[type[Exception], ...] = (sqlite3.Error, UnicodeDecodeError)
"""What the driver raises, also where SQLAlchemy does not see it."""


def engine(url: URL, *, inspecting: bool, busy_s: float) -> Engine:
    """What opens the file; with ``inspecting`` never to write, and to show even damaged text."""
    if inspecting:
        file, _, query = address(Path(url.database or ""), copy=True).partition("?")
        url = url.set(database=file).update_query_string(f"{query}&uri=true")
    # Connections are not kept: a pool would share them across forks, and opening one is cheap.
    made = create_engine(
        url, poolclass=NullPool, connect_args={"timeout": busy_s, "isolation_level": None}
    )
    event.listen(made, "connect", _prepare)
    event.listen(made, "begin", _begin)
    if inspecting:
        event.listen(made, "connect", _show_damaged_text)
    return made


def reading(made: Engine) -> Engine:
    """For transactions that see one state."""
    return made


def writing(made: Engine) -> Engine:
    """For transactions that have the ledger for themselves."""
    return made.execution_options(alone=True)


def make_ready(made: Engine) -> None:
    """Switch the file to WAL for good, so that readers do not wait for a writer."""
    # Not possible inside a transaction, and every connection that SQLAlchemy gives has one.
    connection = made.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def unhurried(_: Connection) -> None:
    """A migration may take its time: nothing here cuts it short."""


@contextmanager
def scratch(_: Engine) -> Iterator[Connection]:
    """An empty database that vanishes afterwards."""
    made = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with made.begin() as connection:
            yield connection
    finally:
        made.dispose()


def damage(connection: Connection) -> str | None:
    """What SQLite finds wrong with the pages of the file; None when nothing."""
    answer = str(connection.execute(text("PRAGMA integrity_check(1)")).scalar())
    return None if answer == "ok" else f"the file is damaged: {answer}"


def schema(connection: Connection) -> dict[str, str]:
    """What made each table, index, view and trigger, by name, and as what it is listed."""
    listing = text("SELECT name, sql, type, tbl_name FROM sqlite_master WHERE sql IS NOT NULL")
    rows = connection.execute(listing)
    return {row.name: f"{row.sql} -- {row.type} of {row.tbl_name}" for row in rows}


def is_lost(_: BaseException | None) -> bool:
    """Whether the way to the database broke: a file has none."""
    return False


def advice(error: BaseException | None) -> str:
    """What to do about ``error``; empty when that is not known."""
    if isinstance(error, UnicodeDecodeError):
        # The driver itself stumbles over an error message that quotes damaged text.
        return _ADVICE["malformed"]
    return next((advice for sign, advice in _ADVICE.items() if sign in str(error)), "")


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _show_damaged_text(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.text_factory = _as_text


def _as_text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        # Nothing that was entered holds a NUL: damaged text must not spell what was entered.
        return "\0" + raw.decode(errors="backslashreplace")


def _begin(connection: Connection) -> None:
    # The driver's own BEGIN comes late and takes no lock: two writers could read the same head.
    alone = connection.get_execution_options().get("alone", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")


_ADVICE = {
    "locked": "another process has held it for too long; try again, then look for a stuck one",
    "disk I/O": "free space on that disk, or see whether it is sound; nothing of this act was kept",
    "full": "free space on that disk; nothing of this act was kept",
    "readonly": "it may only be read here; check the owner and mode of file and folder",
    "unable to open": "check that the folder exists and that you may write there",
    "no such table": "this is not a ledger, or an unfinished one; open it with culturewatch first",
    "malformed": "the file is damaged; stop writing to it and restore a backup beside it",
    "not a database": "the file is damaged or something else; restore a backup beside it",
}
