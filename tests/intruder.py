"""Somebody with a connection of their own to the database of a ledger."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from storage.postgresql import LOCK
from storage.schema import DETAILS

Rows = list[tuple[Any, ...]]
_NOTHING: Mapping[str, object] = {}


class Intruder(Protocol):
    """Acts behind the ledger's back; values are named in statements as ``:name``."""

    def run(self, statement: str, values: Mapping[str, object] = _NOTHING) -> Rows:
        """Run it as the tables allow."""

    def tamper(self, statement: str, values: Mapping[str, object] = _NOTHING) -> None:
        """Run it with the triggers out of the way, and put them back."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep every other writer out."""


class SqliteIntruder:
    """Of a file."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def run(self, statement: str, values: Mapping[str, object] = _NOTHING) -> Rows:
        """Run it as the tables allow."""
        with self._engine.begin() as connection:
            return _rows(connection, statement, values)

    def tamper(self, statement: str, values: Mapping[str, object] = _NOTHING) -> None:
        """Run it with the triggers out of the way, and put them back."""
        with self._engine.begin() as connection:
            listed = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = _rows(connection, listed, {})
            for name, _ in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            _rows(connection, statement, values)
            for _, sql in triggers:
                connection.exec_driver_sql(sql)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep every other writer out."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield


class PostgresIntruder:
    """Of a database on a server, as its superuser."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def run(self, statement: str, values: Mapping[str, object] = _NOTHING) -> Rows:
        """Run it as the tables allow."""
        with self._engine.begin() as connection:
            return _rows(connection, statement, values)

    def tamper(self, statement: str, values: Mapping[str, object] = _NOTHING) -> None:
        """Run it with the triggers out of the way, and put them back."""
        with self._engine.begin() as connection:
            # Foreign keys are triggers of the server's own, which a replica does not fire.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            listed = (
                "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger "
                "WHERE NOT tgisinternal AND tgenabled = 'A'"
            )
            triggers = _rows(connection, listed, {})
            for table, name in triggers:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
            _rows(connection, statement, values)
            for table, name in triggers:
                connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep every other writer out."""
        with self._engine.begin() as connection:
            _rows(connection, "SELECT pg_advisory_xact_lock(:lock)", {"lock": LOCK})
            yield


def intruder_of(url: str) -> Intruder:
    """Somebody who gets at the ledger at ``url``."""
    return (SqliteIntruder if url.startswith("sqlite") else PostgresIntruder)(url)


def everything(intruder: Intruder) -> str:
    """All that stands in the tables of a ledger, as text."""
    # The names are the ledger's own.
    return repr([intruder.run(f"SELECT * FROM {name}") for name in ("act", *DETAILS)])  # noqa: S608


def _rows(connection: Connection, statement: str, values: Mapping[str, object]) -> Rows:
    result = connection.execute(text(statement), dict(values))
    return [tuple(row) for row in result] if result.returns_rows else []
