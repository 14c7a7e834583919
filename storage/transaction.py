"""All of it or nothing, on an SQLite connection; and what such a connection raises."""

import sqlite3

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What ``sqlite3`` raises; the second where what it has to say quotes damaged text."""


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
