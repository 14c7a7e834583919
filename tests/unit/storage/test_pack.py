"""What is packed into a row comes out again, and nothing else does."""

from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.entry import Entry, Tick
from storage.pack import DamagedError, body, checksum, is_sound, unpacked
from tests.unit.storage.samples import (
    ENTRIES,
    INCUBATOR,
    NOON,
    scan,
)

EMPTY = Layout("empty", (), ())


@given(ENTRIES)
@example(Scan(EMPTY, NOON, NOON, (), b""))
@example(Scan(INCUBATOR, NOON, NOON, (None, None), bytes((4, 4)), Source.TEST, repeat=True))
def test_every_entry_comes_out_as_it_went_in(entry: Entry) -> None:
    layout = entry.layout if isinstance(entry, Scan) else None
    assert unpacked(layout, entry.at, body(entry)) == entry


def test_a_scan_lies_in_its_row_as_the_description_says() -> None:
    marked = Scan(
        INCUBATOR,
        NOON,
        NOON + 5,
        (37.25, None),
        bytes((Quality.SUSPECT, Quality.NO_ANSWER)),
        Source.BACKFILL,
        repeat=True,
    )
    # int64 received; flags: source 1, repeat 4, marked 8; the one value; a quality a channel.
    assert body(marked) == pack("<qBd", NOON + 5, 1 + 4 + 8, 37.25) + bytes((1, 4))
    assert body(scan(3)) == pack("<qBdd", NOON + 3, 0, 3.0, 3.0)


@given(ENTRIES, st.integers(1, 1 << 40), st.data())
def test_one_changed_byte_is_noticed(entry: Entry, seq: int, data: st.DataObject) -> None:
    packed = body(entry)
    crc = checksum(seq, 7, entry.at, packed)
    place = data.draw(st.integers(0, len(packed) - 1))
    flipped = packed[place] ^ data.draw(st.integers(1, 255))
    changed = packed[:place] + bytes((flipped,)) + packed[place + 1 :]

    assert is_sound(seq, 7, entry.at, crc, packed)
    assert not is_sound(seq, 7, entry.at, crc, changed)


@pytest.mark.parametrize(
    ("seq", "layout", "at"), [(2, 7, NOON), (1, 8, NOON), (1, 7, NOON + 1), (1, "7", NOON)]
)
def test_a_row_cannot_take_the_place_of_another(seq: int, layout: object, at: int) -> None:
    packed = body(scan(0))
    crc = checksum(1, 7, NOON, packed)
    assert not is_sound(seq, layout, at, crc, packed)


@given(st.binary(max_size=60), st.sampled_from([None, INCUBATOR, EMPTY]))
def test_bytes_that_are_no_entry_give_an_entry_or_a_damage_error(
    packed: bytes, layout: Layout | None
) -> None:
    try:
        entry = unpacked(layout, NOON, packed)
    except DamagedError:
        return
    assert isinstance(entry, Scan) == (layout is not None)


def test_a_time_beyond_64_bits_is_refused_at_the_door() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        body(Scan(INCUBATOR, NOON, 1 << 63, (1.0, 2.0), bytes(2)))
    with pytest.raises(ValueError, match="does not fit"):
        body(Tick(1 << 64))
