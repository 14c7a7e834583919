"""The table of readings, spelled row by row as it has to stand there."""

import io
from itertools import groupby, starmap
from zlib import crc32

import pytest

from batches.export import csv
from batches.export.chunk import PRIME
from batches.export.csv import CHUNK_ROWS, ReadingsTable
from batches.survey import Part
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.archive.columns import of_scans
from storage.archive.pieces import Piece

LAYOUT = Layout("a,1", ("door", "temperature"), ("state", "temperature"))
NEW_YEAR = 1_767_225_599_999
"""2025-12-31, 23:59:59.999 UTC."""


def written(scans: list[Scan], *, stay: int = 1, part: Part = Part.INSIDE) -> list[str]:
    file = io.BytesIO()
    table = ReadingsTable(file)
    for piece in pieces(scans):
        table.add(stay, part, piece)
    table.finish()
    return file.getvalue().decode().splitlines()[1:]


def pieces(scans: list[Scan]) -> list[Piece]:
    placed = [(scan.at, n, scan) for n, scan in enumerate(scans)]
    by_layout = groupby(placed, key=lambda each: each[2].layout)
    return [p for _, same in by_layout for p in starmap(Piece, of_scans(list(same)))]


def scan(at: int, *values: float | None, **other: object) -> Scan:
    codes = bytes(Quality.NO_ANSWER if value is None else 0 for value in values)
    return Scan(LAYOUT, at, at, values, **({"qualities": codes} | other))  # type: ignore[arg-type] # of mixed types


def test_times_are_whole_milliseconds_across_a_new_year() -> None:
    rows = written([scan(NEW_YEAR, 0.0, 36.6), scan(NEW_YEAR + 1, 1.0, 36.6), scan(-1, 1.0, 1e-7)])
    assert rows == [
        '2025-12-31T23:59:59.999Z,"a,1",door,state,1,0.0,good,live,1,inside',
        '2025-12-31T23:59:59.999Z,"a,1",temperature,temperature,degC,36.6,good,live,1,inside',
        '2026-01-01T00:00:00.000Z,"a,1",door,state,1,1.0,good,live,1,inside',
        '2026-01-01T00:00:00.000Z,"a,1",temperature,temperature,degC,36.6,good,live,1,inside',
        '1969-12-31T23:59:59.999Z,"a,1",door,state,1,1.0,good,live,1,inside',
        '1969-12-31T23:59:59.999Z,"a,1",temperature,temperature,degC,1e-07,good,live,1,inside',
    ]


def test_each_reading_says_where_it_came_from_and_how_good_it_is() -> None:
    suspect = bytes((Quality.SUSPECT, 0))
    rows = written(
        [
            scan(0, None, 36.6),
            scan(1, 1.0, 36.6, source=Source.BACKFILL),
            scan(2, 1.0, 36.6, source=Source.TEST, qualities=suspect),
            scan(3, 1.0, 36.6, source=Source.BACKFILL, repeat=True),
            scan(4, None, None),
        ],
        stay=12,
        part=Part.AFTER,
    )
    assert [row.split(",", 6)[6].rsplit(",", 2)[0] for row in rows] == [
        *(",no_answer,live", "36.6,good,live"),
        *("1.0,good,backfill", "36.6,good,backfill"),
        *("1.0,suspect,test", "36.6,good,test"),
        *("1.0,good,repeat", "36.6,good,repeat"),
        *(",no_answer,live", ",no_answer,live"),
    ]
    assert all(row.endswith(",12,after") for row in rows)


@pytest.mark.parametrize("distinct", [1, 4_096])
def test_values_that_are_equal_and_spelled_otherwise_stay_so(
    monkeypatch: pytest.MonkeyPatch, distinct: int
) -> None:
    monkeypatch.setattr(csv, "_NUMBERS", distinct)
    given = [0.0, -0.0, 0.0, 5.0, -0.0, 0.1 + 0.2, 0.3, 5.0]
    rows = written([scan(at, value, value) for at, value in enumerate(given)])
    assert [row.split(",")[6] for row in rows[::2]] == [
        *("0.0", "-0.0", "0.0", "5.0", "-0.0", "0.30000000000000004", "0.3", "5.0")
    ]
    assert [row.split(",")[6] for row in rows[1::2]] == [row.split(",")[6] for row in rows[::2]]


def test_chunks_are_the_same_however_the_readings_come() -> None:
    scans = [scan(at, 1.0, at / 10) for at in range(CHUNK_ROWS)]
    files = io.BytesIO(), io.BytesIO()
    whole, parts = map(ReadingsTable, files)
    for piece in pieces(scans):
        whole.add(1, Part.INSIDE, piece)
        for n in range(len(scans)):
            parts.add(1, Part.INSIDE, piece.slice(n, n + 1))
    whole.finish()
    parts.finish()
    assert files[0].getvalue() == files[1].getvalue()
    assert whole.chunks == parts.chunks
    # The heading is a row of the first.
    assert [chunk.rows for chunk in whole.chunks] == [CHUNK_ROWS, CHUNK_ROWS, 1]
    rows = files[0].getvalue().splitlines(keepends=True)
    last = whole.chunks[-1]
    assert (last.first, last.checks) == (2 * CHUNK_ROWS, crc32(rows[-1]) % PRIME)
