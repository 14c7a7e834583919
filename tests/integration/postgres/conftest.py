"""The ledgers of the tests are on a real PostgreSQL, each in a database of its own."""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from storage.database import upgrade
from tests.intruder import Intruder, PostgresIntruder
from tests.outage import Outage, ServerOutage
from tests.postgres_server import PostgresServer, find_postgresql
from tests.unit.batches.conftest import *
from tests.unit.storage.conftest import *

TEMPLATE = "ledger_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests."""
    binaries = find_postgresql()
    # Not pytest's own folder: the user postgres may not look into it.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(binaries, Path(folder))
        server.start()
        try:
            server.run(f"CREATE DATABASE {TEMPLATE}")
            upgrade(server.url(TEMPLATE))
            yield server
        finally:
            server.stop()


@pytest.fixture
def own_postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server for a test that stops or freezes it; it runs again afterwards."""
    yield postgres_server
    postgres_server.thaw()
    if not postgres_server.is_serving():
        postgres_server.kill()
        postgres_server.start()


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[[str], str]]:
    """Makes a database out of a template; its address."""
    made: list[str] = []

    def make(template: str) -> str:
        name = f"ledger_{secrets.token_hex(6)}"
        postgres_server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return postgres_server.url(name)

    yield make
    try:
        _drop(postgres_server, made)
    except psycopg.OperationalError:
        # The test has ended it, and is done before it is started again.
        postgres_server.kill()
        postgres_server.start()
        _drop(postgres_server, made)


def _drop(server: PostgresServer, databases: list[str]) -> None:
    for name in databases:
        server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def ledger_url(new_database: Callable[[str], str]) -> str:
    """The address of an empty ledger."""
    return new_database(TEMPLATE)


@pytest.fixture
def served(ledger_url: str) -> str:
    """The address of that ledger: it is no file of the folder of data."""
    return ledger_url


@pytest.fixture
def further_url(new_database: Callable[[str], str]) -> Callable[[str], str]:
    """Makes the address of a database without a table."""
    return lambda _: new_database("template0")


@pytest.fixture
def outage(own_postgres: PostgresServer) -> Outage:
    """Takes that ledger away and gives it back."""
    return ServerOutage(own_postgres)


@pytest.fixture
def intruder(ledger_url: str) -> Intruder:
    """Somebody who gets at that ledger by another way."""
    return PostgresIntruder(ledger_url)
