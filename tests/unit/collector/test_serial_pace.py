"""Registers over RTU and ASCII come at the line's pace, and questions keep their distance."""

import asyncio
from typing import Literal

import pytest

from collector.address import TcpAddress, TtyAddress
from collector.modbus import ModbusClient
from devices.transport import Serial
from tests.unit.collector.asking import LONG_S, connected, in_virtual_time, words
from tests.unit.collector.responder import word
from tests.unit.collector.serial_responder import (  # a test's own double
    Line,
    Question,
    behind_a_server,
    on_a_line,
    rightly,
)
from tests.unit.collector.virtual_line import BAUD

pytestmark = pytest.mark.usefixtures("soon_connected_again")


Framing = Literal["rtu", "ascii"]


BOTH: tuple[Framing, ...] = ("rtu", "ascii")


@pytest.mark.parametrize("framing", BOTH)
async def test_registers_come_as_the_device_behind_a_serial_server_holds_them(
    framing: Framing,
) -> None:
    async with behind_a_server(framing=framing) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port, framing=framing)
        async with connected(address) as client:
            assert words(await client.read(3, "holding", 16, 4, LONG_S)) == [
                word(3, address) for address in range(16, 20)
            ]
            assert words(await client.read(4, "input", 9, 1, LONG_S)) == [word(4, 9)]
    assert [(q.unit, q.function, q.address, q.number) for q in device.questions] == [
        (3, 3, 16, 4),
        (4, 4, 9, 1),
    ]


@pytest.mark.parametrize("framing", BOTH)
@pytest.mark.parametrize("baud", [9600, 19_200])
async def test_registers_come_over_a_serial_line_at_its_own_pace(
    framing: Framing, baud: int
) -> None:
    async with on_a_line(framing=framing, baud=baud) as device:
        address = TtyAddress(path=device.path, serial=Serial(baud=baud), framing=framing)
        async with connected(address) as client:
            for first in (0, 5):
                payload = await client.read(7, "holding", first, 3, LONG_S)
                assert words(payload) == [word(7, a) for a in range(first, first + 3)]
            assert client.stats().stray_answers == 0


def test_the_silence_between_frames_is_that_of_the_specification() -> None:
    # Modbus over serial line 1.02, 2.5.1.1: 3.5 characters of 11 bits; 1.75 ms above 19200.
    at_9600 = TtyAddress(path="p", serial=Serial(baud=9600, parity="even"))
    at_19200 = TtyAddress(path="p", serial=Serial(baud=19_200, parity="even"))
    assert at_9600.silence_s == pytest.approx(3.5 * 11 / 9600)
    assert at_19200.silence_s == pytest.approx(0.002_005, abs=1e-6)
    assert TtyAddress(path="p", serial=Serial(baud=115_200)).silence_s == 0.001_75


def test_requests_on_a_line_keep_their_distance() -> None:
    """The silence of 3.5 characters, and the pause where the model wants a longer one."""
    for pause_s, least_s in ((0.0, 3.5 * 10 / 9600), (0.1, 0.1)):
        asked: list[float] = []
        answered: list[float] = []

        def noted(line: Line, question: Question) -> None:
            asked.append(asyncio.get_running_loop().time())  # noqa: B023 # of this round
            rightly(line, question)
            # Nine characters from now the answer is out.
            answered.append(asked[-1] + 9 * 10 / 9600)  # noqa: B023 # of this round

        async def read(client: ModbusClient) -> None:
            for _ in range(4):
                await client.read(1, "holding", 0, 2, LONG_S)

        address = TtyAddress(path="p", serial=BAUD, pause_s=pause_s)
        in_virtual_time(address, noted, read)
        # What is heard was sent eight characters before.
        gaps = [asked[n + 1] - 8 * 10 / 9600 - answered[n] for n in range(len(asked) - 1)]
        assert len(gaps) == 3
        assert min(gaps) >= least_s - 1e-9
