"""Publications are read as MQTT has them, in whatever pieces they come; the rest is left alone."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import mqtt_wire
from collector.mqtt_packet import Frame, Publication, frame, puback, publication
from collector.mqtt_wire import Shown, Wire

# MQTT 5.0, figure 3-9: topic a/b, packet 10; here with a payload, and without properties.
EXAMPLE = bytes.fromhex("32 09 0003 612f62 000a 6869")
EXAMPLE_5 = bytes.fromhex("32 0a 0003 612f62 000a 00 6869")
PINGRESP = bytes.fromhex("d0 00")


def read(data: bytes, *, modern: bool = False) -> Publication | None:
    """What the first packet publishes."""
    found = frame(data, 0)
    assert found is not None
    return publication(data, found, modern=modern)


@pytest.mark.parametrize(("data", "modern"), [(EXAMPLE, False), (EXAMPLE_5, True)])
def test_the_example_of_the_specification(data: bytes, *, modern: bool) -> None:
    expected = Publication(b"a/b", b"hi", 10, 1, again=False, retained=False)
    assert read(data, modern=modern) == expected


def test_properties_are_passed_over() -> None:
    # Message expiry interval, 4 bytes (3.3.2.3.3), and 130 bytes of user property.
    some = bytes.fromhex("32 0f 0003 612f62 000a 05 02 0000000a 6869")
    assert read(some, modern=True) == read(EXAMPLE)
    body = bytes.fromhex("0003 612f62 000a 8201") + bytes(130) + b"hi"
    many = bytes([0x32, len(body) & 0x7F | 0x80, len(body) >> 7]) + body
    assert read(many, modern=True) == read(EXAMPLE)


@pytest.mark.parametrize(
    ("first", "again", "retained"),
    [(0x32, False, False), (0x3A, True, False), (0x33, False, True), (0x3B, True, True)],
)
def test_the_flags_of_the_first_byte(first: int, *, again: bool, retained: bool) -> None:
    found = read(bytes([first]) + EXAMPLE[1:])
    assert found is not None
    assert (found.again, found.retained) == (again, retained)


def test_at_qos_0_there_is_no_packet_number() -> None:
    expected = Publication(b"a/b", b"hi", 0, 0, again=False, retained=False)
    assert read(bytes.fromhex("30 07 0003 612f62 6869")) == expected


@pytest.mark.parametrize(
    ("text", "modern"),
    [
        ("34 09 0003 612f62 000a 6869", False),  # QoS 2
        ("36 09 0003 612f62 000a 6869", False),  # QoS 3 there is not
        ("d0 00", False),
        ("32 09 00ff 612f62 000a 6869", False),  # the topic is longer than the packet
        ("32 05 0003 612f62", False),  # no packet number
        ("32 09 0003 612f62 0000 6869", False),  # packet number 0
        ("32 01 00", False),
        ("32 07 0003 612f62 000a", True),  # no properties
        ("32 0a 0003 612f62 000a 7f 6869", True),  # more properties than packet
        ("32 0a 0003 612f62 000a ff ffff", True),
    ],
)
def test_what_is_another_packet_or_damaged_is_left_to_the_library(
    text: str, *, modern: bool
) -> None:
    assert read(bytes.fromhex(text), modern=modern) is None


def test_a_length_of_five_bytes_is_none() -> None:
    with pytest.raises(ValueError, match="more than four bytes"):
        frame(b"\x32\xff\xff\xff\xff\x01", 0)
    assert frame(b"\x32\xff\xff", 0) is None
    assert frame(b"\x32\xff\xff\xff\x7f", 0) == Frame(0x32, 5, 5 + 268_435_455)


def test_an_acknowledgement_names_the_packet() -> None:
    # MQTT 3.1.1, 3.4: two bytes of fixed header, the packet number.
    assert puback(0x1234) == bytes.fromhex("40 02 1234")


class Ends:
    """Both ends of a wire: what is diverted, and what a library reads by recv."""

    def __init__(self) -> None:
        self.diverted: list[Publication] = []
        self.cut: list[int] = []
        self.library = b""
        self.wire = Wire(self.read, lambda: None, lambda _error: None, self.divert)

    def divert(self, packet: Shown) -> bool:
        sent = publication(packet.data, packet.found, modern=False)
        if sent is not None:
            self.diverted.append(sent)
            self.cut.append(packet.cut)
        return sent is not None

    def read(self) -> None:
        self.library += self.wire.recv(3)

    def feed(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.wire.data_received(piece)


@given(
    stream=st.lists(st.sampled_from([EXAMPLE, PINGRESP, b"\x40\x02\x00\x05"]), max_size=8),
    cuts=st.lists(st.integers(1, 12), min_size=1, max_size=60),
)
def test_in_whatever_pieces_a_stream_comes_each_packet_goes_where_it_belongs(
    stream: list[bytes], cuts: list[int]
) -> None:
    whole, pieces = b"".join(stream), []
    for cut in cuts:
        pieces.append(whole[:cut])
        whole = whole[cut:]
    asyncio.run(_fed([*pieces, whole], stream))


async def _fed(pieces: list[bytes], stream: list[bytes]) -> None:
    ends = Ends()
    ends.feed(piece for piece in pieces if piece)
    assert ends.diverted == [read(packet) for packet in stream if packet == EXAMPLE]
    assert ends.library == b"".join(packet for packet in stream if packet != EXAMPLE)


async def test_while_paused_nothing_is_handed_on_and_nothing_is_lost() -> None:
    ends = Ends()
    ends.wire.pause()
    ends.feed([EXAMPLE[:4], EXAMPLE[4:] + PINGRESP + EXAMPLE])
    assert (ends.diverted, ends.library) == ([], b"")
    ends.wire.resume()
    ends.feed([PINGRESP])
    assert len(ends.diverted) == 2
    assert ends.library == PINGRESP * 2


@pytest.mark.parametrize("size", [4_099, 65_536, 400_000])
async def test_of_a_packet_that_is_too_large_the_head_is_kept_and_the_rest_let_go(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(mqtt_wire, "MOST_PACKET", 100_000)
    # A topic of 5 bytes with its length and a packet number: 9 bytes before the payload.
    payload = 2_200_000
    length = payload + 7
    written = bytes(
        length >> shift & 0x7F | (0x80 if shift < 21 else 0) for shift in (0, 7, 14, 21)
    )
    large = b"\x32" + written + bytes.fromhex("0003 612f62 000b") + b"x" * payload
    stream = EXAMPLE + large + EXAMPLE + PINGRESP
    ends = Ends()
    ends.feed(stream[at : at + size] for at in range(0, len(stream), size))
    first, middle, last = ends.diverted
    assert first == last == read(EXAMPLE)
    assert (middle.topic, middle.packet) == (b"a/b", 11)
    assert len(middle.payload) + ends.cut[1] == payload
    assert len(middle.payload) == 100_000 - 12
    assert ends.library == PINGRESP
