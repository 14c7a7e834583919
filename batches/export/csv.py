"""Every reading of a record as a table: one row a reading, hashed in chunks as it is written."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import mul
from typing import BinaryIO
from zlib import crc32

import msgspec

from batches.survey import Part
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
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
_NUMBERS = 4_096
"""Spellings that are remembered: a probe shows few different values."""
PRIME = (1 << 61) - 1
_DAY, _MINUTE = 86_400_000, 60_000
_CLOCK = tuple(f"{n // 60:02}:{n % 60:02}" for n in range(24 * 60))
_SECONDS = tuple(f"{n:02}" for n in range(60))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = tuple(quality.word for quality in sorted(Quality))
_SOURCES = (*(source.name.lower() for source in sorted(Source)), "repeat")


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
        self._layout: Layout | None = None
        self._heads: tuple[str, ...] = ()
        self._numbers: dict[float | None, str] = {}
        self.chunks: list[Chunk] = []
        self._rows.append(",".join(COLUMNS) + "\n")

    def add(self, stay: int, part: Part, scan: Scan) -> None:
        """One row a channel of ``scan``, which belongs to stay number ``stay``."""
        layout = scan.layout
        if layout is not self._layout:
            self._layout, self._heads = layout, _heads(layout)
        begin = iso(scan.at)
        end = _tail(len(Source) if scan.repeat else scan.source, stay, part)
        words, rows, numbers = _WORDS, self._rows, self._numbers
        for head, value, code in zip(self._heads, scan.values, scan.qualities, strict=True):
            shown = numbers.get(value)
            if shown is None:
                shown = self._number(value)
            rows.append(f"{begin}{head}{shown},{words[code]}{end}")
        while len(rows) >= CHUNK_ROWS:
            self._flush(CHUNK_ROWS)

    def finish(self) -> None:
        """Write what is left."""
        if self._rows:
            self._flush(len(self._rows))

    def _number(self, value: float | None) -> str:
        # -0.0 is equal to 0.0 and spelled otherwise.
        shown = "" if value is None else repr(value)
        if value == 0:
            return shown
        if len(self._numbers) >= _NUMBERS:
            self._numbers.clear()
        self._numbers[value] = shown
        return shown

    def _flush(self, count: int) -> None:
        rows = list(map(str.encode, self._rows[:count]))
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
    marks = list(map(crc32, rows))
    moments = sum(map(mul, marks, range(1, len(marks) + 1)))
    return sum(marks) % PRIME, moments % PRIME


def _heads(layout: Layout) -> tuple[str, ...]:
    """What stands between time and value, for each channel."""
    return tuple(
        f",{_cell(layout.device)},{_cell(key)},{quantity},{STORED_UNIT[quantity]},"
        for key, quantity in zip(layout.keys, layout.quantities, strict=True)
    )


@lru_cache(maxsize=64)
def _tail(source: int, stay: int, part: Part) -> str:
    return f",{_SOURCES[source]},{stay},{part}\n"


def _cell(text: str) -> str:
    if any(sign in text for sign in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def iso(at: int) -> str:
    """Epoch milliseconds as ISO 8601, UTC, with milliseconds: ``2026-01-31T08:00:00.000Z``."""
    # Whole milliseconds are counted: a float of seconds would not hit each of them.
    day, rest = divmod(at, _DAY)
    minute, rest = divmod(rest, _MINUTE)
    return f"{_date(day)}T{_CLOCK[minute]}:{_SECONDS[rest // 1000]}.{rest % 1000:03}Z"


@lru_cache(maxsize=8)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()
