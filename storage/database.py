"""The ledger's database: connections, transactions and migrations. SQLite; the one door to it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from storage.readonly import address

NAME = "ledger.db"
"""How the ledger's file is called in a site's folder of data."""
REVISION = "r0006"
"""The migration this software works with; a test holds it to the newest file."""
BUSY_S = 10
"""How long a writer waits for another process before it gives up."""


class DatabaseError(Exception):
    """The ledger cannot be used now; the text says which, why, and what to do."""


class Database:
    """One ledger. Safe to use from several threads and, on one file, from several processes."""

    def __init__(self, url: str, *, inspecting: bool = False) -> None:
        """Open nothing yet; with ``inspecting`` never write, and show even damaged text."""
        self.url = url
        self._engine = _engine(url, inspecting=inspecting)
        self._name = _name(url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and changes nothing.

        Raises:
            DatabaseError: the ledger cannot be read.
        """
        with _explained(self._name), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that has the ledger for itself; all of it is kept, or nothing.

        Raises:
            DatabaseError: the ledger cannot be written; nothing of the transaction was kept.
        """
        alone = self._engine.execution_options(alone=True)
        with _explained(self._name), alone.begin() as connection:
            yield connection

    def keep_a_log_ahead(self) -> None:
        """Switch the file to WAL for good, so that readers do not wait for a writer.

        Raises:
            DatabaseError: the file cannot be written.
        """
        # Not possible inside a transaction, and every connection that SQLAlchemy gives has one.
        connection = self._engine.raw_connection()
        try:
            with _explained(self._name):
                connection.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def upgrade(url: str, *, to: str = "head") -> None:
    """Bring the ledger at ``url`` to this software's tables, creating it where there is none.

    Two processes may do this at once: the second one waits and finds the work done. ``to`` is the
    migration to stop at.

    Raises:
        DatabaseError: it cannot be opened, or a newer culturewatch has written it.
    """
    _make_folder(url)
    database = Database(url)
    try:
        with database.reading() as connection:
            if revision(connection) == REVISION:
                return
        database.keep_a_log_ahead()
        with database.writing() as connection:
            _migrate(connection, _name(url), to)
    finally:
        database.close()


def damage(connection: Connection) -> str | None:
    """What SQLite finds wrong with the pages of the file; None when nothing."""
    answer = str(connection.execute(text("PRAGMA integrity_check(1)")).scalar())
    return None if answer == "ok" else f"the file is damaged: {answer}"


def schema(connection: Connection) -> dict[str, str]:
    """The statement that made each table, index, view and trigger, by name."""
    listing = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {row.name: row.sql for row in connection.execute(listing)}


def revision(connection: Connection) -> str | None:
    """The last migration that the ledger went through; None before the first one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def fresh_schema(at: str = "head") -> dict[str, str]:
    """``schema`` as the migrations up to ``at`` make it."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        upgrade(url, to=at)
        with Database(url).reading() as connection:
            return schema(connection)


def file_of(url: str) -> Path | None:
    """The file of an SQLite ledger; None for one in memory."""
    name = make_url(url).database
    return None if not name or name == ":memory:" else Path(name)


def _migrate(connection: Connection, name: str, to: str) -> None:
    # Alembic takes a quarter of a second to import, and is needed once in a ledger's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise DatabaseError(
            f"{name}: its tables are not of this version of culturewatch ({error}); "
            "use the version that wrote it, or a newer one"
        ) from error


def _engine(url: str, *, inspecting: bool) -> Engine:
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise DatabaseError(f"not a database address: {error}") from error
    if parsed.get_backend_name() != "sqlite" or file_of(url) is None:
        raise DatabaseError(
            f"{_name(url)}: the ledger is kept in an SQLite file; write sqlite:///path/ledger.db"
        )
    if inspecting:
        file, _, query = address(Path(parsed.database or ""), copy=True).partition("?")
        parsed = parsed.set(database=file).update_query_string(f"{query}&uri=true")
    # Connections are not kept: a pool would share them across forks, and opening one is cheap.
    engine = create_engine(
        parsed, poolclass=NullPool, connect_args={"timeout": BUSY_S, "isolation_level": None}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    if inspecting:
        event.listen(engine, "connect", _show_damaged_text)
    return engine


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


def _make_folder(url: str) -> None:
    path = file_of(url)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{path}: its folder cannot be made: {error.strerror}") from error


def _name(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        # The driver itself stumbles over an error message that quotes damaged text.
        raise DatabaseError(f"{name}: {error}; {_ADVICE['malformed']}") from error
    except sqlite3.Error as error:
        raise DatabaseError(f"{name}: {error}{_advice(str(error))}") from error
    except DBAPIError as error:
        cause = str(error.orig)
        raise DatabaseError(f"{name}: {cause}{_advice(cause)}") from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"{name}: {error}") from error


def _advice(cause: str) -> str:
    for sign, advice in _ADVICE.items():
        if sign in cause:
            return f"; {advice}"
    return ""


_ADVICE = {
    "locked": "another process has held it for too long; try again, then look for a stuck one",
    "full": "free space on that disk; nothing of this act was kept",
    "readonly": "it may only be read here; check the owner and mode of file and folder",
    "unable to open": "check that the folder exists and that you may write there",
    "no such table": "this is not a ledger, or an unfinished one; open it with culturewatch first",
    "malformed": "the file is damaged; stop writing to it and restore a backup beside it",
    "not a database": "the file is damaged or something else; restore a backup beside it",
}
