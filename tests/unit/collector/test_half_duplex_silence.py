"""After a silence on a line: who is left alone for how long, and when the port is opened anew."""

import asyncio

import pytest

from collector import half_duplex
from collector.address import Address, TcpAddress, TtyAddress
from collector.errors import NoAnswerError
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
from tests.unit.collector.responder import until, word
from tests.unit.collector.serial_responder import (  # a test's own double
    Line,
    Question,
    SerialDevice,
    rightly,
)
from tests.unit.collector.virtual_line import BAUD, VirtualLoop

pytestmark = pytest.mark.usefixtures("soon_connected_again")


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_after_a_silence_the_unit_is_left_alone_until_its_late_answer_is_over(
    address: Address,
) -> None:
    times: list[tuple[int, float]] = []

    def first_is_late(line: Line, question: Question) -> None:
        times.append((question.unit, asyncio.get_running_loop().time()))
        if len(times) == 1:
            line.later(1.5 * SHORT_S, question.answer())
        else:
            rightly(line, question)

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "input", 16, 1, SHORT_S)
        await until(lambda: client.is_connected)
        assert words(await client.read(2, "input", 17, 1, LONG_S)) == [word(2, 17)]
        assert words(await client.read(1, "input", 18, 1, LONG_S)) == [word(1, 18)]

    client, _ = in_virtual_time(address, first_is_late, read)
    assert [unit for unit, _ in times] == [1, 2, 1]
    assert times[2][1] - times[0][1] >= half_duplex.LATEST * SHORT_S - 0.02
    assert client.stats().connects == (2 if isinstance(address, TcpAddress) else 1)


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_a_unit_that_is_waited_for_less_long_than_it_may_take_is_left_alone_as_long(
    address: Address,
) -> None:
    times: list[float] = []

    def late(line: Line, question: Question) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            line.later(1.5 * SHORT_S, question.answer())
        else:
            rightly(line, question)

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.submit(1, "input", 16, 1, SHORT_S / 10, SHORT_S)
        assert client.is_left_alone(1)
        assert not client.is_left_alone(2)
        await until(lambda: client.is_connected)
        # Of the same size, so that the late answer could be taken for its.
        assert words(await client.read(1, "input", 18, 1, LONG_S)) == [word(1, 18)]
        assert not client.is_left_alone(1)

    in_virtual_time(address, late, read)
    assert times[1] - times[0] >= half_duplex.LATEST * SHORT_S - 0.02


def test_a_unit_that_is_silent_costs_its_neighbours_no_new_connection_on_a_line() -> None:
    def only_unit_2(line: Line, question: Question) -> None:
        if question.unit == 2:
            rightly(line, question)

    async def read(client: ModbusClient) -> None:
        for _ in range(6):
            with pytest.raises(NoAnswerError):
                await client.read(1, "input", 0, 1, SHORT_S)
            assert words(await client.read(2, "input", 3, 1, SHORT_S)) == [word(2, 3)]

    client, _ = in_virtual_time(TtyAddress(path="p", serial=BAUD), only_unit_2, read)
    assert client.stats().connects == 1


def test_three_silences_in_a_row_open_the_port_anew() -> None:
    async def read(client: ModbusClient) -> None:
        for _ in range(3):
            with pytest.raises(NoAnswerError):
                await client.read(1, "input", 0, 1, SHORT_S)
        await until(lambda: client.connects == 2)

    in_virtual_time(TtyAddress(path="p", serial=BAUD), lambda _line, _question: None, read)


def test_closing_a_stream_after_a_silence_is_no_news_of_the_link() -> None:
    """Else each silence of a unit behind a server would have all silent units asked at once."""
    told: list[float] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.device = SerialDevice(lambda _line, _question: None, "rtu")
        client = ModbusClient(STREAM, on_connect=lambda: told.append(loop.time()))
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(client.run(), name="link")
            await until(lambda: client.is_connected)
            for unit in (1, 2, 3):
                with pytest.raises(NoAnswerError):
                    await client.read(unit, "input", 0, 1, SHORT_S)
                await until(lambda: client.is_connected)
            assert client.connects == 4
            link.cancel()

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        patch.setattr(half_duplex, "RUNNING_S", runner.get_loop().time)
        runner.run(story())
    assert len(told) == 1
