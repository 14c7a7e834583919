"""One state of an SQLite file that others write, held while it is copied."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from storage import links, readonly
from storage.backup.manifest import BackupError
from storage.closable import Closable

_MAGIC = b"SQLite format 3\0"
_PAGES = 4_000
"""Copied at once, then it is told how far it is: 16 MB."""


class Snapshot(Closable):
    """What stood in ``path`` at one instant; writers go on meanwhile and are not seen."""

    def __init__(self, path: Path) -> None:
        """Hold the state of now.

        Raises:
            BackupError: it cannot be read.
        """
        self.path = path
        try:
            self._db = sqlite3.connect(
                readonly.address(path, copy=True), uri=True, isolation_level=None, timeout=10
            )
            # A backup over a transaction of its own is not begun anew at each commit of others.
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Let the state go."""
        self._db.close()

    @property
    def size(self) -> int:
        """Bytes."""
        pages, page = (
            int(self._db.execute(f"PRAGMA {what}").fetchone()[0])
            for what in ("page_count", "page_size")
        )
        return pages * page

    def removed(self) -> int:
        """Up to which entry a journal was freed of what is sealed.

        Raises:
            BackupError: it cannot be read.
        """
        try:
            listed = "SELECT count(*) FROM sqlite_master WHERE name = 'removed'"
            if not self._db.execute(listed).fetchone()[0]:
                return 0
            return int(self._db.execute(links.REMOVED).fetchone()[0])
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def copy(self, target: Path, *, done: Callable[[int], None]) -> None:
        """Write it to ``target``; ``done`` is told bytes as they are written.

        Raises:
            BackupError: it cannot be read or written; what there is of ``target`` is good for
                nothing.
        """
        copy = sqlite3.connect(target, isolation_level=None)
        told = 0

        def advance(_status: int, left: int, pages: int) -> None:
            nonlocal told
            share = self.size * (pages - left) // max(1, pages)
            done(share - told)
            told = share

        try:
            # Whoever calls forces the file to disk, and throws it away when anything fails.
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            self._db.backup(copy, pages=_PAGES, progress=advance)
        except sqlite3.Error as error:
            raise BackupError(
                f"{target.name}: cannot be copied from {self.path}: {error}; nothing of it was "
                "kept: see that the disk of the backup has room, and that the file is not damaged"
            ) from error
        finally:
            copy.close()

    def _unusable(self, error: sqlite3.Error) -> BackupError:
        return BackupError(
            f"{self.path}: cannot be read: {error}; nothing of the backup was kept: try again, "
            "and have culturewatch verify look at the data"
        )


def is_database(path: Path) -> bool:
    """Whether ``path`` is an SQLite file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
