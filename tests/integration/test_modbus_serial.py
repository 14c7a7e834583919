"""RTU and ASCII against pymodbus' servers: a second reading of the specification.

The words are those of the public memory dumps of a BINDER MK53 (maker's facts 1.9): the actual
temperature at 0x11A9, low word first.
"""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from collector.address import Address, TcpAddress, TtyAddress
from collector.modbus_collector import ModbusCollector
from collector.unit import ModbusDevice
from devices import document
from devices.profile import Profile, layout
from devices.scan import Scan
from devices.transport import Serial
from tests.integration.mqtt_peers import until
from tests.unit.collector.steady_clock import SteadyClock

Framing = Literal["rtu", "ascii"]
FRAMERS: dict[Framing, FramerType] = {"rtu": FramerType.RTU, "ascii": FramerType.ASCII}
CLOSED, LIMIT = [0x47A0, 0x41FE], [0x293A, 0x4235]
TEXT = """
model = "BINDER MK53"
maker = "BINDER"
manual = "memory dumps"
period = "100ms"
[modbus]
framing = "rtu"
port = 10001
word_order = "low-first"
[[channels]]
key = "temperature"
quantity = "temperature"
unit = "degC"
resolution = 0.001
range = [-80.0, 200.0]
source = { via = "modbus", table = "holding", address = 0x11A9, type = "f32" }
"""
PROFILE = document.parse(TEXT, Profile, name="binder")


def chambers() -> list[SimDevice]:
    return [
        SimDevice(
            id=unit,
            simdata=[SimData(0x11A9, values=words, datatype=DataType.REGISTERS)],
        )
        for unit, words in ((1, CLOSED), (2, LIMIT))
    ]


@asynccontextmanager
async def stream(framing: Framing) -> AsyncIterator[TcpAddress]:
    """Two chambers behind a serial server."""
    server = ModbusTcpServer(chambers(), framer=FRAMERS[framing], address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined] # as asyncio has it
    try:
        yield TcpAddress(host="127.0.0.1", port=port, framing=framing)
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus' own


def hand_on(one: int, other: int) -> None:
    os.write(other, os.read(one, 4096))


@asynccontextmanager
async def line(framing: Framing, baud: int) -> AsyncIterator[TtyAddress]:
    """Two chambers on a serial line: two pseudo-terminals, joined like a cable."""
    cable = [pty.openpty() for _ in range(2)]
    loop = asyncio.get_running_loop()
    for (ours, theirs), (other, _) in zip(cable, reversed(cable), strict=True):
        tty.setraw(theirs)
        loop.add_reader(ours, hand_on, ours, other)
    server = ModbusSerialServer(
        chambers(), framer=FRAMERS[framing], port=os.ttyname(cable[0][1]), baudrate=baud
    )
    await server.serve_forever(background=True)
    try:
        yield TtyAddress(path=os.ttyname(cable[1][1]), serial=Serial(baud=baud), framing=framing)
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus' own
        for ours, theirs in cable:
            loop.remove_reader(ours)
            os.close(ours)
            os.close(theirs)


async def both_read_at(address: Address) -> None:
    """The chambers give their own temperatures, poll after poll, and nothing is counted odd."""
    scans: list[Scan] = []
    collector = ModbusCollector(
        [
            ModbusDevice(
                layout=layout(f"chamber{unit}", PROFILE),
                profile=PROFILE,
                address=address,
                unit=unit,
                period=PROFILE.period,
            )
            for unit in (1, 2)
        ],
        clock=SteadyClock(),
        deliver=scans.append,
        on_crash=lambda _name, _error: None,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="collector")
        await until(lambda: all(len(good(scans, f"chamber{unit}")) >= 5 for unit in (1, 2)))
        running.cancel()
    assert {shown(scan) for scan in good(scans, "chamber1")} == {"31.785"}
    assert {shown(scan) for scan in good(scans, "chamber2")} == {"45.290"}
    link = collector.stats()[0].link
    assert (link.timeouts, link.garbage, link.mismatched, link.wrong_unit) == (0, 0, 0, 0)


def shown(scan: Scan) -> str:
    return f"{scan.values[0]:.3f}"


def good(scans: list[Scan], device: str) -> list[Scan]:
    return [scan for scan in scans if scan.device == device and None not in scan.values]


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
async def test_chambers_behind_a_serial_server_read_as_their_memory_says(framing: Framing) -> None:
    async with stream(framing) as address:
        await both_read_at(address)


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
@pytest.mark.parametrize("baud", [9600, 19_200])
async def test_chambers_on_a_serial_line_read_as_their_memory_says(
    framing: Framing, baud: int
) -> None:
    async with line(framing, baud) as address:
        await both_read_at(address)
