"""``python -m bench.reboot``: how soon many devices are fresh after a switch came back (G5).

Every connection is cut and every port closed, as if the switch lost power, and opened again
after a while. Told are the time until the last device is read again, the most connects that were
asked for in one second, and the most connections that one device ever had at once.
"""

import argparse
import asyncio
import json
import time
from typing import NamedTuple, cast

import uvloop

from bench.modbus_farm import Device, raise_file_limit
from bench.polling import farm_profile
from collector.address import TcpAddress
from collector.clock import AnchoredClock
from collector.modbus_collector import ModbusCollector
from collector.unit import ModbusDevice
from devices.duration import Duration
from devices.profile import layout
from devices.scan import Scan

GOAL_FRESH_S, GOAL_CONNECTS, PATIENCE_S = 30.0, 50, 120.0
VARIANTS = [bytes(250)] * 512


class Port:
    """A device's port: who is connected, and when they came."""

    def __init__(self, connects: list[float]) -> None:
        self._connects = connects
        self._server: asyncio.Server | None = None
        self.number = 0
        self.peers: set[Peer] = set()
        self.most = 0

    async def open(self) -> None:
        """Listen, where it listened before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), "127.0.0.1", self.number)
        self.number = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """No more power."""
        if self._server is not None:
            self._server.close()
        for peer in tuple(self.peers):
            peer.abort()

    def came(self, peer: "Peer") -> None:
        """Somebody connected."""
        self._connects.append(time.monotonic())
        self.peers.add(peer)
        self.most = max(self.most, len(self.peers))


class Peer(Device):
    """The device's end of a connection."""

    def __init__(self, port: Port) -> None:
        super().__init__(VARIANTS)
        self._port = port
        self._line: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Noted."""
        super().connection_made(transport)
        self._line = cast("asyncio.Transport", transport)
        self._port.came(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's
        """Noted too."""
        self._port.peers.discard(self)

    def abort(self) -> None:
        """Gone without a word."""
        if self._line is not None:
            self._line.abort()


class Result(NamedTuple):
    """What was seen. ``connects`` is the most in one second."""

    devices: int
    away_s: float
    fresh_s: float
    connects: int
    at_once: int


async def measure(count: int, away_s: float) -> Result:
    """One run."""
    connects: list[float] = []
    ports = [Port(connects) for _ in range(count)]
    for port in ports:
        await port.open()
    profile = farm_profile(10)
    devices = [
        ModbusDevice(
            layout=layout(f"device{n}", profile),
            profile=profile,
            address=TcpAddress(host="127.0.0.1", port=port.number),
            unit=1,
            period=Duration(5000),
        )
        for n, port in enumerate(ports)
    ]
    fresh: set[str] = set()

    def deliver(scan: Scan) -> None:
        if None not in scan.values:
            fresh.add(scan.layout.device)

    collector = ModbusCollector(
        devices, clock=AnchoredClock(lambda _: None), deliver=deliver, on_crash=lambda *_: None
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="collector")
        await _all(fresh, count)
        for port in ports:
            port.cut()
        await asyncio.sleep(away_s)
        fresh.clear()
        connects.clear()
        assert not any(port.peers for port in ports)  # noqa: S101 # all were cut
        began_s = time.monotonic()
        for port in ports:
            await port.open()
        await _all(fresh, count)
        took_s = time.monotonic() - began_s
        running.cancel()
    most = max((sum(at <= other < at + 1 for other in connects) for at in connects), default=0)
    for port in ports:
        port.cut()
    return Result(count, away_s, took_s, most, max(port.most for port in ports))


async def _all(fresh: set[str], count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(fresh) < count:  # noqa: ASYNC110 # a set has no event
            await asyncio.sleep(0.05)


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--away", type=float, default=10.0, help="seconds without power")
    arguments = parser.parse_args()
    raise_file_limit()
    result = uvloop.run(measure(arguments.devices, arguments.away))
    print(f"G5: {result.devices} devices fresh {result.fresh_s:.1f} s after power came back")
    print(f"    (goal {GOAL_FRESH_S:g} s), {result.connects} connects in the busiest second")
    print(
        f"    (goal {GOAL_CONNECTS}), {result.at_once} connections to one device at once (goal 1)"
    )
    print(json.dumps(result._asdict()))


if __name__ == "__main__":
    main()
