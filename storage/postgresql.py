"""The ledger in PostgreSQL: how it is opened, begun, described, and what its errors mean.

Grafana and other readers look at the same tables. The one door to psycopg.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from storage.catalog import CATALOG

T = TypeVar("T")
ERRORS: tuple[type[Exception], ...] = (psycopg.Error,)
"""What the driver raises, also where SQLAlchemy does not see it."""
LOCK = int.from_bytes(b"cwledger")
"""The advisory lock that writers of a ledger take, one after the other."""
CONNECT_S = 5
STATEMENT_S = 30
SILENT_S = 40.0
"""How long the server may say nothing at all: one that is frozen ends no statement by itself."""
IDLE_S = 60
"""A writer that was stopped with the ledger in its hands loses it after so long."""


class _Bounded(psycopg.Connection[Any]):
    """A connection that waits for an answer so long and no longer."""

    patience_s: float | None = SILENT_S

    def wait(
        self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None
    ) -> T:
        """Wait as psycopg does, with a bound of our own where it has none."""
        if timeout is not None or self.patience_s is None:
            return super().wait(gen, interval, timeout)
        began_s = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience_s)
        except psycopg.OperationalError as error:
            waited_s = time.monotonic() - began_s
            if waited_s < self.patience_s:
                raise
            # What comes later would be taken for the answer to the next question.
            self.close()
            raise psycopg.OperationalError(f"no answer within {waited_s:.0f} s") from error


def engine(url: URL, *, inspecting: bool, busy_s: float) -> Engine:
    """What connects to the server; its own transactions never write when ``inspecting``."""
    options = {
        "lock_timeout": f"{busy_s:g}s",
        "statement_timeout": f"{STATEMENT_S}s",
        "idle_in_transaction_session_timeout": f"{IDLE_S}s",
        # A ledger fits into memory: compiling a query takes longer than to answer it, and an
        # index is as near as the table.
        "jit": "off",
        "random_page_cost": "1.1",
    }
    if inspecting:
        options["default_transaction_read_only"] = "on"
    # Connections are not kept: after a restart of the server none is stale, and a fork shares none.
    made = create_engine(url, poolclass=NullPool)
    event.listen(made, "do_connect", partial(_connect, options))
    event.listen(made, "begin", _begin)
    return made


def reading(made: Engine) -> Engine:
    """For transactions that see one state."""
    return made.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writing(made: Engine) -> Engine:
    """For transactions that have the ledger for themselves."""
    # Each statement has to see what the writer before committed while this one waited its turn.
    return made.execution_options(isolation_level="READ COMMITTED", alone=True)


def make_ready(_: Engine) -> None:
    """A server needs nothing done to it: readers wait for no writer."""


def unhurried(connection: Connection) -> None:
    """Let what follows take its time, as an index over a large table does."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    driver = connection.connection.driver_connection
    if isinstance(driver, _Bounded):
        driver.patience_s = None


@contextmanager
def scratch(made: Engine) -> Iterator[Connection]:
    """An empty schema that nobody else sees and that vanishes afterwards."""
    able = made.execution_options(isolation_level="READ COMMITTED", postgresql_readonly=False)
    with able.connect() as connection, connection.begin() as transaction:
        # A role that may only read is allowed as much.
        connection.execute(text("SET LOCAL search_path = pg_temp"))
        yield connection
        transaction.rollback()


def damage(connection: Connection) -> str | None:
    """Pages that the server has found not to match their checksums; None when none."""
    found = connection.execute(
        text("SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()")
    ).scalar()
    return f"the server met {found} pages that do not match their checksums" if found else None


def schema(connection: Connection) -> dict[str, str]:
    """A statement for each table, index, view, trigger and function, by name."""
    found: dict[str, str] = {}
    for name, statement, namespace in connection.execute(text(CATALOG)):
        # Where it was made is no part of what it is.
        for where in (f'"{namespace}".', f"{namespace}.", "pg_temp."):
            statement = statement.replace(where, "")  # noqa: PLW2901 # this is the statement
        found[name] = statement
    return found


