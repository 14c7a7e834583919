"""The readings as Parquet: the same rows as the table, with types, in groups."""

import io
from itertools import starmap
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import parquet as pq

from batches.export import parquet
from batches.export.parquet import ReadingsColumns
from batches.survey import Part
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.archive.columns import of_scans
from storage.archive.pieces import Piece
from storage.reader import Placed

LAYOUT = Layout("inc1", ("temperature", "door"), ("temperature", "state"))


def test_it_holds_the_rows_of_the_table(written: Path) -> None:
    rows = pd.read_csv(written / "readings.csv")
    columns = pd.read_parquet(written / "readings.parquet")
    assert list(columns) == list(rows)
    assert len(columns) == len(rows) == 3 * (240 + 230 + 4)
    for name in rows:
        if name == "time":
            assert list(pd.to_datetime(rows[name])) == list(columns[name])
        elif name == "value":
            pd.testing.assert_series_equal(rows[name], columns[name])
        else:
            assert list(rows[name]) == list(columns[name]), name


def test_each_column_has_its_type(written: Path) -> None:
    schema = pq.read_schema(written / "readings.parquet")
    types = {field.name: str(field.type) for field in schema}
    assert types["time"] == "timestamp[ms, tz=UTC]"
    assert types["value"] == "double"
    assert types["stay"] == "int32"
    assert types["quality"].startswith("dictionary<values=string")
    assert schema.metadata[b"schema"] == b"culturewatch.readings/1"
    group = pq.read_metadata(written / "readings.parquet").row_group(0)
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}


def test_long_ones_are_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 100)
    file = io.BytesIO()
    columns = ReadingsColumns(file)
    silent = bytes((Quality.NO_ANSWER, Quality.GOOD))
    scans: list[Placed] = []
    for n in range(130):
        values, marks = ((None, 1.0), silent) if n == 7 else ((37.0 + n, 0.0), bytes(2))
        source = Source.TEST if n == 8 else Source.LIVE
        scan = Scan(LAYOUT, n * 1_000, n * 1_000, values, marks, source, n == 9)
        scans.append((scan.at, n, scan))
    for stay, begin, end in ((1, 0, 3), (1, 3, 98), (1, 98, 100), (2, 100, 130)):
        for piece in starmap(Piece, of_scans(scans[begin:end])):
            columns.add(stay, Part.INSIDE, piece)
    columns.finish()
    found = pq.ParquetFile(file)
    groups = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert groups == [100, 100, 60]
    table = found.read().to_pylist()
    assert [row["value"] for row in table[14:16]] == [None, 1.0]
    assert [row["quality"] for row in table[14:16]] == ["no_answer", "good"]
    assert [row["source"] for row in table[12:20:2]] == ["live", "live", "test", "repeat"]
    assert [row["stay"] for row in table[198:202]] == [1, 1, 2, 2]
    assert table[-1]["time"].timestamp() == 129
