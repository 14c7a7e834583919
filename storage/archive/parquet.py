"""The one door to pyarrow: columns into Parquet files and out of them, a row group at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from devices.scan import Layout
from storage.archive.columns import Columns
from storage.archive.seal import ArchiveError
from storage.closable import Closable

Arrow: TypeAlias = Any
"""Something of pyarrow's or numpy's, whose types do not say more."""
_LEVEL = 3
_DELTA = ("seq", "at", "received")
_TIME = pa.timestamp("ms", tz="UTC")
_HEAD = (
    ("seq", pa.int64()),
    ("layout", pa.int32()),
    ("device", pa.dictionary(pa.int32(), pa.string())),
    ("at", _TIME),
    ("received", _TIME),
    ("source", pa.int8()),
    ("repeat", pa.bool_()),
    ("qualities", pa.binary()),
    ("note", pa.binary()),
)


def _value(n: int) -> str:
    return f"value_{n}"


def _schema(width: int, about: bytes) -> Arrow:
    values = [(_value(n), pa.float64()) for n in range(width)]
    return pa.schema([*_HEAD, *values]).with_metadata({b"culturewatch": about})


class EntriesWriter:
    """Writes a segment's entries, row group by row group."""

    def __init__(self, path: Path, layouts: Mapping[int, Layout], width: int, about: bytes) -> None:
        """Create ``path``; ``about`` is kept in it for whoever reads it without this program.

        Raises:
            OSError: it cannot be written.
        """
        self._layouts = layouts
        self._width = width
        self._schema = _schema(width, about)
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=["layout", "device", *map(_value, range(width))],
            column_encoding=dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED"),
            # Another version of the library must not choose other bytes for the same entries.
            version="2.6",
            data_page_version="1.0",
            store_schema=False,
            write_page_checksum=True,
        )

    def write(self, found: Columns) -> None:
        """Write one row group.

        Raises:
            OSError: it cannot be written.
        """
        arrays: list[Arrow] = [
            pa.array(found.seq),
            pa.array(found.layout, pa.int32()),
            self._devices(found.layout),
            pa.array(found.at).cast(_TIME),
            pa.array(found.received).cast(_TIME),
            pa.array(found.source, pa.int8()),
            pa.array(found.repeat),
            pa.array(found.qualities, pa.binary()),
            pa.array(found.notes, pa.binary()),
            *(
                pa.array(np.ascontiguousarray(found.values[:, n]), from_pandas=True)
                for n in range(self._width)
            ),
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=max(1, len(found.seq)))

    def close(self) -> None:
        """Write what Parquet puts at the end.

        Raises:
            OSError: it cannot be written.
        """
        self._writer.close()

    def _devices(self, layout: npt.NDArray[np.int64]) -> Arrow:
        numbers, where = np.unique(layout, return_inverse=True)
        names = [
            self._layouts[number].device if number in self._layouts else None
            for number in numbers.tolist()
        ]
        return pa.array(names, pa.string()).take(pa.array(where)).dictionary_encode()


class EntriesReader(Closable):
    """Reads the entries of a segment."""

    def __init__(self, path: Path) -> None:
        """Open ``path``.

        Raises:
            ArchiveError: it cannot be read.
        """
        self._path = path
        try:
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            raise self._failure(error) from error
        self.width = sum(name.startswith("value_") for name in self._file.schema_arrow.names)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def group(self, number: int, *, width: int | None = None) -> Columns:
        """A row group, with the first ``width`` values of each entry.

        Raises:
            ArchiveError: it cannot be read.
        """
        width = self.width if width is None else min(width, self.width)
        names = [name for name, _ in _HEAD if name != "device"] + [*map(_value, range(width))]
        try:
            table = self._file.read_row_group(number, columns=names, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise self._failure(error, f", row group {number}") from error
        values = np.empty((table.num_rows, width))
        for n in range(width):
            values[:, n] = _numbers(table.column(_value(n)))
        return Columns(
            seq=_numbers(table.column("seq")),
            layout=_numbers(table.column("layout")).astype(np.int64),
            at=_numbers(table.column("at").cast(pa.int64())),
            received=_numbers(table.column("received").cast(pa.int64())),
            source=_numbers(table.column("source")).astype(np.int64),
            repeat=_numbers(table.column("repeat")),
            values=values,
            qualities=_texts(table.column("qualities")),
            notes=_texts(table.column("note")),
        )

    def places(self) -> list[tuple[int, int]]:
        """Of each row group, where it begins in the file, and how many bytes it has."""
        found = []
        for number in range(self._file.metadata.num_row_groups):
            group = self._file.metadata.row_group(number)
            chunks = [group.column(n) for n in range(group.num_columns)]
            begin = min(_first_page(chunk) for chunk in chunks)
            end = max(_first_page(chunk) + chunk.total_compressed_size for chunk in chunks)
            found.append((begin, end - begin))
        return found

    def _failure(self, error: Exception, where: str = "") -> ArchiveError:
        return ArchiveError(
            f"{self._path}{where}: cannot be read: {error}; culturewatch verify says what is "
            "damaged, and a backup has it"
        )


def _first_page(chunk: Arrow) -> int:
    if chunk.dictionary_page_offset is None:
        return int(chunk.data_page_offset)
    return min(int(chunk.dictionary_page_offset), int(chunk.data_page_offset))


def _numbers(column: Arrow) -> Arrow:
    return column.to_numpy()


def _texts(column: Arrow) -> Sequence[bytes | None]:
    if column.null_count == len(column):
        return [None] * len(column)
    found: list[bytes | None] = column.to_pylist()
    return found


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write a small table as one file: arrays by the names of their columns.

    Raises:
        OSError: it cannot be written.
    """
    pq.write_table(pa.table(dict(columns)), path, compression="zstd", write_page_checksum=True)


def read_table(path: Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The columns of a small table as arrays; text comes as lists.

    With ``names`` those of them that it has.

    Raises:
        ArchiveError: it cannot be read.
    """
    wanted = None if names is None else list(names)
    try:
        # A file of some kilobytes is read at once: what a dataset would look at costs more.
        with pq.ParquetFile(
            pa.BufferReader(path.read_bytes()), page_checksum_verification=True
        ) as file:
            table = file.read(columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise ArchiveError(f"{path}: cannot be read: {error}") from error
    return {
        name: column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


class RowsWriter:
    """A table for other programs, as rows come; the columns are those of an export."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Create ``path``.

        Raises:
            OSError: it cannot be written.
        """
        kinds = {"value": pa.float64(), "repeat": pa.bool_(), "time_ms": pa.int64()}
        self._schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Sequence[object]]) -> None:
        """Write some rows.

        Raises:
            OSError: they cannot be written.
        """
        columns = list(zip(*rows, strict=True)) or [()] * len(self._schema)
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write what Parquet puts at the end.

        Raises:
            OSError: it cannot be written.
        """
        self._writer.close()
