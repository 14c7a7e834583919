"""The table of readings as Parquet: the rows of readings.csv, in columns with types.

Written a group of rows at a time, so that memory does not grow with the record. The same readings
give the same bytes.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet as pq

from batches.survey import Part
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from devices.units import STORED_UNIT

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


class ReadingsColumns:
    """Writes the file; scans come in the order of the table."""

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
        self._rows = 0
        self._empty()

    def _empty(self) -> None:
        self._times: list[int] = []
        self._values: list[float | None] = []
        self._qualities = bytearray()
        self._sources = bytearray()
        self._stays: list[int] = []
        self._parts = bytearray()

    def add(self, stay: int, part: Part, scan: Scan) -> None:
        """One row a channel of ``scan``, which belongs to stay number ``stay``."""
        if scan.layout is not self._layout:
            if scan.layout != self._layout:
                self._flush()
            self._layout = scan.layout
        elif len(self._values) >= GROUP_ROWS:
            self._flush()
        self._times.append(scan.at)
        self._values += scan.values
        self._qualities += scan.qualities
        self._sources.append(len(Source) if scan.repeat else scan.source)
        self._stays.append(stay)
        self._parts.append(_PART[part])

    def finish(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        self._writer.close()

    def close(self) -> None:
        """Let go of a file that may be unfinished: nothing is written into it any more."""
        self._writer.is_open = False

    def _flush(self) -> None:
        layout, count = self._layout, len(self._times)
        if layout is None or not count:
            return
        wide = len(layout.keys)
        columns = np.tile(np.arange(wide, dtype=np.int16), count)
        units = [STORED_UNIT[quantity] for quantity in layout.quantities]
        values = np.array(self._values, dtype=np.float64)
        self._writer.write_batch(
            pa.record_batch(
                [
                    _plain(np.repeat(np.array(self._times, dtype=np.int64), wide), "time"),
                    _coded(np.zeros(count * wide, dtype=np.int16), [layout.device]),
                    _coded(columns, layout.keys),
                    _coded(columns, layout.quantities),
                    _coded(columns, units),
                    # No reading is NaN (devices.scan): here it stands for one without a value.
                    _plain(values, "value", valid=~np.isnan(values)),
                    _coded(np.frombuffer(bytes(self._qualities), dtype=np.int8), QUALITIES),
                    _coded(_each(self._sources, wide), SOURCES),
                    _plain(np.repeat(np.array(self._stays, dtype=np.int32), wide), "stay"),
                    _coded(_each(self._parts, wide), PARTS),
                ],
                schema=TABLE,
            ),
            row_group_size=2 * GROUP_ROWS,
        )
        self._empty()


def _each(codes: bytearray, wide: int) -> Codes:
    return np.repeat(np.frombuffer(bytes(codes), dtype=np.int8), wide)


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