def is_lost(error: BaseException | None) -> bool:
    """Whether the way to the server broke: it may have kept what it was last asked to."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] in {"08", "57"}


def advice(error: BaseException | None) -> str:
    """What to do about ``error``; empty when that is not known."""
    if not isinstance(error, psycopg.Error):
        return ""
    if error.sqlstate is not None:
        # The words may be of any language, the codes are not.
        for code in (error.sqlstate, error.sqlstate[:2]):
            if code in _ADVICE:
                return _ADVICE[code]
        return ""
    return next((advice for sign, advice in _SIGNS.items() if sign in str(error)), _UNREACHED)


def _connect(
    options: dict[str, str], _dialect: object, _record: object, _args: object, given: dict[str, Any]
) -> psycopg.Connection[Any]:
    settings = " ".join(f"-c {name}={value}" for name, value in options.items())
    wanted = {
        "connect_timeout": CONNECT_S,
        "application_name": "culturewatch",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        # A pooler between hands statements of one connection to several servers.
        "prepare_threshold": None,
        **given,
        "options": f"{given.get('options', '')} {settings}".strip(),
    }
    return _Bounded.connect(**wanted)


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("alone", False):
        # Whatever the server's setting: what is confirmed to a person is on its disk.
        connection.execute(
            text(
                "SELECT pg_advisory_xact_lock(:lock), CASE current_setting('synchronous_commit') "
                "WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END"
            ),
            {"lock": LOCK},
        )


_STARTING = "the server is starting, stopping or restarting; try again"
_UNREACHED = (
    "check that the server runs and is reached at that address, and the user, password and "
    "database in [ledger]"
)
_DAMAGED = "the server's files are damaged; stop writing to it and restore a backup beside it"
_ADVICE = {
    "08": "the server went away; see whether it runs, and try again",
    "23505": "somebody else wrote there; run culturewatch ledger verify",
    "25006": "the server takes no writes here (a standby, or set to read only); name the primary",
    "3D000": "create the database there (deploy/postgres.sql), or correct its name in [ledger]",
    "28": "check user and password in [ledger], and that the server's pg_hba.conf lets them in",
    "40": "it was undone for the sake of another one; try again",
    "42501": (
        "this user may not do that: let the owner of the database run culturewatch ledger "
        "upgrade, and give the rights that culturewatch ledger grants prints"
    ),
    "42P01": (
        "this is not a ledger, or an unfinished one; let the owner of the database run "
        "culturewatch ledger upgrade"
    ),
    "53100": "free space on the disk of the server; nothing of this act was kept",
    "53200": "the server is short of memory; nothing of this act was kept",
    "53300": "the server has no connection left; close some, or raise its max_connections",
    "54": "it is larger than the server takes",
    "55P03": "another process has held it for too long; try again, then look for a stuck one",
    "57014": "it took longer than it may; see what else the server is busy with",
    "57": _STARTING,
    "58": "look into the server's log: its disk or files fail",
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE, or by its class."""
_SIGNS = {
    "password authentication failed": _ADVICE["28"],
    "no password supplied": "give password in [ledger], as { env = NAME } or { file = PATH }",
    "no pg_hba.conf entry": _ADVICE["28"],
    "permission denied": _ADVICE["42501"],
    "role ": _ADVICE["28"],
    "does not exist": _ADVICE["3D000"],
    "too many": _ADVICE["53300"],
    "remaining connection slots": _ADVICE["53300"],
    "starting up": _STARTING,
    "shutting down": _STARTING,
    "recovery mode": _STARTING,
    "no answer within": "the server is frozen or overloaded; see whether it answers anybody",
    "server closed the connection": _ADVICE["08"],
    "terminating connection": _ADVICE["08"],
    "the connection is closed": _ADVICE["08"],
    "the connection is lost": _ADVICE["08"],
}
"""Before the server has let somebody in, it has words only. Other languages get the general one."""
