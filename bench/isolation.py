"""``python -m bench.isolation``: what silent units cost those beside them (G4).

Gateways with many units each; one unit in twenty of each says nothing from a moment on. What the
others keep of their rate is told, and how much of its gateway's time a dead unit takes: at first,
until it is known, and from then on.
"""

import argparse
import asyncio
import json
import struct
import time
from collections import deque
from functools import partial
from typing import NamedTuple, cast

import uvloop

from bench.polling import farm_profile
from collector.address import TcpAddress
from collector.clock import AnchoredClock
from collector.modbus_collector import ModbusCollector
from collector.unit import ModbusDevice
from devices.duration import Duration
from devices.profile import layout
from devices.scan import Scan

HEAD = struct.Struct(">HHHBBHH")
UNITS, SETTLE_S, KNOWN_S = 20, 12.0, 3.0
GOAL_RATE, GOAL_FIRST_S, GOAL_LATER = 0.99, 1.0, 0.01


class Gateway(asyncio.Protocol):
    """Answers one unit after another, as a serial line does; ``silent`` units hold it up."""

    def __init__(self, silent: set[int], answer_s: float) -> None:
        self._silent = silent
        self._answer_s = answer_s
        self._transport: asyncio.Transport | None = None
        self.waits: deque[tuple[float, float]] = deque()
        """Of each question to a silent unit: when it came, and how long it was waited for."""
        self._unanswered_s: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every question but those to silent units."""
        now_s = time.monotonic()
        self.given_up()
        for at in range(0, len(data), HEAD.size):
            transaction, _, _, unit, function, _, count = HEAD.unpack_from(data, at)
            if unit in self._silent:
                self._unanswered_s = now_s
                continue
            size = 2 * count
            answer = struct.pack(">HHHBBB", transaction, 0, size + 3, unit, function, size)
            asyncio.get_running_loop().call_later(self._answer_s, self._send, answer + bytes(size))

    def given_up(self) -> None:
        """Somebody else is asked, or could be: a question to a silent unit waits no more."""
        if self._unanswered_s is not None:
            self.waits.append((self._unanswered_s, time.monotonic() - self._unanswered_s))
            self._unanswered_s = None

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


class Result(NamedTuple):
    """``kept`` is the share of the rate that the others keep; the rest is of a gateway's time."""

    gateways: int
    units: int
    kept: float
    first_s: float
    later_share: float


async def measure(gateways: int, seconds: float) -> Result:
    """One run."""
    silent: set[int] = set()
    lines = [Gateway(silent, 0.002) for _ in range(gateways)]
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(partial(_the, line), "127.0.0.1", 0) for line in lines]
    profile, period = farm_profile(10), Duration(1000)
    devices = [
        ModbusDevice(
            layout=layout(f"g{number}u{unit}", profile),
            profile=profile,
            address=TcpAddress(host="127.0.0.1", port=server.sockets[0].getsockname()[1]),
            unit=unit,
            period=period,
        )
        for number, server in enumerate(servers)
        for unit in range(1, UNITS + 1)
    ]
    good = 0

    def deliver(scan: Scan) -> None:
        nonlocal good
        good += None not in scan.values
        if None in scan.values:
            lines[int(scan.layout.device[1:].split("u")[0])].given_up()

    collector = ModbusCollector(
        devices, clock=AnchoredClock(lambda _: None), deliver=deliver, on_crash=lambda *_: None
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="collector")
        await asyncio.sleep(SETTLE_S)
        before, good = time.monotonic(), 0
        await asyncio.sleep(seconds)
        whole = good / (time.monotonic() - before)
        died_s = time.monotonic()
        silent.add(UNITS)
        await asyncio.sleep(KNOWN_S)
        began_s, good = time.monotonic(), 0
        await asyncio.sleep(seconds)
        ended_s = time.monotonic()
        left = good / (ended_s - began_s)
        running.cancel()
    for server in servers:
        server.close()
    waits = [wait for line in lines for wait in line.waits]
    first = sum(took for at, took in waits if at < died_s + KNOWN_S) / gateways
    later = sum(took for at, took in waits if at >= began_s) / gateways / (ended_s - began_s)
    others = whole * (UNITS - 1) / UNITS
    return Result(gateways, gateways * UNITS, left / others, first, later)


def _the(line: Gateway) -> Gateway:
    return line


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    result = uvloop.run(measure(arguments.gateways, arguments.seconds))
    print(f"G4: others keep {result.kept:.2%} of their rate (goal {GOAL_RATE:.0%})")
    print(f"    a newly dead unit costs its line {result.first_s:.2f} s (goal {GOAL_FIRST_S:g} s)")
    print(f"    from then on {result.later_share:.2%} of its time (goal {GOAL_LATER:.0%})")
    print("    two questions go by before it is known; each later look at it may take a hundredth")
    print("    of the pause before: 0.1 s after 10 s, and so on up to 1 s each 5 min (0.3 %)")
    print(json.dumps(result._asdict()))


if __name__ == "__main__":
    main()
