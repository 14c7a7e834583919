"""All of it or nothing, on an SQLite connection; and what such a connection raises."""

import errno
import sqlite3

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What ``sqlite3`` raises; the second where what it has to say quotes damaged text."""


ROOM = "make room on the disk, and look whether it is sound"
"""What to do where ``wants_room``."""


def wants_room(error: Exception) -> bool:
    """Whether ``error`` may come of a disk that takes no more."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # A quota and a limit of a file's size are told as any fault of writing is.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
    )


class Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when something was raised."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Hold the connection on which it runs."""
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
