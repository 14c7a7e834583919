"""Hash chains: each row carries a SHA-256 over its own content and the hash of the row before."""

import hashlib
from collections.abc import Mapping

import msgspec

GENESIS = "0" * 64
"""What stands before the first row."""

Scalar = str | int | None
Body = Mapping[str, "Scalar | Body"]
"""What a row says. No fractions: a float has more than one spelling, a hash has none."""


class Head(msgspec.Struct, frozen=True):
    """The last row of a chain. Kept elsewhere, it proves that rows were not cut off the end."""

    sequence: int
    hash: str


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain fails: the table, its row (by sequence), the field, and a sentence why."""

    table: str
    row: int | None
    field: str
    why: str

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        return f"table {self.table}{row}, {self.field}: {self.why}"


def canonical(body: Body) -> str:
    """The one spelling of ``body``: JSON, keys sorted, no spaces, UTF-8."""
    return msgspec.json.encode(body, order="sorted").decode()


def link(previous: str, body: str) -> str:
    """The hash, in hexadecimal, of a row that says ``body`` after the row hashed ``previous``."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()
