"""Who a device says it is, of pymodbus' server: a second reading of the specification, 6.21."""

import asyncio
from typing import Literal

import pytest
from pymodbus import ModbusDeviceIdentification
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from collector.address import TcpAddress
from collector.identification import identified
from collector.modbus import ModbusClient
from devices.identity import Identity
from tests.integration.mqtt_peers import until

FRAMERS: dict[Literal["tcp", "rtu", "ascii"], FramerType] = {
    "tcp": FramerType.SOCKET,
    "rtu": FramerType.RTU,
    "ascii": FramerType.ASCII,
}
LONG = "a name that fills pages, " * 8


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
async def test_another_implementations_identity_is_read_in_all_its_pages(
    framing: Literal["tcp", "rtu", "ascii"],
) -> None:
    told = ModbusDeviceIdentification(  # type: ignore[no-untyped-call] # pymodbus' own
        info_name={
            "VendorName": "Vaisala",
            "ProductCode": "GMP252",
            "MajorMinorRevision": "1.2.3",
            "VendorUrl": "vaisala.com",
            "ProductName": LONG,
            "ModelName": LONG,
            "UserApplicationName": "hood 3",
        }
    )
    device = SimDevice(
        id=240, simdata=[SimData(0, values=[1, 2], datatype=DataType.REGISTERS)], identity=told
    )
    server = ModbusTcpServer(
        [device], framer=FRAMERS[framing], address=("127.0.0.1", 0), identity=told
    )
    await server.serve_forever(background=True)
    try:
        port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined] # as asyncio has it
        client = ModbusClient(TcpAddress(host="127.0.0.1", port=port, framing=framing))
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(client.run(), name="link")
            await until(lambda: client.is_connected)
            said = await identified(lambda level, first: client.introduce(240, level, first, 5.0))
            words = await client.read(240, "holding", 0, 2, 5.0)
            link.cancel()
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus' own
    assert said == Identity(
        vendor="Vaisala",
        product_code="GMP252",
        revision="1.2.3",
        vendor_url="vaisala.com",
        product_name=LONG.strip(),
        model_name=LONG.strip(),
        application_name="hood 3",
    )
    assert words == bytes.fromhex("00010002")
    assert client.stats().mismatched == 0
    # Each name fills a page of its own.
    assert client.stats().requests >= 4
