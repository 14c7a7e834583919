"""Modbus TCP framing, against bytes written out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import frame
from collector.frame import Frame, GarbageError


def test_a_request_is_as_the_specification_prints_it() -> None:
    # Application protocol 1.1b3, 6.3: function 03, registers 108 to 110 are 03 00 6B 00 03.
    assert frame.request(0x1501, 0xFF, frame.read(3, 107, 3)) == bytes.fromhex(
        "15010000 0006 FF 03006B0003"
    )


def test_an_answer_is_taken_apart() -> None:
    # Its answer there: 03 06 02 2B 00 00 00 64.
    data = bytes.fromhex("15010000 0009 FF 0306022B00000064")
    assert frame.take(data) == (
        [Frame(0x1501, 0xFF, 3, bytes.fromhex("06022B00000064"))],
        b"",
    )


@given(st.lists(st.binary(min_size=1, max_size=252), max_size=5), st.data())
def test_frames_are_the_same_however_they_are_cut(bodies: list[bytes], data: st.DataObject) -> None:
    sent = [Frame(number, 7, 3, body) for number, body in enumerate(bodies)]
    stream = b"".join(
        f.transaction.to_bytes(2, "big")
        + b"\0\0"
        + (len(f.body) + 2).to_bytes(2, "big")
        + bytes((f.unit, f.function))
        + f.body
        for f in sent
    )
    got, left, rest = list[Frame](), b"", stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        frames, left = frame.take(left + rest[:size])
        got += frames
        rest = rest[size:]
    assert got == sent
    assert left == b""


def test_frames_before_garbage_are_not_given_either() -> None:
    cut = bytes.fromhex("00010000 0007 01 0304 0005 00")  # one byte short
    following = bytes.fromhex("00020000 0007 01 0304 00060007")
    with pytest.raises(GarbageError):
        frame.take(cut + following)


@pytest.mark.parametrize("length", [0, 1, 2, 255, 65535])
def test_a_length_that_no_answer_has_is_garbage(length: int) -> None:
    with pytest.raises(GarbageError, match=f"length {length}"):
        frame.take(b"\0\1\0\0" + length.to_bytes(2, "big") + b"\1\3\2\0\0")


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_garbage(data: bytes) -> None:
    try:
        frames, left = frame.take(data)
    except GarbageError:
        return
    assert sum(8 + len(f.body) for f in frames) + len(left) == len(data)


def test_an_answer_is_held_back_while_what_follows_may_be_the_rest_of_a_cut_one() -> None:
    # The first is one byte short, and the head of the next one comes in two pieces.
    cut = bytes.fromhex("00010000 0007 01 0304 0005 00")
    following = bytes.fromhex("00020000 0007 01 0304 00060007")
    frames, left = frame.take(cut + following[:3])
    assert frames == []
    with pytest.raises(GarbageError):
        frame.take(left + following[3:])
