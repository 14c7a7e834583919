"""RTU and ASCII framing, against frames that are printed elsewhere or written out by hand."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import serial_frame
from collector.frame import GarbageError, introduction, read
from collector.serial_frame import FRAMERS, SerialFrame, crc, lrc
from tests.unit.collector.serial_responder import crc16  # computed bit by bit

Framing = Literal["rtu", "ascii"]
RTU, ASCII = FRAMERS["rtu"], FRAMERS["ascii"]


@pytest.mark.parametrize(
    ("told", "check"),
    [
        pytest.param("FE0400030001", "D5C5", id="Senseair, any sensor, CO2"),
        pytest.param("01030000000A", "C5CD", id="ten registers of unit 1"),
        pytest.param("1103006B0003", "7687", id="application protocol 6.3, unit 17"),
    ],
)
def test_a_request_has_the_crc_that_is_printed_elsewhere(told: str, check: str) -> None:
    whole = bytes.fromhex(told)
    assert crc(whole) == bytes.fromhex(check)
    unit, function = whole[:2]
    address, count = int.from_bytes(whole[2:4], "big"), int.from_bytes(whole[4:], "big")
    assert RTU.request(unit, read(function, address, count)) == whole + bytes.fromhex(check)


@given(st.binary(max_size=260))
def test_the_crc_is_that_of_the_specifications_own_steps(told: bytes) -> None:
    assert crc(told) == crc16(told)


def test_an_ascii_request_is_as_it_is_printed() -> None:
    assert ASCII.request(0x11, read(3, 0x6B, 3)) == b":1103006B00037E\r\n"


@given(st.binary(max_size=260))
def test_with_its_lrc_the_bytes_of_a_frame_add_up_to_nothing(told: bytes) -> None:
    assert sum(told + lrc(told)) % 256 == 0


ANSWERS: dict[Framing, bytes] = {
    "rtu": bytes.fromhex("110306AE415652434049AD"),
    "ascii": b":110306AE4156524340CC\r\n",
}


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_an_answer_is_taken_apart(framing: Framing) -> None:
    found, left = FRAMERS[framing].take(ANSWERS[framing])
    assert found == SerialFrame(0x11, 3, bytes.fromhex("06AE4156524340"))
    assert left == b""
    assert FRAMERS[framing].characters(7) == len(ANSWERS[framing])


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
@given(data=st.data())
def test_a_frame_is_the_same_however_it_is_cut(framing: Framing, data: st.DataObject) -> None:
    stream, buffer = ANSWERS[framing] * 2, b""
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer, stream = buffer + stream[:size], stream[size:]
        while (taken := FRAMERS[framing].take(buffer))[0]:
            found.append(taken[0])
            buffer = taken[1]
        buffer = taken[1]
    assert found == [SerialFrame(0x11, 3, bytes.fromhex("06AE4156524340"))] * 2
    assert buffer == b""


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
@given(at=st.integers(0, 10), flip=st.integers(1, 255))
def test_a_changed_byte_is_never_an_answer_of_the_same_unit_and_length(
    framing: Framing, at: int, flip: int
) -> None:
    changed = bytearray(ANSWERS[framing])
    changed[at] ^= flip
    try:
        found, _ = FRAMERS[framing].take(bytes(changed))
    except GarbageError:
        return
    # ASCII digits may be written small; that is the same number.
    assert found is None or bytes(changed).upper() == ANSWERS[framing]


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"110306", id="no colon"),
        pytest.param(b":1103\r\n", id="too short"),
        pytest.param(b":11 03 06 AE4156524340 CC\r\n", id="spaces"),
        pytest.param(b":110306AE4156524340C\r\n", id="half a byte"),
        pytest.param(b":1110000000010E\r\n", id="the answer to a write"),
        pytest.param(b":" + b"0" * 600, id="without an end"),
    ],
)
def test_what_is_no_ascii_frame_is_garbage(garbage: bytes) -> None:
    with pytest.raises(GarbageError):
        ASCII.take(garbage)


def test_an_answer_to_a_write_is_garbage() -> None:
    told = bytes.fromhex("111000010002")
    with pytest.raises(GarbageError, match="no answer to a read"):
        RTU.take(told + crc16(told))


def test_what_a_switching_driver_adds_is_passed_over() -> None:
    found, left = RTU.take(b"\xff\x00" + ANSWERS["rtu"])
    assert found is not None
    assert left == b""


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_garbage_or_wait(data: bytes) -> None:
    for framer in FRAMERS.values():
        try:
            found, left = framer.take(data)
        except GarbageError:
            continue
        assert found is None or len(left) < len(data)


# KBR MULTICOMP F144 manual 25359_EDEBDA0279-2320-1_EN, p. 63: question and answer as printed.
KBR_ASKS = bytes.fromhex("012B0E01007077")
KBR_SAYS = bytes.fromhex(
    "012B0E010100000300084B425220476D62480112"
    "6D756C7469636F6D7020463134342D3320200209"
    "20322E303072303136CDDB"
)


def test_a_question_for_the_identity_is_as_a_manual_prints_it() -> None:
    assert RTU.request(1, introduction(1, 0)) == KBR_ASKS


def test_an_identity_is_as_long_as_its_objects_are() -> None:
    for cut in range(len(KBR_SAYS)):
        assert RTU.take(KBR_SAYS[:cut]) == (None, KBR_SAYS[:cut])
    found, left = RTU.take(KBR_SAYS + b"\x01")
    assert found == SerialFrame(1, 0x2B, KBR_SAYS[2:-2])
    assert left == b"\x01"


def test_another_envelope_is_garbage() -> None:
    # MEI type 13 is CANopen.
    told = bytes.fromhex("012B0D0101")
    with pytest.raises(GarbageError, match="no device identification"):
        RTU.take(told + crc16(told))


# Thermo Scientific Isotemp -86 C freezers, appendix B, p. 24: question and answer as printed.
ISOTEMP_SAYS = (b":010304FFFFFCE01E\r\n", b":010304FFFFFD44B9\r\n")
ISOTEMP = [
    pytest.param(0x530, b":010305300002C5\r\n", ISOTEMP_SAYS[0], "FFFFFCE0", id="-80 C"),
    pytest.param(0x538, b":010305380002BD\r\n", ISOTEMP_SAYS[1], "FFFFFD44", id="-70 C"),
]


@pytest.mark.parametrize(("address", "asked", "said", "data"), ISOTEMP)
def test_a_freezers_ascii_frames_are_as_its_manual_prints_them(
    address: int, asked: bytes, said: bytes, data: str
) -> None:
    assert ASCII.request(1, read(3, address, 2)) == asked
    found, left = ASCII.take(said)
    assert found == SerialFrame(1, 3, bytes.fromhex(f"04{data}"))
    assert left == b""
    # Seven bits hold all of it: nothing of a frame is lost on such a line.
    assert max(said) < 0x80


def with_parity(told: bytes) -> bytes:
    """Seven bits and even parity, as a line of eight bits without parity hears them."""
    return bytes(c | (c.bit_count() % 2) << 7 for c in told)


@pytest.mark.parametrize("said", ISOTEMP_SAYS)
@given(cut=st.integers(1, 19))
def test_a_line_that_takes_the_parity_for_data_never_reads_a_value(said: bytes, cut: int) -> None:
    heard = with_parity(said)
    assert heard != said
    try:
        found, _ = ASCII.take(heard[:cut])
    except GarbageError:
        return
    assert found is None


@pytest.mark.parametrize("said", ISOTEMP_SAYS)
def test_a_character_of_wrong_parity_which_the_system_gives_as_zero_is_no_answer(
    said: bytes,
) -> None:
    # termios(3): with INPCK and without PARMRK and IGNPAR such a character is read as \0.
    for at in range(len(said)):
        hurt = said[:at] + b"\0" + said[at + 1 :]
        try:
            found, _ = ASCII.take(hurt)
        except GarbageError:
            continue
        assert found is None, at


def test_the_framers_know_only_reads() -> None:
    assert {1, 2, 3, 4, 43} == serial_frame._READS
