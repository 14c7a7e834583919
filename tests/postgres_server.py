"""A real PostgreSQL of the tests' own."""

import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.services import LOOPBACK, READY_S, STOP_S, Service, free_port, missing, wait_until


class PostgresServer(Service):
    """A PostgreSQL 15 of our own in ``folder``, which a test may stop, kill and start.

    It sorts text as a dictionary does, and not by code points, as many servers do.
    """

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            # It refuses to be run by root.
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        settings = {
            "port": self.port,
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            # The tests end the process, never the machine.
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "max_connections": 60,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        super().__init__([*self._as_user, binaries / "postgres", "-D", data, *options], folder)
        self._initialise(binaries / "initdb", data)

    def url(self, database: str, *, user: str = "postgres", password: str | None = None) -> str:
        """The address of a database, for SQLAlchemy."""
        secret = self.password if password is None else password
        return f"postgresql+psycopg://{user}:{secret}@{LOOPBACK}:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs statements as the superuser, each by itself; the rows of the last one."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(
        self, database: str = "postgres", *, user: str = "postgres", password: str | None = None
    ) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection without any of our own program between."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            dbname=database,
            user=user,
            password=self.password if password is None else password,
            autocommit=True,
        )

    def stop(self) -> None:
        """Ends it without waiting for those who are connected."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_S)
        self._process = None

    def kill(self) -> None:
        """Ends it as a power cut would, and waits until its children have noticed."""
        super().kill()
        wait_until(lambda: not self._children(), within_s=STOP_S)

    def freeze(self) -> None:
        """Stops every process of it in its tracks; its port still takes connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._children():
            # A backend ends when its client does.
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def is_serving(self) -> bool:
        """Whether it lets somebody in."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _children(self) -> list[int]:
        """Its processes, found by the folder that they work in."""
        mine = (self._folder / "data").resolve()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == mine:
                    found.append(int(process.name))
            except OSError:
                # Ended, or somebody else's.
                continue
        return found

    def _initialise(self, initdb: Path, data: Path) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        if self._as_user:
            shutil.chown(secret, "postgres", "postgres")
        subprocess.run(  # noqa: S603 # put together here
            [
                *self._as_user, initdb, "-D", data, "-U", "postgres", "-A", "scram-sha-256",
                f"--pwfile={secret}", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=en-US",
                "--data-checksums", "--no-sync", "--no-instructions",
            ],
            check=True,
            capture_output=True,
            timeout=READY_S,
        )  # fmt: skip


def find_postgresql() -> Path:
    """The folder with the programs of PostgreSQL 15 or newer, as Debian lays them out."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    if not named:
        missing("PostgreSQL 15", "install the Debian package postgresql")
    return Path(named).resolve().parent
