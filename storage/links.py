"""The journal's own chain: a hash runs over its rows, so that one changed or taken out is found.

The hash of a link is the SHA-256 over the hash of the link before and all rows up to its number.
A link is kept every thousand rows or so; the hash at the last row stands in the file beside the
journal (``storage.floor``), which is written with each commit.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, Self

from storage.pack import placed

EVERY = 1_000
"""At most so many rows, and those of one commit, come before the next link."""
BEGINNING = bytes(32)
"""What stands before the first row that is chained."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS link (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS removed (
    one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL);
"""
"""``removed`` says up to which number rows were taken out because the archive has them."""
NEWEST = "SELECT seq, hash FROM link ORDER BY seq DESC LIMIT 1"
REMOVED = "SELECT coalesce((SELECT upto FROM removed), 0)"

Row = tuple[int, int, int, bytes]
"""Number, layout, time and body of an entry."""


class Link(NamedTuple):
    """The hash at a number."""

    seq: int
    hash: bytes


class Running:
    """The hash over the rows that came after a link."""

    __slots__ = ("_sha", "count", "seq", "since")

    def __init__(self, since: Link) -> None:
        """Begin behind ``since``."""
        self.since = since
        self.seq = since.seq
        self.count = 0
        self._sha = hashlib.sha256(since.hash)

    def take(self, rows: Iterable[Row]) -> None:
        """The next rows, in the order of their numbers."""
        parts: list[bytes] = []
        for seq, layout, at, body in rows:
            parts += (placed(seq, layout, at), body)
            self.seq = seq
        self.count += len(parts) // 2
        self._sha.update(b"".join(parts))

    @property
    def link(self) -> Link:
        """The link that could stand here."""
        return Link(self.seq, self._sha.digest())

    def copy(self) -> Self:
        """Another that goes on from here."""
        other = object.__new__(type(self))
        other.since, other.seq, other.count = self.since, self.seq, self.count
        other._sha = self._sha.copy()  # its own kind
        return other
