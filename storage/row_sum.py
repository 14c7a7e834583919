"""The sum of a row of a table, over its values as SQLite gives them back."""

import hashlib
from collections.abc import Sequence
from zlib import crc32

import msgspec

Value = str | int | float | bytes | None
# In msgpack a number is no text and text no bytes: a value of another type is another spelling.
_spell = msgspec.msgpack.Encoder().encode


def digest(table: str, values: Sequence[Value]) -> bytes:
    """SHA-256: what proves a row once it is chained."""
    return hashlib.sha256(_spell((table, values))).digest()


def crc(table: str, values: Sequence[Value]) -> int:
    """CRC-32, kept at the end of the row itself: what finds a changed byte of working memory."""
    return crc32(_spell((table, values)))


def summed(table: str, *values: Value) -> tuple[Value, ...]:
    """A row of ``table`` with its checksum behind it."""
    return (*values, crc(table, values))


def as_it_stands(text: bytes) -> str | bytes:
    """Text as text; what damage made of it as bytes that are no blob of this program.

    So no row keeps others from being read, and none is taken for what it was.
    """
    try:
        return text.decode()
    except UnicodeDecodeError:
        return b"no text: " + text
