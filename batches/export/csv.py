"""Every reading of a record as a table: one row a reading, hashed in chunks as it is written."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import add
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from batches.export.chunk import Chunk, sums
from batches.survey import Part
from devices.quality import Quality
from devices.scan import VALUELESS_CODES, Layout, Source
from devices.units import STORED_UNIT
from storage.archive.columns import Columns, Integers, codes_of
from storage.archive.pieces import Piece

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
_DAY = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = tuple(quality.word for quality in sorted(Quality))
_SOURCES = (*(source.name.lower() for source in sorted(Source)), "repeat")
_REPEAT = len(Source)
_KINDS = 256
"""Of each source there are so many qualities at most."""
_ZERO = ord("0")
_NEGATIVE = "-0.0"
"""Is equal to 0.0, and spelled otherwise."""


class ReadingsTable:
    """Writes the table; ``chunks`` tells afterwards which bytes hold which rows."""

    def __init__(self, file: BinaryIO) -> None:
        """Write the heading."""
        self._file = file
        self._rows = [",".join(COLUMNS).encode() + b"\n"]
        self._offset = 0
        self._first = 0
        self._of: tuple[Layout, int, Part] | None = None
        self._ends: dict[tuple[int, int], _Ends] = {}
        self.chunks: list[Chunk] = []

    def add(self, stay: int, part: Part, piece: Piece) -> None:
        """One row a channel of each scan of ``piece``, which belongs to stay number ``stay``."""
        if self._of != (piece.layout, stay, part):
            self._of, self._ends = (piece.layout, stay, part), {}
        rows, width = piece.rows, len(piece.layout.keys)
        kinds = _kinds(rows, width)
        begins = _times(rows.at)
        lines = [b""] * (len(begins) * width)
        for column in range(width):
            for kind in np.unique(kinds[:, column]).tolist():
                ends = self._ends_of(column, kind)
                shown = _shown(rows.values[:, column], kind)
                if (kinds[:, column] == kind).all():
                    lines[column::width] = map(add, begins, map(ends.__getitem__, shown))
                    continue
                for n in np.flatnonzero(kinds[:, column] == kind).tolist():
                    lines[n * width + column] = begins[n] + ends[shown[n]]
        self._rows += lines
        self._flush(CHUNK_ROWS)

    def finish(self) -> None:
        """Write what is left."""
        self._flush(1)

    def _ends_of(self, column: int, kind: int) -> "_Ends":
        if (column, kind) not in self._ends and self._of is not None:
            layout, stay, part = self._of
            source, code = divmod(kind, _KINDS)
            key, quantity = layout.keys[column], layout.quantities[column]
            head = f",{_cell(layout.device)},{_cell(key)},{quantity},{STORED_UNIT[quantity]},"
            tail = f",{_WORDS[code]},{_SOURCES[source]},{stay},{part}\n"
            self._ends[column, kind] = _Ends(head, tail)
        return self._ends[column, kind]

    def _flush(self, least: int) -> None:
        """Write chunk after chunk, the last one with ``least`` rows at least."""
        done = 0
        while len(self._rows) - done >= least:
            rows = self._rows[done : done + CHUNK_ROWS]
            done += len(rows)
            self._write(rows)
        del self._rows[:done]

    def _write(self, rows: list[bytes]) -> None:
        data = b"".join(rows)
        self._file.write(data)
        checks, moments = sums(rows)
        self.chunks.append(
            Chunk(
                first=self._first,
                rows=len(rows),
                offset=self._offset,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                checks=checks,
                moments=moments,
            )
        )
        self._offset += len(data)
        self._first += len(rows)


class _Ends(dict[float | str | None, bytes]):
    """Rows of one channel behind their time, by value: a probe shows few different ones."""

    def __init__(self, head: str, tail: str) -> None:
        super().__init__()
        self._head = head
        self._tail = tail

    def __missing__(self, value: float | str | None) -> bytes:
        if len(self) >= _NUMBERS:
            self.clear()
        shown = "" if value is None else value if isinstance(value, str) else repr(value)
        made = self[value] = f"{self._head}{shown}{self._tail}".encode()
        return made


def _kinds(rows: Columns, width: int) -> npt.NDArray[np.int64]:
    """Of each reading its source and its quality, in one number."""
    source = np.where(rows.repeat, _REPEAT, rows.source) * _KINDS
    codes = codes_of(rows, width)
    wide: npt.NDArray[np.int64] = np.repeat(source[:, None], width, axis=1)
    return wide if codes is None else wide + codes.astype(np.int64)


def _shown(values: npt.NDArray[np.float64], kind: int) -> Sequence[float | str | None]:
    if kind % _KINDS in VALUELESS_CODES:
        return [None] * len(values)
    shown: list[float | str | None] = values.tolist()
    for n in np.flatnonzero(np.signbit(values) & (values == 0)).tolist():
        shown[n] = _NEGATIVE
    return shown


def _cell(text: str) -> str:
    if any(sign in text for sign in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _times(at: Integers) -> list[bytes]:
    """Epoch milliseconds as ISO 8601, UTC, with milliseconds: ``2026-01-31T08:00:00.000Z``.

    They are in order; whole milliseconds are counted, since seconds as floats would not hit each.
    """
    text = np.empty((len(at), 24), np.uint8)
    day, rest = at // _DAY, at % _DAY
    begins = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    dates = [(_EPOCH + timedelta(days=each)).date().isoformat() for each in day[begins].tolist()]
    packed = np.frombuffer("".join(dates).encode(), np.uint8).reshape(-1, 10)
    text[:, :10] = np.repeat(packed, np.diff(np.append(begins, len(at))), axis=0)
    for place, sign in ((10, "T"), (13, ":"), (16, ":"), (19, "."), (23, "Z")):
        text[:, place] = ord(sign)
    minute, second = rest // 60_000, rest // 1_000 % 60
    for place, number in ((11, minute // 60), (14, minute % 60), (17, second)):
        text[:, place], text[:, place + 1] = number // 10 + _ZERO, number % 10 + _ZERO
    for place, weight in ((20, 100), (21, 10), (22, 1)):
        text[:, place] = rest // weight % 10 + _ZERO
    shown: list[bytes] = text.view("S24")[:, 0].tolist()
    return shown
