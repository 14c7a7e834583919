"""A run of rows of a long file in a record, known well enough to tell which of them changed."""

import hashlib
from operator import mul
from zlib import crc32

import msgspec

PRIME = (1 << 61) - 1


class Chunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hash of a run of rows. Rows count from 1; the heading is row 0.

    ``checks`` is the sum of the rows' CRCs, and ``moments`` that of each times its place in the
    chunk (from 1), both modulo ``PRIME``: from the two follows which row changed, if one did.
    """

    first: int
    rows: int
    offset: int
    size: int
    sha256: str
    checks: int
    moments: int

    def matches(self, data: bytes) -> bool:
        """Whether these are the rows that were written."""
        return len(data) == self.size and hashlib.sha256(data).hexdigest() == self.sha256

    def changed_row(self, rows: list[bytes]) -> int | None:
        """The number of the one row that changed since; None when it was not just one."""
        if len(rows) != self.rows:
            return None
        checks, moments = sums(rows)
        change = (checks - self.checks) % PRIME
        if not change:
            return None
        place = (moments - self.moments) * pow(change, -1, PRIME) % PRIME
        return self.first + place - 1 if 1 <= place <= self.rows else None


def sums(rows: list[bytes]) -> tuple[int, int]:
    """``checks`` and ``moments`` of ``rows``."""
    marks = list(map(crc32, rows))
    moments = sum(map(mul, marks, range(1, len(marks) + 1)))
    return sum(marks) % PRIME, moments % PRIME
