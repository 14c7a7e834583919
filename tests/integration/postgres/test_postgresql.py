"""What only a ledger on a server can suffer: other roles, a server that goes away, that freezes."""

import multiprocessing
import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import IntegrityError

from batches.batch import Signed
from batches.ledger import Ledger
from culturewatch.ledger_address import with_password
from storage import postgresql
from storage.acts import Act, append, head, verify_chain
from storage.database import Database, DatabaseError, upgrade
from storage.schema import DETAILS
from tests.intruder import Intruder
from tests.postgres_server import PostgresServer
from tests.services import free_port

pytestmark = pytest.mark.postgres
ANNA = Signed(by="anna")
TABLES = ("act", *DETAILS)
ALLOW_CHANGE = (
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN RETURN NEW; END$$"
)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE {t} CASCADE",
        "INSERT INTO {t} SELECT * FROM {t} ON CONFLICT (sequence) DO UPDATE SET sequence = 99",
    ],
)
def test_no_row_can_be_truncated_or_replaced(
    full: str, intruder: Intruder, table: str, statement: str
) -> None:
    with pytest.raises(IntegrityError, match="is append-only"):
        intruder.run(statement.format(t=table))
    assert verify_chain(full) is None


def test_a_session_that_plays_a_replica_is_refused_as_well(
    url: str, postgres_server: PostgresServer
) -> None:
    with postgres_server.connect(str(make_url(url).database)) as connection:
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RestrictViolation, match="act is append-only"):
            connection.execute("DELETE FROM act")


@pytest.mark.parametrize(
    ("statement", "field", "why"),
    [
        ("DROP TRIGGER act_no_update ON act", "trigger act_no_update", "is missing"),
        ("ALTER TABLE act DISABLE TRIGGER USER", "trigger act_no_delete", "was changed"),
        ("ALTER TABLE act DISABLE TRIGGER ALL", "table act", "was changed"),
        ("ALTER TABLE act ENABLE TRIGGER act_no_update", "trigger act_no_update", "was changed"),
        ("ALTER TABLE departure SET UNLOGGED", "table departure", "was changed"),
        ("CREATE RULE silent AS ON INSERT TO vial DO INSTEAD NOTHING", "table vial", "was changed"),
        ("ALTER TABLE act ENABLE ROW LEVEL SECURITY", "table act", "was changed"),
        ("ALTER TABLE act ALTER COLUMN reason DROP NOT NULL", "table act", "was changed"),
        (ALLOW_CHANGE, "function refuse_change()", "was changed"),
    ],
)
def test_a_weakened_protection_is_found(
    url: str, intruder: Intruder, statement: str, field: str, why: str
) -> None:
    assert verify_chain(url) is None
    intruder.run(statement)
    broken = verify_chain(url)
    assert broken is not None
    assert (broken.table, broken.field, broken.why) == ("(schema)", field, why)


