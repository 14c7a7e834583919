"""The table of readings as Parquet: the rows of readings.csv, in columns with types.

Written a group of rows at a time, so that memory does not grow with the record. The same readings
give the same bytes.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet as pq

from batches.survey import Part
from devices.quality import Quality
from devices.scan import Layout, Source
from devices.units import STORED_UNIT
from storage.archive.columns import Floats, Integers, codes_of
from storage.archive.pieces import Piece

GROUP_ROWS = 100_000
SOURCES = (*(source.name.lower() for source in sorted(Source)), "repeat")
QUALITIES = tuple(quality.word for quality in sorted(Quality))
PARTS = tuple(map(str, Part))
_PART = {part: code for code, part in enumerate(Part)}
Codes = npt.NDArray[np.signedinteger[Any]]
Numbers = npt.NDArray[np.generic]
_WORD = pa.dictionary(pa.int8(), pa.string())
_NAME = pa.dictionary(pa.int16(), pa.string())
TABLE = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("device", _NAME, nullable=False),
        pa.field("channel", _NAME, nullable=False),
        pa.field("quantity", _NAME, nullable=False),
        pa.field("unit", _NAME, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("quality", _WORD, nullable=False),
        pa.field("source", _WORD, nullable=False),
        pa.field("stay", pa.int32(), nullable=False),
        pa.field("part", _WORD, nullable=False),
    ],
    metadata={"schema": "culturewatch.readings/1"},
)


class _Scans(NamedTuple):
    """Scans that wait to be written, a row each."""

    times: Integers
    values: Floats
    qualities: Codes
    sources: Codes
    stays: npt.NDArray[np.int32]
    parts: Codes

    def slice(self, begin: int, end: int) -> "_Scans":
        return _Scans(
            times=self.times[begin:end],
            values=self.values[begin:end],
            qualities=self.qualities[begin:end],
            sources=self.sources[begin:end],
            stays=self.stays[begin:end],
            parts=self.parts[begin:end],
        )


class ReadingsColumns:
    """Writes the file; readings come in the order of the table."""

    def __init__(self, file: BinaryIO) -> None:
        """Begin it."""
        self._writer = pq.ParquetWriter(
            file,
            TABLE,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            write_statistics=True,
        )
        self._layout: Layout | None = None
        self._waiting: list[_Scans] = []

    def add(self, stay: int, part: Part, piece: Piece) -> None:
        """One row a channel of each scan of ``piece``, which belongs to stay number ``stay``."""
        if piece.layout != self._layout:
            self._flush(1)
            self._layout = piece.layout
        self._waiting.append(_scans(stay, part, piece))
        self._flush(_at_once(piece.layout))

    def finish(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush(1)
        self._writer.close()

    def close(self) -> None:
        """Let go of a file that may be unfinished: nothing is written into it any more."""
        self._writer.is_open = False

    def _flush(self, least: int) -> None:
        """Write group after group, as long as ``least`` scans wait."""
        waiting = sum(len(each.times) for each in self._waiting)
        if self._layout is None or waiting < least:
            return
        whole, done = _joined(self._waiting), 0
        while waiting - done >= least:
            some = whole.slice(done, done + _at_once(self._layout))
            self._write(self._layout, some)
            done += len(some.times)
        self._waiting = [whole.slice(done, waiting)]

    def _write(self, layout: Layout, scans: _Scans) -> None:
        count, wide = len(scans.times), len(layout.keys)
        columns = np.tile(np.arange(wide, dtype=np.int16), count)
        units = [STORED_UNIT[quantity] for quantity in layout.quantities]
        values = scans.values.reshape(-1)
        self._writer.write_batch(
            pa.record_batch(
                [
                    _plain(np.repeat(scans.times, wide), "time"),
                    _coded(np.zeros(count * wide, dtype=np.int16), [layout.device]),
                    _coded(columns, layout.keys),
                    _coded(columns, layout.quantities),
                    _coded(columns, units),
                    # No reading is NaN (devices.scan): here it stands for one without a value.
                    _plain(values, "value", valid=~np.isnan(values)),
                    _coded(scans.qualities.reshape(-1), QUALITIES),
                    _coded(np.repeat(scans.sources, wide), SOURCES),
                    _plain(np.repeat(scans.stays, wide), "stay"),
                    _coded(np.repeat(scans.parts, wide), PARTS),
                ],
                schema=TABLE,
            ),
            row_group_size=2 * GROUP_ROWS,
        )


def _at_once(layout: Layout) -> int:
    """Scans of a group."""
    return -(-GROUP_ROWS // max(1, len(layout.keys)))


def _joined(parts: Sequence[_Scans]) -> _Scans:
    return _Scans(
        times=np.concatenate([part.times for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        qualities=np.concatenate([part.qualities for part in parts]),
        sources=np.concatenate([part.sources for part in parts]),
        stays=np.concatenate([part.stays for part in parts]),
        parts=np.concatenate([part.parts for part in parts]),
    )


def _scans(stay: int, part: Part, piece: Piece) -> _Scans:
    rows, count, width = piece.rows, len(piece.rows.at), len(piece.layout.keys)
    codes = codes_of(rows, width)
    return _Scans(
        times=rows.at,
        values=rows.values,
        qualities=np.zeros((count, width), np.int8) if codes is None else codes.astype(np.int8),
        sources=np.where(rows.repeat, len(Source), rows.source).astype(np.int8),
        stays=np.full(count, stay, np.int32),
        parts=np.full(count, _PART[part], np.int8),
    )


def _plain(values: Numbers, name: str, *, valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    # From its buffers: pa.array() would first import pandas to see whether it is one of its own.
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(TABLE.field(name).type, len(values), [bits, pa.py_buffer(values)])


def _coded(codes: Codes, words: Sequence[str]) -> pa.DictionaryArray:
    kind = pa.int8() if codes.dtype == np.int8 else pa.int16()
    indices = pa.Array.from_buffers(kind, len(codes), [None, pa.py_buffer(codes)])
    text = "".join(words).encode()
    ends = np.cumsum([0, *(len(word.encode()) for word in words)], dtype=np.int32)
    named = pa.Array.from_buffers(
        pa.string(), len(words), [None, pa.py_buffer(ends), pa.py_buffer(text)]
    )
    return pa.DictionaryArray.from_arrays(indices, named)
