"""The roles of a ledger on a server: one owns, one adds, one looks; none does more."""

import secrets
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from batches.batch import Signed
from batches.ledger import Ledger
from culturewatch.ledger_address import with_password
from storage.acts import verify_chain
from storage.database import DatabaseError, upgrade
from storage.grants import SHOWN, give
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.postgres
ANNA = Signed(by="anna")
OWNER, WRITER, READER = "lab_owner", "lab_writer", "lab_reader"
PASSWORD = secrets.token_urlsafe(8) + "/@:%"
"""What an address has to spell in another way."""
ALLOW_CHANGE = (
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN RETURN NEW; END$$"
)


@pytest.fixture(scope="session")
def roles(postgres_server: PostgresServer) -> tuple[str, ...]:
    """The three of them, as an administrator makes them."""
    made = (OWNER, WRITER, READER)
    for role in made:
        postgres_server.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    return made


@pytest.fixture
def name(
    roles: tuple[str, ...], postgres_server: PostgresServer, further_url: Callable[[str], str]
) -> str:
    """A database with the tables of a ledger, whose writer and reader have their rights."""
    url = further_url("theirs")
    name = str(make_url(url).database)
    postgres_server.run(f"ALTER DATABASE {name} OWNER TO {roles[0]}")
    owner = as_role(postgres_server, name, OWNER)
    upgrade(owner)
    give(owner, writer=WRITER, reader=READER)
    return name


def as_role(server: PostgresServer, database: str, role: str) -> str:
    return with_password(server.url(database), PASSWORD, user=role)


def test_the_writer_enters_reads_and_proves(postgres_server: PostgresServer, name: str) -> None:
    ledger = Ledger(as_role(postgres_server, name, WRITER))
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    ledger.place("B-2026-0001", "inc1", act=ANNA)
    assert verify_chain(ledger.url) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE act SET reason = 'other'",
        "DELETE FROM placement",
        "TRUNCATE act CASCADE",
        "DROP TRIGGER act_no_update ON act",
        "ALTER TABLE act DISABLE TRIGGER ALL",
        "DROP TABLE departure",
        "ALTER TABLE act ADD COLUMN more text",
        ALLOW_CHANGE,
        "CREATE OR REPLACE VIEW stay AS SELECT 1",
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = 'r9999'",
        "INSERT INTO alembic_version VALUES ('r9999')",
        "CREATE TABLE act2 (x integer)",
    ],
)
def test_the_writer_can_do_nothing_else(
    postgres_server: PostgresServer, name: str, statement: str
) -> None:
    ledger = Ledger(as_role(postgres_server, name, WRITER))
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    with (
        postgres_server.connect(name, user=WRITER, password=PASSWORD) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
    assert verify_chain(ledger.url) is None


def test_the_reader_sees_what_screens_show_and_neither_acts_nor_people(
    postgres_server: PostgresServer, name: str
) -> None:
    Ledger(as_role(postgres_server, name, WRITER)).open_batch("B-2026-0001", product="x", act=ANNA)
    with postgres_server.connect(name, user=READER, password=PASSWORD) as connection:
        assert connection.execute(b"SELECT id, opened_by FROM culture").fetchall() == [
            ("B-2026-0001", "anna")
        ]
        for table in SHOWN:
            connection.execute(f"TABLE {table}".encode())
        for statement in (
            b"SELECT body FROM act",
            b"SELECT token FROM patient",
            b"INSERT INTO passage VALUES (1, 'B-1', 1)",
            b"DELETE FROM alarm_event",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.usefixtures("roles")
def test_a_writer_who_is_not_the_owner_says_who_makes_the_tables(
    postgres_server: PostgresServer, further_url: Callable[[str], str]
) -> None:
    name = str(make_url(further_url("empty")).database)
    with pytest.raises(DatabaseError, match="let the owner of the database run culturewatch"):
        Ledger(as_role(postgres_server, name, WRITER))
    with pytest.raises(DatabaseError, match="let the owner of the database run culturewatch"):
        give(as_role(postgres_server, name, WRITER), writer=WRITER)
