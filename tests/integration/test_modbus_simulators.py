"""Our client and codec against pymodbus' server: a second reading of the specification."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.address import TcpAddress
from collector.identification import identified
from collector.modbus import ModbusClient
from collector.modbus_collector import ModbusCollector
from collector.unit import ModbusDevice
from devices import catalog
from devices.identity import Identity
from devices.profile import layout
from devices.quality import Quality
from devices.scan import Scan
from simulators import vaisala
from simulators.faults import HEALTHY, Faults
from simulators.incubator import Readings
from simulators.modbus import Server, Unit, incubator_tables
from tests.integration.mqtt_peers import until
from tests.unit.collector.steady_clock import SteadyClock

SHOWN = Readings(
    temperature_c=36.98, co2_pct=5.03, humidity_pct=93.1, door_open=True, sterilising=False
)
AIR = vaisala.Air(temperature_c=37.25, co2_pct=4.9, humidity_pct=30.56)
UNIT = {"incubator": 1, "gmp": 240, "hmp": 241}
PROFILE = {"incubator": "sim-incubator", "gmp": "vaisala-gmp251", "hmp": "vaisala-hmp"}


@asynccontextmanager
async def first_scans(faults: Faults = HEALTHY) -> AsyncIterator[dict[str, Scan]]:
    """The first answered scan of an incubator and two probes behind one gateway."""
    units = (
        Unit(id=1, tables=lambda: incubator_tables(SHOWN, faults), faults=lambda: faults),
        Unit(id=240, tables=lambda: {"holding": vaisala.gmp251(AIR)}, faults=lambda: HEALTHY),
        Unit(id=241, tables=lambda: {"holding": vaisala.hmp(AIR)}, faults=lambda: HEALTHY),
    )
    async with Server("127.0.0.1", 0, units) as server:
        found: dict[str, Scan] = {}
        complete = asyncio.Event()

        def deliver(scan: Scan) -> None:
            if any(code != Quality.NO_ANSWER for code in scan.qualities):
                found.setdefault(scan.device, scan)
            if len(found) == len(UNIT):
                complete.set()

        devices = [
            ModbusDevice(
                layout=layout(name, profile),
                profile=profile,
                address=TcpAddress(host="127.0.0.1", port=server.port),
                unit=unit,
                period=profile.period,
            )
            for name, unit in UNIT.items()
            for profile in [catalog.find(PROFILE[name])]
        ]
        collector = ModbusCollector(
            devices,
            clock=SteadyClock(),
            deliver=deliver,
            on_crash=lambda name, error: found.clear(),  # noqa: ARG005 # then the wait fails
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(collector.run(), name="collector")
            async with asyncio.timeout(10):
                await complete.wait()
            running.cancel()
        yield found


async def test_three_units_of_one_gateway_read_as_their_simulators_show() -> None:
    async with first_scans() as scans:
        assert scans["incubator"].values == (36.98, 5.03, 93.1, 1.0, 0.0)
        assert scans["gmp"].values == (4.9, 37.25, 0.0, 0.0)
        assert scans["hmp"].values == (30.56, 37.25, 1.0)
        assert all(not any(scan.qualities) for scan in scans.values())


async def test_what_the_incubator_cannot_measure_is_a_fault_and_not_a_number() -> None:
    async with first_scans(Faults(not_a_number=True)) as scans:
        fault = Quality.SENSOR_FAULT
        assert scans["incubator"].values == (None, None, None, 1.0, 0.0)
        assert scans["incubator"].qualities == bytes((fault, fault, fault, 0, 0))


async def test_simulated_devices_say_that_they_are() -> None:
    unit = Unit(id=240, tables=lambda: {"holding": vaisala.gmp251(AIR)}, faults=lambda: HEALTHY)
    async with Server("127.0.0.1", 0, (unit,)) as server, asyncio.TaskGroup() as tasks:
        client = ModbusClient(TcpAddress(host="127.0.0.1", port=server.port))
        link = tasks.create_task(client.run(), name="link")
        await until(lambda: client.is_connected)
        said = await identified(lambda level, first: client.introduce(240, level, first, 5.0))
        link.cancel()
    assert said == Identity(vendor="culturewatch", product_code="simulated", revision="1")
