"""Clients that ask for registers, over sockets or on a line in virtual time."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from collector import connection, half_duplex, modbus, reconnect
from collector.address import Address, TcpAddress, TtyAddress
from collector.modbus import ModbusClient
from tests.unit.collector.responder import Responder, until
from tests.unit.collector.serial_responder import (  # a test's own double
    Behaviour,
    SerialDevice,
)
from tests.unit.collector.virtual_line import BAUD, VirtualLoop

SHORT_S = 0.05
LONG_S = 5.0
PAUSE_S = 0.02


@asynccontextmanager
async def connected(address: Address, window: int = 1) -> AsyncIterator[ModbusClient]:
    client = ModbusClient(address, window=window)
    async with asyncio.TaskGroup() as tasks:
        link = tasks.create_task(client.run(), name="link")
        await until(lambda: client.is_connected)
        yield client
        link.cancel()


def here(port: int) -> TcpAddress:
    return TcpAddress(host="127.0.0.1", port=port)


def connected_to(
    responder: Responder, window: int = 1
) -> AbstractAsyncContextManager[ModbusClient]:
    return connected(here(responder.port), window)


def words(payload: bytes) -> list[int]:
    return list(struct.unpack(f">{len(payload) // 2}H", payload))


def in_virtual_time(
    address: Address,
    behave: Behaviour,
    work: Callable[[ModbusClient], Coroutine[None, None, None]],
    asleep_s: Callable[[], float] = lambda: 0.0,
) -> tuple[ModbusClient, SerialDevice]:
    """Do ``work`` with a client at ``address``, behind which a device behaves so."""

    async def story() -> ModbusClient:
        async with connected(address) as client:
            await work(client)
        return client

    device = SerialDevice(behave, address.framing)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        for module in (half_duplex, connection, modbus):
            patch.setattr(module, "RUNNING_S", lambda: loop.time() + asleep_s())
        patch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)
        loop.wire(device, patch)
        return runner.run(story()), device


STREAM = TcpAddress(host="127.0.0.1", port=1, framing="rtu", pause_s=PAUSE_S)
PLACES: tuple[Address, ...] = (
    STREAM,
    TcpAddress(host="127.0.0.1", port=1, framing="ascii", pause_s=PAUSE_S),
    TtyAddress(path="p", serial=BAUD, pause_s=PAUSE_S),
    TtyAddress(path="p", serial=BAUD, framing="ascii", pause_s=PAUSE_S),
)


def named(address: Address) -> str:
    return f"{address.framing} {'stream' if isinstance(address, TcpAddress) else 'line'}"
