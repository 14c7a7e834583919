"""``python -m bench.polling``: what polling many Modbus devices into the durable journal costs.

The devices run in another process (``bench.modbus_farm``). CPU is that of this whole process,
as a share of one core, over the measured seconds; a cycle is on time when the device's answer
was whole and its scan handed to the journal before the next cycle was due.
"""

import argparse
import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.modbus_farm import raise_file_limit
from collector.address import TcpAddress
from collector.clock import AnchoredClock
from collector.modbus_collector import ModbusCollector
from collector.unit import ModbusDevice
from devices.duration import Duration
from devices.profile import Channel, Profile, layout
from devices.scan import Layout, Scan
from devices.source import Register
from devices.transport import Modbus
from storage.journal import Journal

Part = Callable[[Journal, Sequence[Layout]], Coroutine[None, None, None]]
"""Something that runs beside, such as the alarm engine, and ends by cancellation."""
CONNECTS_PER_S = 500.0
SETTLE_S = 3.0


class Settings(NamedTuple):
    """What is measured."""

    devices: int
    registers: int
    hz: float
    seconds: float
    durable: bool


class Result(NamedTuple):
    """One line of the table."""

    devices: int
    registers: int
    hz: float
    durable: bool
    parts: int
    seconds: float
    scans_per_s: float
    points_per_s: float
    on_time_percent: float
    missed: int
    off_beat_p99_ms: int
    cpu_percent: float
    us_per_scan: float
    rss_mb: float
    rss_peak_mb: float
    journal_behind: int


class Beats:
    """Counts scans on their way, and notes for some devices how far each is off its beat."""

    def __init__(
        self, forward: Callable[[Scan], object], watched: Sequence[str], period_ms: int
    ) -> None:
        self._forward = forward
        self._last = dict.fromkeys(watched, 0)
        self._period_ms = period_ms
        self.off_ms: list[int] = []
        self.scans = 0

    def deliver(self, scan: Scan) -> None:
        """Count a scan and hand it on."""
        self._forward(scan)
        self.scans += 1
        before = self._last.get(scan.layout.device)
        if before is not None:
            self.off_ms.append(abs(scan.at - before - self._period_ms))
            self._last[scan.layout.device] = scan.at


class Snapshot(NamedTuple):
    """Counters at one instant."""

    at_s: float
    cpu_s: float
    scans: int
    polls: int
    on_time: int
    missed: int

    @classmethod
    def take(cls, collector: ModbusCollector, beats: Beats) -> "Snapshot":
        """The counters now."""
        devices = [device for endpoint in collector.stats() for device in endpoint.devices]
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(
            at_s=time.monotonic(),
            cpu_s=usage.ru_utime + usage.ru_stime,
            scans=beats.scans,
            polls=sum(device.polls for device in devices),
            on_time=sum(device.on_time for device in devices),
            missed=sum(device.missed for device in devices),
        )


def farm_profile(registers: int) -> Profile:
    """A model with so many temperatures in a row."""
    return Profile(
        model="benchmark",
        maker="culturewatch",
        manual="bench/modbus_farm.py",
        period=Duration(1000),
        modbus=Modbus(),
        channels=tuple(
            Channel(
                key=f"temperature_{n}",
                quantity="temperature",
                unit="degC",
                resolution=0.01,
                range=(-50.0, 150.0),
                source=Register(table="input", address=n, type="i16", scale=0.01),
            )
            for n in range(registers)
        ),
    )


