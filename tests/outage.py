"""A ledger that goes away while others use it, and comes back as it was."""

from pathlib import Path
from typing import Protocol

from tests.postgres_server import PostgresServer


class Outage(Protocol):
    """Takes a ledger away and gives it back."""

    def begin(self) -> None:
        """From now on it cannot be read."""

    def end(self) -> None:
        """It is there again, with all that it held."""


class FileOutage:
    """Of a file: something else stands in its place, as on a damaged disk."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._aside = file.with_name("aside")

    def begin(self) -> None:
        """Put it aside, with its log, and leave what is no database."""
        self._aside.mkdir()
        for path in self._file.parent.glob(f"{self._file.name}*"):
            path.rename(self._aside / path.name)
        self._file.write_text("not a database at all, but long enough to be read" * 9)

    def end(self) -> None:
        """Put it back."""
        for path in self._file.parent.glob(f"{self._file.name}*"):
            path.unlink()
        for path in self._aside.iterdir():
            path.rename(self._file.parent / path.name)
        self._aside.rmdir()


class ServerOutage:
    """Of a server: it is killed, and started again."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def begin(self) -> None:
        """End it as a power cut would."""
        self._server.kill()

    def end(self) -> None:
        """Start it; what was committed is there."""
        self._server.start()
