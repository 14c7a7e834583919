"""RTU and ASCII: which answer is used, and which is not."""

import asyncio
import contextlib
import struct

import pytest

from collector.address import Address, TtyAddress
from collector.errors import LinkError, NoAnswerError, RefusedError
from collector.modbus import ModbusClient
from tests.unit.collector.asking import (
    LONG_S,
    PLACES,
    SHORT_S,
    STREAM,
    in_virtual_time,
    named,
    words,
)
from tests.unit.collector.line_behaviour import (
    after_another_unit,
    as_another_function,
    as_another_unit,
    byte_by_byte,
    longer,
    refusing,
    spoilt,
    twice,
)
from tests.unit.collector.responder import until, word
from tests.unit.collector.serial_responder import (  # a test's own double
    Behaviour,
    Line,
    Question,
    crc16,
    rightly,
)
from tests.unit.collector.virtual_line import BAUD, VirtualLoop

pytestmark = pytest.mark.usefixtures("soon_connected_again")


USED: tuple[Behaviour, ...] = (rightly, after_another_unit, byte_by_byte)


@pytest.mark.parametrize("address", PLACES, ids=named)
@pytest.mark.parametrize(
    ("behave", "counted"),
    [
        (byte_by_byte, None),
        (after_another_unit, "wrong_unit"),
        (twice, "stray_answers"),
        (as_another_unit, "wrong_unit"),
        (as_another_function, "mismatched"),
        (longer, "mismatched"),
        (spoilt, "garbage"),
    ],
)
def test_an_answer_is_used_when_it_is_alone_and_of_the_unit_asked(
    address: Address, behave: Behaviour, counted: str | None
) -> None:
    async def read(client: ModbusClient) -> None:
        for first in (5, 6, 7):
            await until(lambda: client.is_connected)
            if behave not in USED:
                with pytest.raises(NoAnswerError, match="unit 9: no answer within"):
                    await client.read(9, "holding", first, 3, SHORT_S)
                continue
            payload = await client.read(9, "holding", first, 3, SHORT_S)
            assert words(payload) == [word(9, a) for a in range(first, first + 3)]

    client, _ = in_virtual_time(address, behave, read)
    if counted:
        assert getattr(client.stats(), counted) >= 3


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_an_exception_says_its_code(address: Address) -> None:
    async def read(client: ModbusClient) -> None:
        with pytest.raises(RefusedError, match="exception 2, illegal data address") as caught:
            await client.read(1, "input", 40, 1, LONG_S)
        assert caught.value.is_lasting

    in_virtual_time(address, refusing, read)


def test_a_two_wire_adapter_that_hears_itself_changes_nothing() -> None:
    def echoing(line: Line, question: Question) -> None:
        body = struct.pack(
            ">BBHH", question.unit, question.function, question.address, question.number
        )
        line.put(body + crc16(body) + question.answer())

    async def read(client: ModbusClient) -> None:
        assert words(await client.read(1, "holding", 5, 2, LONG_S)) == [word(1, 5), word(1, 6)]

    in_virtual_time(STREAM, echoing, read)


def test_an_echo_that_looks_like_an_answer_is_not_one() -> None:
    """A read of 20 coils from 0x0313: its bytes are those of an answer with three of data."""

    def only_echo(line: Line, question: Question) -> None:
        assert struct.pack(">BH", question.function, question.address) == bytes((1, 3, 0x13))
        line.put(question.answer(data=bytes((0x13, 0, 20))))

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "coil", 0x0313, 20, SHORT_S)

    in_virtual_time(STREAM, only_echo, read)


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_an_answer_that_waited_while_we_slept_is_late(address: Address) -> None:
    asleep_s = 0.0

    def while_we_sleep(line: Line, question: Question) -> None:
        nonlocal asleep_s
        asleep_s += 3_600.0
        rightly(line, question)

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "holding", 0, 2, LONG_S)

    client, _ = in_virtual_time(address, while_we_sleep, read, asleep_s=lambda: asleep_s)
    assert client.stats().late_answers == 1


@pytest.mark.parametrize("size", [2, 5, 6, 8])
def test_an_ascii_answer_holds_as_many_bytes_as_it_says(size: int) -> None:
    """An RTU frame ends where its third byte says; an ASCII one may end anywhere."""

    def saying_four(line: Line, question: Question) -> None:
        told = bytes((question.unit, question.function, 4)) + bytes(size)
        check = -sum(told) & 0xFF
        line.put(f":{told.hex()}{check:02x}\r\n".encode())

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "holding", 5, 2, SHORT_S)

    client, _ = in_virtual_time(PLACES[1], saying_four, read)
    assert client.stats().mismatched == 1


def test_a_line_on_which_something_always_talks_is_given_up_with_a_reason() -> None:
    async def read(client: ModbusClient) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert loop.device is not None
        (line,) = loop.device.lines

        async def chatter() -> None:
            while not client.connects > 1:
                line.put(b"\x55")
                await asyncio.sleep(0.003)

        talking = asyncio.ensure_future(chatter())
        await asyncio.sleep(0.1)
        with pytest.raises(LinkError, match="who else is on this line"):
            await client.read(1, "input", 0, 1, SHORT_S)
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking

    in_virtual_time(TtyAddress(path="p", serial=BAUD), rightly, read)