@asynccontextmanager
async def farm(devices: int) -> AsyncIterator[list[int]]:
    """The devices' ports, in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.modbus_farm", "--devices", str(devices)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None  # noqa: S101 # asked for
    assert process.stdout is not None  # noqa: S101 # asked for
    try:
        async with asyncio.timeout(30):
            # A thousand ports are more than the reader's line limit would suit.
            ports: list[int] = json.loads(await process.stdout.readline())
        yield ports
    finally:
        process.stdin.close()
        await process.wait()


async def measure(settings: Settings, parts: Sequence[Part] = ()) -> Result:
    """One run; ``parts`` run beside."""
    with tempfile.TemporaryDirectory() as folder:
        async with farm(settings.devices) as ports, Journal(Path(folder)) as journal:
            return await _measure(settings, parts, ports, journal)


async def _measure(
    settings: Settings, parts: Sequence[Part], ports: list[int], journal: Journal
) -> Result:
    profile = farm_profile(settings.registers)
    period = Duration(round(1000 / settings.hz))
    devices = [
        ModbusDevice(
            layout=layout(f"device{number}", profile),
            profile=profile,
            address=TcpAddress(host="127.0.0.1", port=port),
            unit=1,
            period=period,
        )
        for number, port in enumerate(ports)
    ]
    layouts = [device.layout for device in devices]
    beats = Beats(
        journal.append if settings.durable else lambda _: None,
        [found.device for found in layouts[::10]],
        period,
    )
    clock = AnchoredClock(lambda _: None)
    collector = ModbusCollector(
        devices,
        clock=clock,
        deliver=beats.deliver,
        on_crash=lambda name, error: sys.exit(f"{name}: {error}"),
        connects_per_second=CONNECTS_PER_S,
    )
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(collector.run(), name="collector"),
            tasks.create_task(clock.watch(), name="clock"),
            *(tasks.create_task(part(journal, layouts), name="part") for part in parts),
        ]
        await asyncio.sleep(settings.devices / CONNECTS_PER_S + SETTLE_S)
        gc.collect()
        gc.freeze()
        beats.off_ms.clear()
        before = Snapshot.take(collector, beats)
        await asyncio.sleep(settings.seconds)
        after = Snapshot.take(collector, beats)
        behind = journal.stats.pending
        for task in running:
            task.cancel()
    return _result(
        settings,
        parts=len(parts),
        before=before,
        after=after,
        off_ms=beats.off_ms,
        behind=behind,
    )


def _result(
    settings: Settings,
    *,
    parts: int,
    before: Snapshot,
    after: Snapshot,
    off_ms: list[int],
    behind: int,
) -> Result:
    seconds = after.at_s - before.at_s
    scans = after.scans - before.scans
    cycles = after.polls - before.polls + after.missed - before.missed
    cpu_s = after.cpu_s - before.cpu_s
    return Result(
        devices=settings.devices,
        registers=settings.registers,
        hz=settings.hz,
        durable=settings.durable,
        parts=parts,
        seconds=round(seconds, 1),
        scans_per_s=round(scans / seconds, 1),
        points_per_s=round(scans * settings.registers / seconds),
        on_time_percent=round(100 * (after.on_time - before.on_time) / cycles, 3),
        missed=after.missed - before.missed,
        off_beat_p99_ms=sorted(off_ms)[int(0.99 * (len(off_ms) - 1))],
        cpu_percent=round(100 * cpu_s / seconds, 2),
        us_per_scan=round(1e6 * cpu_s / scans, 1),
        rss_mb=round(_rss_mb(), 1),
        rss_peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        journal_behind=behind,
    )


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def report(result: Result) -> str:
    """A table for people, then one line of JSON."""
    values = result._asdict()
    lines = [f"{name.replace('_', ' '):<18} {value}" for name, value in values.items()]
    return "\n".join([*lines, json.dumps(values)])


def chosen(arguments: argparse.Namespace) -> list[Part]:
    """The parts asked for. Without any, nothing of theirs is imported: it would be measured."""
    if not (arguments.engine or arguments.forward):
        return []
    from bench.polling_parts import engine, forward  # noqa: PLC0415 # see above

    parts: list[Part] = [engine] if arguments.engine else []
    return [*parts, forward] if arguments.forward else parts


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--registers", type=int, default=40)
    parser.add_argument("--hz", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--discard", action="store_true", help="poll and decode, store nothing")
    parser.add_argument("--engine", action="store_true", help="with the alarm engine")
    parser.add_argument("--forward", action="store_true", help="with a real InfluxDB behind")
    arguments = parser.parse_args()
    raise_file_limit()
    settings = Settings(
        devices=arguments.devices,
        registers=arguments.registers,
        hz=arguments.hz,
        seconds=arguments.seconds,
        durable=not arguments.discard,
    )
    print(report(uvloop.run(measure(settings, chosen(arguments)))))


if __name__ == "__main__":
    main()
