"""The ledger's database: connections, transactions and migrations. SQLite or PostgreSQL.

What differs between them stands in ``storage.sqlite`` and ``storage.postgresql``.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from storage import upgraded

NAME = "ledger.db"
"""How the ledger's file is called in a site's folder of data."""
REVISION = "r0009"
"""The migration this software works with; a test holds it to the newest file."""
BUSY_S = 10
"""How long a writer waits for another process before it gives up."""
_UNKNOWN = (
    "it is not known whether this act was kept: look before you enter it again; "
    "if it was, it is whole"
)


class DatabaseError(Exception):
    """The ledger cannot be used now; the text says which, why, and what to do."""


class _Backend(Protocol):
    """What ``storage.sqlite`` and ``storage.postgresql`` both have."""

    ERRORS: tuple[type[Exception], ...]

    def engine(self, url: URL, *, inspecting: bool, busy_s: float) -> Engine: ...
    def reading(self, made: Engine, /) -> Engine: ...
    def writing(self, made: Engine, /) -> Engine: ...
    def make_ready(self, made: Engine, /) -> None: ...
    def unhurried(self, connection: Connection, /) -> None: ...
    def scratch(self, made: Engine, /) -> AbstractContextManager[Connection]: ...
    def damage(self, connection: Connection, /) -> str | None: ...
    def schema(self, connection: Connection, /) -> dict[str, str]: ...
    def is_lost(self, error: BaseException | None, /) -> bool: ...
    def advice(self, error: BaseException | None, /) -> str: ...


class Database:
    """One ledger. Safe to use from several threads and, on one address, from several processes."""

    def __init__(self, url: str, *, inspecting: bool = False) -> None:
        """Open nothing yet; with ``inspecting`` never write, and show even damaged text."""
        self.url = url
        parsed = _parsed(url)
        self._name = _name(url)
        self._backend = _backend(parsed.get_backend_name())
        self._engine = self._backend.engine(parsed, inspecting=inspecting, busy_s=BUSY_S)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and changes nothing.

        Raises:
            DatabaseError: the ledger cannot be read.
        """
        with self._explained(), self._backend.reading(self._engine).begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that has the ledger for itself; all of it is kept, or nothing.

        Raises:
            DatabaseError: the ledger cannot be written; nothing of the transaction was kept. The
                text says so where even that is not known: the server went away as it committed.
        """
        with self._explained(), self._backend.writing(self._engine).connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                # All of it or nothing, whatever ended it; which goes on as it came.
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as error:
                if self._backend.is_lost(error.orig):
                    raise DatabaseError(f"{self._name}: {_line(error.orig)}; {_UNKNOWN}") from error
                raise

    @contextmanager
    def scratch(self) -> Iterator[Connection]:
        """An empty place of the same kind, which vanishes afterwards.

        Raises:
            DatabaseError: there is no room for one.
        """
        with self._explained(), self._backend.scratch(self._engine) as connection:
            yield connection

    def make_ready(self) -> None:
        """Do what is done once to a database before it has tables.

        Raises:
            DatabaseError: it cannot be written.
        """
        with self._explained():
            self._backend.make_ready(self._engine)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explanation(error.orig) from error
        except SQLAlchemyError as error:
            raise DatabaseError(f"{self._name}: {error}") from error
        except self._backend.ERRORS as error:
            raise self._explanation(error) from error

    def _explanation(self, error: BaseException | None) -> DatabaseError:
        advice = self._backend.advice(error)
        return DatabaseError(f"{self._name}: {_line(error)}" + (advice and f"; {advice}"))


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
            before = revision(connection)
            if before == REVISION:
                return
        database.make_ready()
        with database.writing() as connection:
            # Somebody else may have done it meanwhile.
            before = revision(connection)
            _migrate(connection, _name(url), to)
            now = revision(connection)
        if before not in {None, now}:
            upgraded.tell(_name(url), before, now)
    finally:
        database.close()


def damage(connection: Connection) -> str | None:
    """What the database itself finds wrong with its pages; None when nothing."""
    return _backend(connection.dialect.name).damage(connection)


def schema(connection: Connection) -> dict[str, str]:
    """The statement that made each table, index, view and trigger, by name."""
    return _backend(connection.dialect.name).schema(connection)


def revision(connection: Connection) -> str | None:
    """The last migration that the ledger went through; None before the first one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


_FRESH: dict[tuple[str, str | None, int | None, str], dict[str, str]] = {}
"""What migrations made, by server: they are the same for as long as the process lives."""


def fresh_schema(database: Database, at: str = "head") -> dict[str, str]:
    """``schema`` as the migrations up to ``at`` make it in a database of the same kind.

    Raises:
        DatabaseError: there is no room to try it in.
    """
    parsed = make_url(database.url)
    server = parsed.get_backend_name(), parsed.host, parsed.port, at
    if server not in _FRESH:
        with database.scratch() as connection:
            _migrate(connection, _name(database.url), at)
            _FRESH[server] = schema(connection)
    return dict(_FRESH[server])


def file_of(url: str) -> Path | None:
    """The file of an SQLite ledger; None for one in memory or on a server."""
    parsed = make_url(url)
    name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return None if not name or name == ":memory:" else Path(name)


def _migrate(connection: Connection, name: str, to: str) -> None:
    # Alembic takes a quarter of a second to import, and is needed once in a ledger's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    _backend(connection.dialect.name).unhurried(connection)
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


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        # Not the address itself: it may hold a password.
        raise DatabaseError("not a database address; write postgresql+psycopg://…") from error
    if parsed.drivername == "postgresql+psycopg" and parsed.database:
        return parsed
    if parsed.get_backend_name() != "sqlite" or file_of(url) is None:
        raise DatabaseError(
            f"{_name(url)}: the ledger is kept in an SQLite file or in PostgreSQL; write "
            "sqlite:///path/ledger.db or postgresql+psycopg://user@host/database"
        )
    return parsed


def _backend(name: str) -> _Backend:
    if name == "sqlite":
        from storage import sqlite  # noqa: PLC0415 # each process needs one of them

        return sqlite
    from storage import postgresql  # noqa: PLC0415 # see above

    return postgresql


def _make_folder(url: str) -> None:
    path = file_of(url) if url.startswith("sqlite") else None
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{path}: its folder cannot be made: {error.strerror}") from error


def _name(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _line(error: BaseException | None) -> str:
    """What a driver says, on one line."""
    return " ".join(str(error).split())
