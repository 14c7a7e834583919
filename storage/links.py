"""The journal's own chain: a hash runs over its rows, so that one changed or taken out is found.

The hash of a link is the SHA-256 over the hash of the link before and all rows up to its number.
A link is kept every thousand rows or so; the hash at the last row stands in the file beside the
journal (``storage.floor``), which is written with each commit.
"""

import hashlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from storage.pack import placed

EVERY = 1_000
"""At most so many rows, and those of one commit, come before the next link."""
BEGINNING = bytes(32)
"""What stands before the first row that is chained."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS link (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, crc INTEGER);
CREATE TABLE IF NOT EXISTS removed (
    one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL, crc INTEGER);
"""
"""``removed`` says up to which number rows were taken out because the archive has them."""
NEWEST = "SELECT seq, hash FROM link ORDER BY seq DESC LIMIT 1"
REMOVED = "SELECT coalesce((SELECT upto FROM removed), 0)"

Row = tuple[int, int, int, bytes]
"""Number, layout, time and body of an entry."""
WholeRow = tuple[int, int, int, int, bytes]
"""The same with its checksum before the body."""


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
        self.extend(parts, self.seq)

    def extend(self, parts: Sequence[bytes], upto: int) -> None:
        """The next rows, up to number ``upto``: where each stands, and its body, in turn."""
        if not parts:
            return
        self.seq = upto
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


class Followed:
    """Holds rows against the links of the chain, and remembers between which it does not hold."""

    def __init__(self, links: Sequence[Link], *, noted: Iterable[Link] = ()) -> None:
        """Begin at the first link; ``noted`` are heads of the chain that were kept elsewhere.

        Rows up to the first link pass by: a version that kept no chain wrote them.
        """
        self.altered: list[tuple[int, int]] = []
        self.seq = links[0].seq if links else 0
        self.newest = links[-1].seq if links else -1
        """The number of the last link that is known."""
        self._running = Running(links[0]) if links else None
        later = [*((link, True) for link in links[1:]), *((link, False) for link in noted)]
        self._ahead = deque(sorted(each for each in later if each[0].seq >= self.seq))

    @property
    def link(self) -> Link | None:
        """The head of the chain at the newest row; None where nothing was chained yet."""
        if self._running is None or self.seq < self._running.since.seq:
            return None
        return self._running.link

    def learn(self, links: Sequence[Link]) -> None:
        """Links above ``newest`` that were kept since; no row above that came by yet."""
        if not links:
            return
        self.newest = links[-1].seq
        if self._running is None:
            self._running, links = Running(links[0]), links[1:]
        self._ahead = deque(sorted([*self._ahead, *((link, True) for link in links)]))

    def take(self, rows: Sequence[WholeRow]) -> None:
        """The next rows, as they stand in the journal."""
        while rows and self._ahead and self._ahead[0][0].seq < rows[-1][0]:
            count = bisect_right(rows, self._ahead[0][0].seq, key=lambda row: row[0])
            self._go(rows[:count])
            self._compare(*self._ahead.popleft())
            rows = rows[count:]
        self._go(rows)

    def reach(self, upto: int) -> None:
        """No row up to this number follows: compare the links up to it."""
        while self._ahead and self._ahead[0][0].seq <= upto:
            self._compare(*self._ahead.popleft())

    def _go(self, rows: Sequence[WholeRow]) -> None:
        if rows:
            self.seq = rows[-1][0]
        if self._running is not None:
            since = self._running.since.seq
            chained = ((seq, layout, at, body) for seq, layout, at, _, body in rows if seq > since)
            self._running.take(row for row in chained if is_spelled(*row))

    def _compare(self, link: Link, resets: bool) -> None:  # noqa: FBT001 # what the queue holds
        if self._running is None:
            return
        if self._running.link.hash != link.hash:
            self.altered.append((self._running.since.seq, link.seq))
        if resets:
            self._running = Running(link)


def is_spelled(seq: object, layout: object, at: object, packed: object) -> bool:
    """Whether damage has left a row what can be hashed; one that cannot is missed in the chain."""
    numbers = isinstance(seq, int) and isinstance(layout, int) and isinstance(at, int)
    return numbers and is_bytes(packed)


def is_bytes(packed: object) -> bool:
    """Whether damage has left a body what it was."""
    return isinstance(packed, bytes)