def test_two_processes_that_make_the_tables_at_once_make_them_once(
    further_url: Callable[[str], str],
) -> None:
    url = further_url("new")
    spawn = multiprocessing.get_context("spawn")
    makers = [spawn.Process(target=upgrade, args=(url,)) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(50)
    assert [maker.exitcode for maker in makers] == [0, 0, 0]
    assert verify_chain(url) is None


def test_a_reader_sees_one_state_while_others_write(ledger: Ledger) -> None:
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    with ledger.database.reading() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM act").scalar()
        ledger.open_batch("B-2026-0002", product="x", act=ANNA)
        assert connection.exec_driver_sql("SELECT count(*) FROM act").scalar() == before == 1
    assert ledger.head().sequence == 2


def test_who_reads_cannot_write(ledger: Ledger) -> None:
    with (
        pytest.raises(DatabaseError, match="takes no writes here"),
        ledger.database.reading() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM act")


def test_what_is_confirmed_is_on_the_disk_of_the_server(ledger: Ledger, intruder: Intruder) -> None:
    name = make_url(ledger.url).database
    intruder.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with ledger.database.writing() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_server_killed_in_the_middle_of_an_act_keeps_nothing_of_it(
    ledger: Ledger, own_postgres: PostgresServer
) -> None:
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    entry = Act(kind="note", subject="B-2026-0001", by="anna", at=1, entered=1, reason="")

    def act() -> None:
        with ledger.database.writing() as connection:
            append(connection, entry)
            own_postgres.kill()
            append(connection, entry)

    with pytest.raises(DatabaseError, match=r"the server went away|stopping or restarting"):
        act()
    with pytest.raises(DatabaseError, match="check that the server runs and is reached"):
        ledger.batches()
    own_postgres.start()
    assert ledger.head().sequence == 1
    ledger.place("B-2026-0001", "inc1", act=ANNA)
    assert verify_chain(ledger.url) is None


def test_a_server_killed_as_it_commits_leaves_it_open_whether_the_act_was_kept(
    ledger: Ledger, own_postgres: PostgresServer
) -> None:
    entry = Act(kind="note", subject="B-2026-0001", by="anna", at=1, entered=1, reason="")

    def act() -> None:
        with ledger.database.writing() as connection:
            append(connection, entry)
            own_postgres.kill()

    with pytest.raises(DatabaseError, match="it is not known whether this act was kept: look"):
        act()
    own_postgres.start()
    assert ledger.head().sequence in {0, 1}
    assert verify_chain(ledger.url) is None


def test_a_frozen_server_is_not_waited_for_without_end(
    ledger: Ledger, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql._Bounded, "patience_s", 0.5)
    began = time.monotonic()

    def ask() -> None:
        with ledger.database.reading() as connection:
            own_postgres.freeze()
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(DatabaseError, match=r"no answer within .* s; the server is frozen"):
        ask()
    assert time.monotonic() - began >= 0.5
    own_postgres.thaw()
    assert ledger.head().sequence == 0


def test_a_frozen_server_lets_nobody_in_and_is_not_waited_for(
    ledger: Ledger, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "CONNECT_S", 2)
    own_postgres.freeze()
    with pytest.raises(DatabaseError, match="check that the server runs and is reached"):
        ledger.head()


def test_a_server_restarted_between_two_acts_is_not_noticed(
    ledger: Ledger, own_postgres: PostgresServer
) -> None:
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    own_postgres.stop()
    own_postgres.start()
    ledger.place("B-2026-0001", "inc1", act=ANNA)
    assert verify_chain(ledger.url) is None


def test_a_writer_that_was_stopped_with_the_ledger_in_its_hands_loses_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "IDLE_S", 1)
    stopped = Database(ledger.url)
    holding, let_go = threading.Event(), threading.Event()
    said: list[str] = []

    def hold() -> None:
        try:
            with stopped.writing():
                holding.set()
                let_go.wait(30)
        except DatabaseError as error:
            said.append(str(error))

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(30)
    # Waits for a second, until the server has thrown the other one out.
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    let_go.set()
    holder.join(30)
    assert len(said) == 1


def told(url: str) -> str:
    """What is said when that ledger is opened."""
    with pytest.raises(DatabaseError) as error:
        Ledger(url)
    return str(error.value)


def test_what_is_wrong_is_said_with_what_to_do(
    postgres_server: PostgresServer, further_url: Callable[[str], str]
) -> None:
    url = further_url("other")
    wrong = with_password(url, "not-the-password")
    assert "check user and password in [ledger]" in told(wrong)
    assert "not-the-password" not in told(wrong)
    assert "check user and password" in told(postgres_server.url("postgres", user="nobody"))
    assert "create the database there" in told(postgres_server.url("nowhere"))
    nobody = url.replace(str(make_url(url).port), str(free_port()))
    assert "check that the server runs and is reached at that address" in told(nobody)
    assert postgres_server.password not in told(nobody)
    with (
        pytest.raises(DatabaseError, match="is not a ledger, or an unfinished one"),
        Database(url).reading() as connection,
    ):
        head(connection)


def test_a_full_disk_of_the_server_keeps_nothing_and_says_so(
    ledger: Ledger, intruder: Intruder
) -> None:
    # What the server says when it cannot extend a file.
    intruder.run(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION "
        "'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END$$"
    )
    intruder.run(
        "CREATE TRIGGER act_full BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION full_disk()"
    )
    with pytest.raises(DatabaseError, match="free space on the disk of the server"):
        ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    assert ledger.head().sequence == 0
