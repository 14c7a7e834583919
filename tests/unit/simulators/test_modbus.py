"""Real servers on loopback, asked by pymodbus' own client and by raw frames."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU

from simulators import vaisala
from simulators.faults import HEALTHY, Faults, sent
from simulators.live import LiveIncubator, LiveProbe, unit
from simulators.loopback import ServeError
from simulators.modbus import Server
from simulators.scenario import Bottle, Door, Sterilise

BOUND_S = 5.0


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient(
        "127.0.0.1", port=server.port, timeout=0.3, retries=0, reconnect_delay=0
    )
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def incubator() -> LiveIncubator:
    return LiveIncubator("incubator-1", seed=1)


@pytest.fixture
async def served(incubator: LiveIncubator) -> AsyncIterator[Server]:
    async with Server("127.0.0.1", 0, (unit(incubator, 1),)) as server:
        yield server


@pytest.fixture
async def gateway(incubator: LiveIncubator) -> AsyncIterator[Server]:
    pair = (
        unit(LiveProbe("co2", 1, incubator, vaisala.gmp251), 240),
        unit(LiveProbe("humidity", 1, incubator, vaisala.hmp), 241),
    )
    async with Server("127.0.0.1", 0, pair) as server:
        yield server


async def answered(request: Awaitable[ModbusPDU]) -> ModbusPDU:
    answer = await request
    assert not answer.isError(), answer
    return answer


async def raw(server: Server, frame: bytes, *, answer_bytes: int) -> bytes:
    """What comes back for a frame written by hand."""
    async with asyncio.timeout(BOUND_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(frame)
            return await reader.readexactly(answer_bytes)
        finally:
            writer.close()
            await writer.wait_closed()


async def test_the_incubator_answers_its_whole_map_in_one_read(served: Server) -> None:
    async with client_of(served) as client:
        words = (await answered(client.read_input_registers(0x10, count=7, device_id=1))).registers
    assert words[0] / 100 == pytest.approx(37.0, abs=0.1)
    low, high = words[2:4]
    (co2,) = struct.unpack(">f", struct.pack(">HH", high, low))
    assert co2 == pytest.approx(5.0, abs=0.1)
    assert words[4] / 10 == pytest.approx(95.0, abs=1.5)
    assert words[6] == 0


async def test_by_hand_a_read_of_the_door_is_the_frame_of_the_specification(
    served: Server, incubator: LiveIncubator
) -> None:
    request = bytes.fromhex("0007 0000 0006 01 02 0000 0001")
    shut = await raw(served, request, answer_bytes=10)
    assert shut == bytes.fromhex("0007 0000 0004 01 02 01 00")
    incubator.act(Door(device="incubator-1", open=True))
    opened = await raw(served, request, answer_bytes=10)
    assert opened == bytes.fromhex("0007 0000 0004 01 02 01 01")


async def test_each_read_sees_the_state_of_its_instant(
    served: Server, incubator: LiveIncubator
) -> None:
    async with client_of(served) as client:
        before = (await answered(client.read_input_registers(0x10, device_id=1))).registers[0]
        incubator.act(Door(device="incubator-1", open=True))
        incubator.advance(60)
        after = (await answered(client.read_input_registers(0x10, device_id=1))).registers[0]
    assert after < before - 500


async def test_sterilisation_is_bit_0_and_180_degrees_fit(
    served: Server, incubator: LiveIncubator
) -> None:
    incubator.act(Sterilise(device="incubator-1"))
    incubator.advance(4.5 * 3600)
    async with client_of(served) as client:
        words = (await answered(client.read_input_registers(0x10, count=7, device_id=1))).registers
    assert words[0] == pytest.approx(18_200, abs=50)
    assert words[6] & 1 == 1


async def test_an_address_outside_the_map_is_refused(served: Server) -> None:
    async with client_of(served) as client:
        beyond = await client.read_input_registers(0x17, device_id=1)
        before = await client.read_input_registers(0x0F, count=2, device_id=1)
    assert beyond.exception_code == 2
    assert before.exception_code == 2


async def test_tables_it_does_not_have_and_writes_are_refused(served: Server) -> None:
    async with client_of(served) as client:
        holding = await client.read_holding_registers(0x10, device_id=1)
        coils = await client.read_coils(0, device_id=1)
        written = await client.write_register(0x10, 1, device_id=1)
    assert [answer.isError() for answer in (holding, coils, written)] == [True, True, True]


async def test_a_unit_that_is_not_there_is_answered_as_a_gateway_does(served: Server) -> None:
    answer = await raw(served, bytes.fromhex("0001 0000 0006 09 04 0010 0001"), answer_bytes=9)
    assert answer == bytes.fromhex("0001 0000 0003 09 84 0b")


async def test_two_probes_share_the_gateways_one_connection(gateway: Server) -> None:
    async with client_of(gateway) as client:
        co2 = (await answered(client.read_holding_registers(0, count=2, device_id=240))).registers
        air = (await answered(client.read_holding_registers(0, count=4, device_id=241))).registers
        test = (await answered(client.read_holding_registers(0x1F00, device_id=241))).registers
    (ppm,) = struct.unpack(">f", struct.pack(">HH", co2[1], co2[0]))
    (humidity,) = struct.unpack(">f", struct.pack(">HH", air[1], air[0]))
    assert ppm == pytest.approx(50_000, abs=1_000)
    assert humidity == pytest.approx(95.0, abs=1.5)
    assert test == [0xCFC7]


async def test_a_silent_unit_keeps_the_connection_and_its_neighbour_goes_on(
    incubator: LiveIncubator,
) -> None:
    silent = LiveProbe("co2", 1, incubator, vaisala.gmp251)
    silent.faults = Faults(silent=True)
    spoken = LiveProbe("humidity", 1, incubator, vaisala.hmp)
    units = (unit(silent, 240), unit(spoken, 241))
    async with Server("127.0.0.1", 0, units) as server, client_of(server) as client:
        with pytest.raises(ModbusIOException):
            await client.read_holding_registers(0, count=2, device_id=240)
        await answered(client.read_holding_registers(0, count=2, device_id=241))
        assert client.connected
        silent.faults = HEALTHY
        await answered(client.read_holding_registers(0, count=2, device_id=240))


async def test_every_request_of_a_faulty_unit_gets_its_exception(
    served: Server, incubator: LiveIncubator
) -> None:
    incubator.faults = Faults(exception=6)
    async with client_of(served) as client:
        answer = await client.read_input_registers(0x10, count=7, device_id=1)
    assert answer.exception_code == 6


async def test_missing_measurements_are_the_codes_of_the_map(
    served: Server, incubator: LiveIncubator
) -> None:
    incubator.faults = Faults(not_a_number=True)
    async with client_of(served) as client:
        words = (await answered(client.read_input_registers(0x10, count=7, device_id=1))).registers
    assert words[0] == 0x8000
    assert words[3] & 0x7FC0 == 0x7FC0
    assert words[4] == 0xFFFF


async def test_a_stuck_device_answers_on_with_old_numbers(
    served: Server, incubator: LiveIncubator
) -> None:
    async with client_of(served) as client:
        before = (await answered(client.read_input_registers(0x10, count=7, device_id=1))).registers
        incubator.faults = Faults(stuck=True)
        incubator.act(Door(device="incubator-1", open=True))
        incubator.advance(60)
        stuck = (await answered(client.read_input_registers(0x10, count=7, device_id=1))).registers
        incubator.faults = HEALTHY
        after = (await answered(client.read_input_registers(0x10, count=7, device_id=1))).registers
    assert stuck == before
    assert after != before


async def test_an_answer_can_carry_the_neighbours_unit(
    served: Server, incubator: LiveIncubator
) -> None:
    incubator.faults = Faults(wrong_unit=True)
    answer = await raw(served, bytes.fromhex("0001 0000 0006 01 04 0016 0001"), answer_bytes=11)
    assert answer == bytes.fromhex("0001 0000 0005 02 04 02 0000")


async def test_a_taken_port_is_named_without_a_traceback(served: Server) -> None:
    second = Server("127.0.0.1", served.port, ())
    with pytest.raises(ServeError, match=rf"127\.0\.0\.1:{served.port}.*another port"):
        async with second:
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])  # noqa: S104 # refused
def test_simulators_do_not_serve_beyond_this_machine(host: str) -> None:
    with pytest.raises(ServeError, match="loopback only"):
        Server(host, 0, ())


def test_two_devices_cannot_have_one_unit_id(incubator: LiveIncubator) -> None:
    with pytest.raises(ServeError, match="same unit id"):
        Server("127.0.0.1", 0, (unit(incubator, 1), unit(incubator, 1)))


async def test_the_port_is_free_again_after_closing_with_a_client_still_connected(
    incubator: LiveIncubator,
) -> None:
    async with Server("127.0.0.1", 0, (unit(incubator, 1),)) as server:
        client = AsyncModbusTcpClient("127.0.0.1", port=server.port, reconnect_delay=0)
        assert await client.connect()
        await answered(client.read_input_registers(0x10, device_id=1))
    async with Server("127.0.0.1", server.port, (unit(incubator, 1),)) as again:
        assert again.port == server.port
    client.close()


def test_a_frame_of_a_healthy_unit_leaves_unchanged_and_of_a_silent_one_not_at_all() -> None:
    frame = bytes.fromhex("0001 0000 0005 f0 03 02 0000")
    assert sent(frame, {240: HEALTHY}) == frame
    assert sent(frame, {240: Faults(silent=True)}) == b""
    assert sent(frame, {241: Faults(silent=True)}) == frame
    assert sent(b"\0\1", {240: Faults(silent=True)}) == b"\0\1"


def test_an_exception_code_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="99 is not a Modbus exception code"):
        Faults(exception=99)


def test_an_empty_bottle_is_an_action_of_the_incubator(incubator: LiveIncubator) -> None:
    incubator.act(Bottle(device="incubator-1", kg=0.0))
    incubator.act(Door(device="incubator-1", open=True))
    incubator.advance(60)
    incubator.act(Door(device="incubator-1", open=False))
    incubator.advance(600)
    assert incubator.state.seen_co2_pct < 1
