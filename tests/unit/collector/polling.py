"""Devices that are polled on loopback, and the scans that came of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from collector.address import TcpAddress
from collector.modbus_collector import ModbusCollector
from collector.unit import DeviceStats, ModbusDevice
from devices.duration import Duration
from devices.profile import Channel, Profile, layout
from devices.quality import Quality
from devices.scan import Scan
from devices.source import Register
from devices.transport import Modbus
from tests.unit.collector.steady_clock import SteadyClock

PERIOD = Duration(60)
TIMEOUT = Duration(40)
GOOD, NO_ANSWER = bytes((Quality.GOOD,)), bytes((Quality.NO_ANSWER,))


def a_profile(*addresses: int, window: int = 1, timeout: Duration = TIMEOUT) -> Profile:
    return Profile(
        model="M",
        maker="m",
        manual="by hand",
        period=PERIOD,
        modbus=Modbus(timeout=timeout, window=window),
        channels=tuple(
            Channel(
                key=f"c{address}",
                quantity="state",
                unit="1",
                range=(0, 65535),
                resolution=1,
                source=Register(table="input", address=address, type="u16"),
            )
            for address in addresses
        ),
    )


def a_device(
    port: int, number: int = 1, profile: Profile | None = None, period: Duration = PERIOD
) -> ModbusDevice:
    profile = profile or a_profile(0, 1)
    return ModbusDevice(
        layout=layout(f"inc{number}", profile),
        profile=profile,
        address=TcpAddress(host="127.0.0.1", port=port),
        unit=number,
        period=period,
    )


class Room:
    """A running collector and the scans it delivered."""

    def __init__(self, devices: Iterable[ModbusDevice], clock: SteadyClock) -> None:
        self.scans: list[Scan] = []
        self.crashes: list[str] = []
        self.collector = ModbusCollector(
            devices,
            clock=clock,
            deliver=self.deliver,
            on_crash=lambda name, error: self.crashes.append(f"{name}: {error}"),
        )

    def deliver(self, scan: Scan) -> None:
        self.scans.append(scan)

    def of(self, device: str) -> list[Scan]:
        return [scan for scan in self.scans if scan.device == device]

    def good(self, device: str) -> list[Scan]:
        return [scan for scan in self.of(device) if None not in scan.values]

    def stats(self, device: str) -> DeviceStats:
        return next(
            found
            for endpoint in self.collector.stats()
            for found in endpoint.devices
            if found.device == device
        )


@asynccontextmanager
async def polling(
    devices: Sequence[ModbusDevice], clock: SteadyClock | None = None
) -> AsyncIterator[Room]:
    room = Room(devices, clock or SteadyClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(room.collector.run(), name="collector")
        yield room
        running.cancel()
