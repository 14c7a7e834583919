"""Readings as columns, piece by piece: every scan once, in order, and no damage passes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby, starmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.archive import log as log_reader
from storage.archive import pieces, unsealed
from storage.archive.columns import Columns, of_scans, scans_of
from storage.archive.log import LogReader
from storage.archive.parquet import EntriesReader
from storage.archive.pieces import Piece, Stream, checked, gathered, merged
from storage.pack import checksum
from storage.reader import JournalReader, Placed
from tests.unit.storage.archive.week import MINUTE, MONDAY, at_day, entries, seal, store

ONE, TWO = Layout("ln1", ("level",), ("level",)), Layout("ln1", ("lid",), ("state",))
STREAMS = st.lists(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8), max_size=4)
LIMIT = 3


def pieces_of(placed: Sequence[Placed]) -> list[Piece]:
    return [
        piece
        for _, same in groupby(placed, key=lambda each: each[2].layout)
        for piece in starmap(Piece, of_scans(list(same)))
    ]


def told(found: Sequence[Piece]) -> list[Placed]:
    return [
        (scan.at, seq, scan)
        for piece in found
        for seq, scan in zip(
            piece.rows.seq.tolist(), scans_of(piece.rows, piece.layout), strict=True
        )
    ]


@given(STREAMS, st.integers(1, 4))
def test_streams_are_merged_by_time_and_number(
    streams: list[list[tuple[int, bool]]], length: int
) -> None:
    numbers = iter(range(1_000))
    placed = [
        sorted(
            ((at, next(numbers), scan(at, other=other)) for at, other in stream),
            key=lambda each: each[:2],
        )
        for stream in streams
    ]
    given_ = [
        Stream(
            stream[0][0] if stream else 0,
            iter(
                [
                    piece
                    for begin in range(0, len(stream), length)
                    for piece in pieces_of(stream[begin : begin + length])
                ]
            ),
        )
        for stream in placed
    ]
    found = list(merged(given_))
    assert told(found) == sorted((each for some in placed for each in some), key=lambda e: e[:2])


def scan(at: int, *, other: bool = False) -> Scan:
    return Scan(TWO if other else ONE, at, at + 1, (float(at),), bytes(1))


def test_small_pieces_are_put_together_up_to_a_layout_that_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "ROWS", LIMIT)
    placed = [(at, at, scan(at, other=at > 6)) for at in range(10)]
    single = [piece for each in placed for piece in pieces_of([each])]
    found = list(gathered(single))
    assert [len(piece.rows.at) for piece in found] == [3, 3, 1, 3]
    assert told(found) == placed


def test_a_stream_is_begun_when_its_time_has_come() -> None:
    begun: list[int] = []

    def stream(start: int) -> Stream:
        def some() -> "list[Piece]":
            begun.append(start)
            return pieces_of([(start, start, scan(start))])

        return Stream(start, (piece for _ in "1" for piece in some()))

    found = merged([stream(30), stream(10), stream(20)])
    assert begun == []
    next(found)
    assert begun == [10]
    assert len(list(found)) == 2
    assert begun == [10, 20, 30]


DAMAGES = [
    "crc = crc + 1",
    "body = substr(body, 1, 2)",
    "body = cast('text' AS TEXT)",
    "crc = cast('text' AS TEXT)",
    "seq = seq + 1000000",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_pages_of_the_journal_say_what_its_scans_say(tmp_path: Path, damage: str) -> None:
    store(tmp_path, entries(2))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        # Plain ones and marked ones.
        some = "layout > 0 AND seq BETWEEN 14 AND 24"
        db.execute(f"UPDATE entry SET {damage} WHERE {some}")  # noqa: S608 # of a list
    span = at_day(-2), at_day(3)
    with JournalReader(tmp_path) as one, JournalReader(tmp_path) as other:
        for device in ("inc1", "ln1", "nobody"):
            by_row = list(one.placed(device, *span))
            by_page = list(merged(unsealed.streams(other, device, *span)))
            assert told(by_page) == by_row
        assert one.damaged == other.damaged
        assert len(one.damaged) > 6


def test_a_value_that_no_scan_can_have_is_damage_although_its_checksum_is_right(
    tmp_path: Path,
) -> None:
    store(tmp_path, entries(1))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        rows = db.execute("SELECT seq, layout, at, body FROM entry WHERE seq < 60 AND layout > 0")
        for seq, layout, at, body in rows.fetchall()[3:6]:
            forged = body[:9] + np.array([np.inf]).tobytes() + body[17:]
            db.execute(
                "UPDATE entry SET body = ?, crc = ? WHERE seq = ?",
                (forged, checksum(seq, layout, at, forged), seq),
            )
    with JournalReader(tmp_path) as one, JournalReader(tmp_path) as other:
        for device in ("inc1", "ln1"):
            by_row = list(one.placed(device, 0, at_day(3)))
            assert told(list(merged(unsealed.streams(other, device, 0, at_day(3))))) == by_row
        assert one.damaged == other.damaged != {}


def test_pieces_are_the_scans_on_both_sides_of_the_seal(tmp_path: Path) -> None:
    log = entries(3, step=30 * MINUTE)
    store(tmp_path, log)
    seal(tmp_path, 2.5)
    for device in ("inc1", "ln1"):
        wanted = sorted(
            (each for each in log if isinstance(each, Scan) and each.device == device),
            key=lambda each: each.at,
        )
        with LogReader(tmp_path) as reader:
            found = list(reader.pieces(device, MONDAY - 2 * 86_400_000, at_day(4)))
            assert [each for _, _, each in told(found)] == wanted
            # A seal in between cuts nothing; late ones of another layout do.
            assert len(found) == 1 or device == "ln1"


@pytest.mark.parametrize(("most", "read"), [(64, 3), (2, 6)])
def test_row_groups_are_kept_for_other_devices_unless_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, read: int
) -> None:
    store(tmp_path, entries(3))
    assert len(seal(tmp_path, 3.5)) == 3
    monkeypatch.setattr(log_reader, "_KEPT", most)
    reads: list[int] = []
    group = EntriesReader.group

    def counted(self: EntriesReader, number: int, *, width: int | None = None) -> Columns:
        reads.append(number)
        return group(self, number, width=width)

    monkeypatch.setattr(EntriesReader, "group", counted)
    with LogReader(tmp_path) as reader:
        for _ in "12":
            assert list(reader.pieces("inc1", at_day(-2), at_day(4)))
    assert len(reads) == read


PLAIN = [(at, at, scan(at)) for at in range(5)]
SILENT = Scan(ONE, 5, 6, (None,), bytes((Quality.NO_ANSWER,)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"values": np.array([[0.0], [1.0], [np.nan], [3.0]])}, "nan is not a number to keep"),
        ({"values": np.array([[0.0], [1.0], [-np.inf], [3.0]])}, "-inf is not a number to keep"),
        ({"source": np.array([0, 0, 3, 0])}, "3 is not a valid Source"),
        ({"qualities": [None, None, bytes(2), None]}, "1 channels, 1 values, 2 qualities"),
        ({"qualities": [None, None, SILENT.qualities, None]}, "no_answer with value 2.0"),
    ],
)
def test_rows_end_before_the_first_that_is_no_scan(change: dict[str, Any], why: str) -> None:
    piece = pieces_of(PLAIN)[0].slice(0, 4)
    assert checked(ONE, piece.rows) == (piece, "")
    found, said = checked(ONE, piece.rows._replace(**change))
    assert told([found]) == PLAIN[:2]
    assert why in said


def test_a_scan_without_values_is_one() -> None:
    piece = pieces_of([*PLAIN, (5, 5, SILENT)])[0]
    assert checked(ONE, piece.rows)[1] == ""
    assert told([piece])[-1][2] == SILENT
    assert Source.LIVE in piece.rows.source
