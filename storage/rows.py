"""Many rows in one statement.

The interpreter's lock is let go and taken back at each step of a statement, and taking it back
from a busy event loop can last milliseconds: a group costs a handful of steps, not one a row.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar

T = TypeVar("T")

_LARGEST = 256


def slices(items: Sequence[T], width: int = 1) -> Iterator[Sequence[T]]:
    """Runs of ``width`` times a power of two, so that few different statements are prepared."""
    at, left, count = 0, len(items) // width, _LARGEST
    while left:
        while count > left:
            count //= 2
        yield items[at : at + count * width]
        at, left = at + count * width, left - count


def insert(db: sqlite3.Connection, table: str, width: int, values: Sequence[object]) -> None:
    """Insert rows of ``width`` columns; ``values`` holds all of them one after the other.

    Raises:
        sqlite3.Error: they could not be written.
    """
    for part in slices(values, width):
        db.execute(_statement(table, width, len(part) // width), part)


@cache
def _statement(table: str, width: int, count: int) -> str:
    row = f"({','.join('?' * width)})"
    # Only the names of tables in this package are put together here.
    return f"INSERT INTO {table} VALUES {','.join([row] * count)}"  # noqa: S608
