"""Every reading of a record as a table: one row a reading, hashed in chunks as it is written."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import BinaryIO
from zlib import crc32

import msgspec

from batches.survey import Part
from devices.quality import Quality
from devices.scan import Scan, Source
from devices.units import STORED_UNIT

COLUMNS = (
    "time",
    "device",
    "channel",
    "quantity",
    "unit",
    "value",
    "quality",
    "source",
    "stay",
    "part",
)
"""``time`` is UTC; ``part`` says ``before`` or ``after`` where a reading lies next to the stay."""
CHUNK_ROWS = 1_000
PRIME = (1 << 61) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = tuple(quality.word for quality in sorted(Quality))
_SOURCES = tuple(source.name.lower() for source in sorted(Source))


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
        checks, moments = _sums(rows)
        change = (checks - self.checks) % PRIME
        if not change:
            return None
        place = (moments - self.moments) * pow(change, -1, PRIME) % PRIME
        return self.first + place - 1 if 1 <= place <= self.rows else None


class ReadingsTable:
    """Writes the table; ``chunks`` tells afterwards which bytes hold which rows."""

    def __init__(self, file: BinaryIO) -> None:
        """Write the heading."""
        self._file = file
        self._rows: list[str] = []
        self._offset = 0
        self._first = 0
        self.chunks: list[Chunk] = []
        self._rows.append(",".join(COLUMNS) + "\n")

    def add(self, stay: int, part: Part, scan: Scan) -> None:
        """One row a channel of ``scan``, which belongs to stay number ``stay``."""
        head = f"{iso(scan.at)},{_cell(scan.device)},"
        tail = f",{'repeat' if scan.repeat else _SOURCES[scan.source]},{stay},{part}\n"
        layout = scan.layout
        for key, quantity, value, code in zip(
            layout.keys, layout.quantities, scan.values, scan.qualities, strict=True
        ):
            shown = "" if value is None else repr(value)
            unit = STORED_UNIT[quantity]
            self._rows.append(f"{head}{_cell(key)},{quantity},{unit},{shown},{_WORDS[code]}{tail}")
        while len(self._rows) >= CHUNK_ROWS:
            self._flush(CHUNK_ROWS)

    def finish(self) -> None:
        """Write what is left."""
        if self._rows:
            self._flush(len(self._rows))

    def _flush(self, count: int) -> None:
        rows = [row.encode() for row in self._rows[:count]]
        del self._rows[:count]
        data = b"".join(rows)
        self._file.write(data)
        checks, moments = _sums(rows)
        self.chunks.append(
            Chunk(
                first=self._first,
                rows=count,
                offset=self._offset,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                checks=checks,
                moments=moments,
            )
        )
        self._offset += len(data)
        self._first += count


def _sums(rows: list[bytes]) -> tuple[int, int]:
    marks = [crc32(row) for row in rows]
    moments = sum(place * mark for place, mark in enumerate(marks, start=1))
    return sum(marks) % PRIME, moments % PRIME


@cache
def _cell(text: str) -> str:
    if any(sign in text for sign in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def iso(at: int) -> str:
    """Epoch milliseconds as ISO 8601, UTC, with milliseconds: ``2026-01-31T08:00:00.000Z``."""
    # Whole milliseconds are added: a float of seconds would not hit each of them.
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
