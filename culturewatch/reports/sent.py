"""What became of each report: a file of its own beside the journal, only ever added to.

A report goes to a person once. Before it is handed over that is written down; a process that ends
before it knows what became of it leaves it ``lost``: nobody sends it again by themselves.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

_TABLES = """
CREATE TABLE IF NOT EXISTS attempt (
    n INTEGER PRIMARY KEY, report TEXT NOT NULL, start INTEGER NOT NULL, person TEXT NOT NULL,
    at INTEGER NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempt_of ON attempt (report, start, person);
CREATE UNIQUE INDEX IF NOT EXISTS sent_once ON attempt (report, start, person)
    WHERE state = 'sent';
CREATE TRIGGER IF NOT EXISTS attempt_refuses_update BEFORE UPDATE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempt is append-only'); END;
CREATE TRIGGER IF NOT EXISTS attempt_refuses_delete BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempt is append-only'); END;
PRAGMA user_version = 1;
"""
NOBODY = ""
"""In place of a person: what is said of the report itself."""


class SentError(Exception):
    """What became of reports cannot be read or kept; the text says which file and why."""


class State(StrEnum):
    """What became of a report to a person. ``BEGUN`` is of the report: from then on it is sent."""

    BEGUN = "begun"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"


OVER = frozenset({State.SENT, State.REFUSED, State.LOST})
"""After these nobody tries again by themselves."""


class Attempt(NamedTuple):
    """The newest entry on one person; ``tries`` is how many failed, ``at`` epoch ms."""

    person: str
    state: State
    at: int
    text: str
    tries: int


class Sent:
    """The file. Safe to use from several processes: each entry is a transaction."""

    def __init__(self, data: Path) -> None:
        """Name the file in the folder ``data``; it is made when something is entered."""
        self.path = data / "reports.db"
        self._lock = data / "reports.lock"

    def enter(
        self, report: str, start: int, person: str, state: State, *, at: int, text: str = ""
    ) -> None:
        """Add what became of a report of the period from ``start`` (epoch ms).

        Raises:
            SentError: it cannot be kept, or the report was sent before.
        """
        with self._opened() as db:
            db.execute(
                "INSERT INTO attempt (report, start, person, at, state, text)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (report, start, person, at, state.value, text),
            )

    def begun(self, report: str) -> int | None:
        """The start of the period before the first that is sent by itself; None: never begun.

        Raises:
            SentError: it cannot be read.
        """
        query = "SELECT start FROM attempt WHERE report = ? AND state = 'begun'"
        with self._opened() as db:
            row = db.execute(f"{query} ORDER BY n DESC LIMIT 1", (report,)).fetchone()
        return None if row is None else int(row[0])

    def standing(self, report: str, start: int) -> dict[str, Attempt]:
        """How it stands with each person about whom something is known.

        Raises:
            SentError: it cannot be read.
        """
        found: dict[str, Attempt] = {}
        query = "SELECT person, state, at, text FROM attempt WHERE report = ? AND start = ?"
        with self._opened() as db:
            rows = db.execute(f"{query} AND state <> 'begun' ORDER BY n", (report, start))
            for person, state, at, text in rows:
                tries = found[person].tries if person in found else 0
                tries += state == State.FAILED
                found[person] = Attempt(person, State(state), at, text, tries)
        return found

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process sends reports of this folder, for as long as this is open.

        Raises:
            SentError: that cannot be known.
        """
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise SentError(f"{self._lock}: {error.strerror}") from error
        try:
            yield self._is_first(file)
        finally:
            os.close(file)

    def _is_first(self, file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            # A folder on a server, for one, may know no locks.
            raise SentError(f"{self._lock}: cannot be locked: {error.strerror}") from error
        return True

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=5.0, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                if not db.execute("PRAGMA user_version").fetchone()[0]:
                    db.executescript(_TABLES)
                yield db
        except (sqlite3.Error, OSError) as error:
            raise SentError(
                f"{self.path}: {error}; see that the disk has room and that the file is this user's"
            ) from error


def waiting(people: Iterable[str], standing: dict[str, Attempt]) -> list[str]:
    """Those of ``people`` to whom the report may still go."""
    return [one for one in people if one not in standing or standing[one].state not in OVER]
