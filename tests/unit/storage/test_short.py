"""A scan is stored in fewer bytes, and spelled out to the last bit when it is read."""

import sqlite3
from contextlib import closing
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.archive.spelled import spelled_out
from storage.journal import Journal
from storage.journalfile import NAME, VERSION
from storage.pack import FLAGS_AT, MARKED, body, checksum, is_sound
from storage.reader import JournalReader
from storage.short import stored, whole
from tests.unit.storage.samples import INCUBATOR, NOON, scan

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-40_000, 40_000).map(lambda hundredths: hundredths / 100),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
ONE = Layout("one", ("a",), ("temperature",))


def row_of(made: Scan) -> tuple[int, int, int, int, bytes]:
    packed = body(made)
    crc, short = stored(made, checksum(5, 7, made.at, packed), packed)
    return 5, 7, made.at, crc, short


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    qualities = draw(st.lists(st.sampled_from(Quality), max_size=4))
    values = tuple(draw(NUMBERS) if quality.has_value else None for quality in qualities)
    keys = tuple(f"k{n}" for n in range(len(qualities)))
    layout = Layout("d", keys, ("temperature",) * len(keys))
    late, source = draw(st.integers(-5, 70_000)), draw(st.sampled_from(Source))
    return Scan(layout, NOON, NOON + late, values, bytes(qualities), source, draw(st.booleans()))


@given(scans())
@example(Scan(ONE, NOON, NOON, (-0.0,), bytes(1)))
@example(Scan(ONE, NOON, NOON + 65_536, (1.0,), bytes(1)))
@example(Scan(INCUBATOR, NOON, NOON + 3, (None, None), bytes((4, 4)), Source.TEST, repeat=True))
def test_what_was_stored_short_is_spelled_out_as_it_was(made: Scan) -> None:
    spelled = whole(row_of(made))
    assert spelled[4] == body(made)
    assert is_sound(*spelled)


@st.composite
def alike(draw: st.DrawFn) -> list[Scan]:
    """Scans of two channels, most of them all good, as a page of the journal has them."""
    some = draw(st.lists(st.tuples(st.tuples(NUMBERS, NUMBERS), st.integers(-1, 70_000))))
    found = [
        Scan(INCUBATOR, NOON + n, NOON + n + late, values, bytes(2), repeat=late % 7 == 0)
        for n, (values, late) in enumerate(some)
    ]
    marked = Scan(INCUBATOR, NOON, NOON, (None, 1.0), bytes((4, 0)))
    return [*found, *([marked] if draw(st.booleans()) else [])]


@given(alike(), st.integers(0, 30))
def test_a_page_is_spelled_out_as_row_by_row(made: list[Scan], damaged: int) -> None:
    rows: list[tuple[Any, ...]] = [row_of(one) for one in made]
    if rows:
        # Whatever damage may leave: it stays what it is, and the rest is read.
        seq, layout, at, crc, packed = rows[damaged % len(rows)]
        spoilt = [(None, packed), ("x", packed), (crc, "text"), (crc, b""), (crc, packed[:2])]
        rows[damaged % len(rows)] = (seq, layout, at, *spoilt[damaged % len(spoilt)])
    marked = [row for row in rows if row[3:] and whole(row) != row and is_marked(whole(row)[4])]
    expected = [row if row in marked else whole(row) for row in rows]
    assert spelled_out(rows, 2) == expected


def is_marked(spelled: bytes) -> bool:
    return bool(spelled[FLAGS_AT] & MARKED)


@given(st.lists(NUMBERS, max_size=4))
@example([0.1, 0.25, 21.37])
@example([1e300])
@example([32_767.01, 2.001])
@example([0.0, -0.0])
def test_every_number_comes_back_to_the_last_bit(values: list[float]) -> None:
    keys = tuple(f"k{n}" for n in range(len(values)))
    layout = Layout("d", keys, ("temperature",) * len(keys))
    made = Scan(layout, NOON, NOON + 9, tuple(values), bytes(len(values)))
    assert whole(row_of(made))[4] == body(made)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param((37.25, -190.1), pack("<BHhh", 0x20, 5, 3725, -19010), id="hundredths"),
        pytest.param((1013.125, 2.0), pack("<BHii", 0x30, 5, 1013125, 2000), id="thousandths"),
        pytest.param((0.0001220703125, 3.0), pack("<BHff", 0x10, 5, 2**-13, 3), id="single"),
        pytest.param((0.3333333, 1e9), pack("<BHdd", 0, 5, 0.3333333, 1e9), id="double"),
    ],
)
def test_a_scan_is_stored_as_the_description_says(values: tuple[float, ...], said: bytes) -> None:
    row = row_of(Scan(INCUBATOR, NOON, NOON + 5, values, bytes(2)))
    assert row[4] == said
    assert row[3] == ~checksum(5, 7, NOON, body(Scan(INCUBATOR, NOON, NOON + 5, values, bytes(2))))


def test_one_with_marks_says_how_many_values_it_has_and_then_each_quality() -> None:
    marks = bytes((Quality.SUSPECT, Quality.NO_ANSWER))
    made = Scan(INCUBATOR, NOON, NOON + 5, (37.25, None), marks, Source.BACKFILL, repeat=True)
    assert row_of(made)[4] == pack("<BHBh", 0x20 | 1 | 4 | 8, 5, 1, 3725) + marks


@given(st.binary(max_size=40), st.integers(-(1 << 33), -1), st.sampled_from([NOON, "x", 1 << 62]))
def test_damage_in_a_short_row_is_never_a_reading(short: bytes, crc: int, at: object) -> None:
    row = whole((5, 7, at, crc, short))
    # Were it sound, four random bytes would have hit the checksum of what they stand beside.
    assert not is_sound(*row) or row[3] == checksum(5, 7, NOON, row[4])


async def test_a_file_of_the_first_format_goes_on_and_no_older_version_opens_it(
    tmp_path: Path,
) -> None:
    async with Journal(tmp_path) as journal:
        await journal.put(scan(1))
    with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
        spelled = body(scan(1))
        db.execute(
            "UPDATE entry SET body = ?, crc = ? WHERE seq = 1",
            (spelled, checksum(1, 1, scan(1).at, spelled)),
        )
        db.execute("PRAGMA user_version = 1")
    said: list[str] = []
    async with Journal(tmp_path, on_trouble=said.append) as journal:
        await journal.put(scan(2))
    with JournalReader(tmp_path) as reader:
        assert [entry for _, entry in reader.entries(0)] == [scan(1), scan(2)]
        assert not reader.damaged
    assert said == []
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
