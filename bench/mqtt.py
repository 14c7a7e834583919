"""MQTT ingest: QoS 1 messages a second that are acknowledged after fsync, and how long each waits.

Usage: ``python -m bench.mqtt [--messages N] [--protocol 5]``. Needs Mosquitto.
Goals (G9): 20,000 messages/s, p99 from publish to acknowledgement 50 ms, 100,000 drained in 5 s.
"""

import argparse
import asyncio
import json
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from collector.clock import AnchoredClock
from collector.mqtt import MqttCollector
from collector.mqtt_settings import WINDOW, BrokerSettings, Subscription
from culturewatch.core_process import search_less
from devices.catalog import find
from devices.profile import layout
from devices.scan import Scan
from storage.journal import Journal, MessageKey, Outcome

DEVICES = 100
BACKLOG = 100_000
RATES = (1_000, 5_000, 10_000)
RATE_S = 5
NOTED = 10
PATIENCE_S = 120.0

Row = dict[str, float | str]


class Timed:
    """A journal that notes how old live scans are once they are stored and acknowledged.

    It does so for one in ten, as the noting is measured too.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.ages_ms: list[float] = []
        self._count = 0

    def append(
        self,
        entry: Scan,
        *,
        key: MessageKey | None = None,
        done: Callable[[Outcome], None] | None = None,
    ) -> None:
        """As the journal's."""
        self._count += 1
        if self._count % NOTED == 0:
            done = partial(self._note, done, entry.at)
        self._journal.append(entry, key=key, done=done)

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None:
        """As the journal's."""
        self._journal.quarantine(origin, reason, payload, done=done)

    def _note(self, done: Callable[[Outcome], None] | None, at: int, outcome: Outcome) -> None:
        if done is not None:
            done(outcome)
        self.ages_ms.append(time.time_ns() / 1e6 - at)


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[int]:
    """A Mosquitto without limits; gives its port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise SystemExit("Mosquitto is not here: install the Debian package mosquitto")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    limits = "max_queued_messages 0\nmax_inflight_messages 0\nmax_queued_bytes 0\n"
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\n{limits}"
    )
    process = await asyncio.create_subprocess_exec(program, "-c", str(configuration))
    try:
        await asyncio.sleep(0.5)
        yield port
    finally:
        process.terminate()
        await process.wait()


class Bench:
    """One collector on one broker, and the loads put on it."""

    def __init__(self, folder: Path, port: int, protocol: str) -> None:
        self._folder = folder
        self._port = port
        self._protocol = protocol
        self._sent = 0

    async def flood(self, messages: int) -> Row:
        """As many messages a second as go through."""
        async with self._collector() as (collector, timed):
            row = await self._measure(collector, timed, messages, 0)
        return {"load": "flood, live", **row}

    async def paced(self, rate: int) -> Row:
        """A steady rate."""
        async with self._collector() as (collector, timed):
            row = await self._measure(collector, timed, rate * RATE_S, rate)
        return {"load": f"{rate} messages/s, live", **row}

    async def backlog(self, messages: int) -> Row:
        """What the broker kept while the collector was away."""
        async with self._collector() as (collector, _):
            pass
        await self._load(messages, 0)
        began, cpu = time.perf_counter(), _cpu_s()
        async with self._collector() as (collector, _):
            await _until(lambda: collector.stats.stored >= messages)
            took, used = time.perf_counter() - began, _cpu_s() - cpu
        return {
            "load": f"backlog of {messages}",
            "messages_s": messages / took,
            "seconds": took,
            "cpu_us": used / messages * 1e6,
        }

    async def _measure(
        self, collector: MqttCollector, timed: Timed, messages: int, rate: int
    ) -> Row:
        began, cpu = time.perf_counter(), _cpu_s()
        await self._load(messages, rate)
        await _until(lambda: collector.stats.stored >= messages)
        took, used = time.perf_counter() - began, _cpu_s() - cpu
        ages = sorted(timed.ages_ms)
        return {
            "messages_s": messages / took,
            "seconds": took,
            "cpu_us": used / messages * 1e6,
            "p50_ms": ages[len(ages) // 2],
            "p99_ms": ages[len(ages) * 99 // 100],
        }

    async def _load(self, messages: int, rate: int) -> None:
        numbers = map(str, (self._port, messages, DEVICES, rate, self._sent))
        self._sent += messages
        load = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.mqtt_load", *numbers
        )
        if await load.wait():
            raise SystemExit("the load failed")

    @asynccontextmanager
    async def _collector(self) -> AsyncIterator[tuple[MqttCollector, Timed]]:
        profile = find("sim-freezer")
        subscriptions = {
            f"lab/{n}": Subscription(layout(f"tank{n}", profile), profile, 600_000)
            for n in range(DEVICES)
        }
        settings = BrokerSettings(
            id="bench",
            host="127.0.0.1",
            port=self._port,
            client_id="bench",
            protocol="5" if self._protocol == "5" else "3.1.1",
        )
        async with Journal(self._folder) as journal:
            timed = Timed(journal)
            clock = AnchoredClock(lambda _step: None)
            collector = MqttCollector(settings, subscriptions, timed, clock)
            task = asyncio.create_task(collector.run(), name="collector")
            try:
                await _until(lambda: collector.stats.connected)
                yield collector, timed
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def measure(messages: int, protocol: str) -> list[Row]:
    """All loads, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with broker(folder) as port:
            bench = Bench(folder, port, protocol)
            rows = [await bench.paced(rate) for rate in RATES]
            rows.append(await bench.flood(messages))
            rows.append(await bench.backlog(BACKLOG))
    return rows


def show(rows: list[Row], protocol: str) -> None:
    """The table for people, and JSON for programs."""
    table = Table(title=f"MQTT {protocol}, QoS 1, acknowledged after fsync, window {WINDOW}")
    columns = ("load", "messages_s", "seconds", "cpu_us", "p50_ms", "p99_ms")
    for column in columns:
        table.add_column(column, justify="left" if column == "load" else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    Console().print(table)
    print(json.dumps({"protocol": protocol, "window": WINDOW, "rows": rows}))


def _cell(value: float | str) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.01)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--protocol", choices=("3.1.1", "5"), default="5")
    given = parser.parse_args()
    search_less()
    show(uvloop.run(measure(given.messages, given.protocol)), given.protocol)


if __name__ == "__main__":
    main()
