"""The coil of a siren, written on a real Modbus TCP server."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes

from alerts.engine.view import AlarmView
from alerts.notify.siren import Silence, Siren, sounds
from alerts.rule import Severity
from tests.services import free_port
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.relay import COIL, UNIT, Relay, relay  # a test's own
from tests.unit.alerts.test_auditor import view  # a test's own

OPEN = view("inc1-hot", None)


class Wish:
    """What a siren is to do."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self) -> bool:
        return self.on


@asynccontextmanager
async def sounding(
    found: Relay, wish: Callable[[], bool], *, again_s: float = 60.0
) -> AsyncIterator[Siren]:
    siren = Siren(found.coil, wish, again_s=again_s, look_s=0.01, write_s=0.5)
    running = asyncio.create_task(siren.run(), name="siren under test")
    try:
        yield siren
    finally:
        running.cancel()
        await asyncio.wait([running])


async def coil_of(port: int) -> bool:
    """The coil as pymodbus' own client reads it."""
    async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
        answer = await client.read_coils(COIL, count=1, device_id=UNIT)
        assert not answer.isError()
        return bool(answer.bits[0])


async def test_the_coil_follows_the_alarm_and_nothing_else_is_written() -> None:
    wish = Wish()
    async with relay() as found:
        async with sounding(found, wish) as siren:
            await until(lambda: found.values == [False])
            wish.on = True
            await until(lambda: found.values == [False, True])
            assert await coil_of(found.port) is True
            wish.on = False
            await until(lambda: found.values == [False, True, False])
            assert await coil_of(found.port) is False
            assert siren.trouble == ""
        # Modbus function 5, write single coil.
        assert {(function, address) for function, address, _ in found.written} == {(5, COIL)}


async def test_it_is_written_again_and_again_and_left_as_it_is_at_the_end() -> None:
    wish = Wish()
    wish.on = True
    async with relay() as found:
        async with sounding(found, wish, again_s=0.02):
            await until(lambda: len(found.values) >= 4)
        assert set(found.values) == {True}
        assert await coil_of(found.port) is True


async def test_a_relay_that_restarted_sounds_again() -> None:
    wish = Wish()
    wish.on = True
    port = free_port()
    async with relay(port) as first:
        async with sounding(first, wish, again_s=0.05) as siren:
            await until(lambda: True in first.values)
        assert await coil_of(port) is True
    async with sounding(first, wish, again_s=0.05) as siren:
        await until(lambda: siren.failing_s is not None)
        assert f"127.0.0.1:{port} unit {UNIT} coil {COIL}" in siren.trouble
        # It comes back as relays do: off.
        async with relay(port) as second:
            await until(lambda: True in second.values)
            await until(lambda: siren.trouble == "")
            assert siren.failing_s is None


async def test_a_relay_that_refuses_is_in_trouble_with_the_code() -> None:
    async with relay() as found:
        found.refuses = ExcCodes.ILLEGAL_ADDRESS
        async with sounding(found, Wish(), again_s=0.05) as siren:
            await until(lambda: siren.trouble.endswith("the relay refused with Modbus exception 2"))
            since_s = siren.failing_s
            assert since_s is not None
            found.refuses = None
            await until(lambda: siren.trouble == "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "0 bytes read"),
        (b"HTTP/1.1 400 Bad Request", "does not speak Modbus TCP"),
        (struct.pack(">HHHBBHH", 1, 0, 6, UNIT, 5, COIL, 0xFF00), "something else than an echo"),
        (struct.pack(">HHHBBHH", 9, 0, 6, UNIT, 5, COIL, 0), "something else than an echo"),
        (struct.pack(">HHHBBHH", 1, 0, 6, UNIT, 5, COIL + 1, 0), "something else than an echo"),
        (None, "no answer within 0.5 s"),
    ],
)
async def test_what_is_no_echo_is_no_obedience(answer: bytes | None, why: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(12)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        found = Relay(server.sockets[0].getsockname()[1])
        async with sounding(found, Wish(), again_s=60.0) as siren:
            await until(lambda: why in siren.trouble)
            assert siren.failing_s is not None
        await until(lambda: len(asyncio.all_tasks()) <= 1)


@pytest.mark.parametrize(
    ("state", "acknowledged", "cleared"),
    # Table A2: returned by itself is over; latched and gone asks for somebody still.
    [
        ("N", False, False),
        ("U", True, True),
        ("A", False, True),
        ("R", False, False),
        ("LU", True, True),
        ("LA", False, True),
    ],
)
def test_when_it_is_heard(state: str, *, acknowledged: bool, cleared: bool) -> None:
    alarms = [replace(OPEN, state=state)]
    expected: dict[Silence, bool] = {"acknowledged": acknowledged, "cleared": cleared}
    for silence, heard in expected.items():
        assert sounds(alarms, at_least=Severity.CRITICAL, silence=silence) is heard


@pytest.mark.parametrize(
    ("alarm", "heard"),
    [
        (replace(OPEN, worst="high"), True),
        (replace(OPEN, worst="medium"), False),
        (replace(OPEN, severity="low", worst="critical"), True),
        (replace(OPEN, overlay="SH"), False),
        (replace(OPEN, under="gw1-silent"), False),
    ],
)
def test_only_what_is_grave_enough_and_not_kept_quiet_is_heard(
    alarm: AlarmView, *, heard: bool
) -> None:
    quiet = replace(OPEN, state="N")
    alarms = [quiet, alarm]
    assert sounds(alarms, at_least=Severity.HIGH, silence="acknowledged") is heard
