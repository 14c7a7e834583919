"""``python -m bench.pages``: how long a page takes while 1,000 channels report every second.

Real journal, engine, store and outbox in this process; the mail server on loopback in another.
A second of load is one scan of each of 100 devices with ten channels, each channel under a high
rule; some channels go over their limit each second and return in the next. Latency is from the
arrival of the reading to the row of the outbox on disk, and to the mail server's ``250``.
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from alerts.channel import ChannelSpec
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Outbox
from alerts.page import Composer
from alerts.policy import Person, Policy, Step
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.service import AlarmService
from alerts.store import AlarmStore
from devices.duration import Duration
from devices.scan import Layout, Scan
from storage.entry import Tick
from storage.journal import Journal
from storage.wall import wall_ms

DEVICES, CHANNELS = 100, 10
KEYS = tuple(f"channel_{n}" for n in range(CHANNELS))
LAYOUTS = [Layout(f"device_{n}", KEYS, ("temperature",) * CHANNELS) for n in range(DEVICES)]
NORMAL, OVER = 37.0, 39.0
GOAL_ROW_MS, GOAL_MAIL_MS = 500, 2_000
SETTLE_S = 60.0


class Lag(NamedTuple):
    """Milliseconds, of how many pages."""

    name: str
    pages: int
    p50: float
    p99: float
    worst: float
    goal_ms: int


class Load(NamedTuple):
    """What is put on it."""

    seconds: int
    alarms_per_s: int
    flood: int


def rulebook() -> Rulebook:
    """A high rule on each channel, all for one person."""
    channels = [name for layout in LAYOUTS for name in layout.channels]
    return Rulebook(
        rules=tuple(
            Rule(
                id=f"{name}-high",
                channel=name,
                kind="high",
                limit=38.0,
                deadband=0.2,
                severity="critical",
                policy="standard",
                cause="door open",
                consequence="cells die above 39 °C",
                action="close the door",
                respond_within=Duration(1_800_000),
            )
            for name in channels
        ),
        policies=(Policy(id="standard", steps=(Step(after=Duration(0), to=("A",)),)),),
        channels=tuple(
            ChannelSpec(id=name, quantity="temperature", period_ms=1_000, resolution=0.01)
            for name in channels
        ),
    )


@asynccontextmanager
async def mail_sink() -> AsyncIterator[int]:
    """The port of a mail server in another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.mail_sink",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdout is None:
        raise RuntimeError("the mail sink has no output")
    try:
        yield int(await process.stdout.readline())
    finally:
        await process.communicate(b"")


async def feed(journal: Journal, load: Load) -> None:
    """The load, on the beat; alarms are spread over the second, the flood comes at its end."""
    chance = random.Random(7)
    over: set[tuple[int, int]] = set()
    begun = time.monotonic()
    for second in range(load.seconds + 1):
        count = load.flood if second == load.seconds else load.alarms_per_s
        picked = chance.sample(range(DEVICES * CHANNELS), count)
        over = {divmod(number, CHANNELS) for number in picked}
        for number, layout in enumerate(LAYOUTS):
            values = tuple(OVER if (number, n) in over else NORMAL for n in range(CHANNELS))
            now = wall_ms()
            journal.append(Scan(layout, now, now, values, bytes(CHANNELS)))
            due = begun + second + number / DEVICES
            if second < load.seconds and (ahead := due - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
    await journal.put(Tick(wall_ms()))


async def measure(folder: Path, load: Load) -> tuple[list[Lag], float]:
    """Run the load; the lags, and the share of one core this process took."""
    book = rulebook()
    rules = {rule.id: rule for rule in book.rules}
    person = Person(id="A", name="Ada", channels=("mail",), addresses={"mail": "a@lab.example"})
    people = Directory([person], book.policies, rules.get)
    async with (
        mail_sink() as port,
        Journal(folder) as journal,
        AlarmStore(folder / "alarms.db") as store,
    ):
        server = MailServer(host="127.0.0.1", port=port, sender="w@lab.example", security="none")
        outbox = Outbox(
            store, {"mail": MailNotifier(server)}, Composer(people, book.channels), people
        )
        service = AlarmService(
            journal, Engine(book), store, people, cursor=0, committed=lambda _: outbox.wake()
        )
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(service.run(), name="service"),
                tasks.create_task(outbox.run(), name="outbox"),
            ]
            cpu, begun = time.process_time(), time.monotonic()
            await feed(journal, load)
            share = (time.process_time() - cpu) / (time.monotonic() - begun)
            await drained(folder / "alarms.db", journal, service)
            for task in running:
                task.cancel()
        return lags(folder / "alarms.db", service.lags_ms, load), share


async def drained(path: Path, journal: Journal, service: AlarmService) -> None:
    """Wait until nothing waits any more."""
    end = time.monotonic() + SETTLE_S
    while service.cursor < journal.last or await asyncio.to_thread(waiting, path):
        if time.monotonic() > end:
            raise TimeoutError(f"pages still wait after {SETTLE_S:g} s")
        await asyncio.sleep(0.05)


def waiting(path: Path) -> bool:
    """Whether pages are not handed over."""
    with AlarmReader(path) as reader:
        return reader.counts().waiting > 0


def lags(path: Path, to_row: Sequence[int], load: Load) -> list[Lag]:
    """The table: rows, hand-overs under the steady load, and those of the flood."""
    with AlarmReader(path) as reader:
        handed = reader.lags_ms()[::-1]
    steady, flood = handed[: -load.flood or None], handed[len(handed) - load.flood :]
    return [
        lag("arrival → outbox row on disk", to_row, GOAL_ROW_MS),
        lag("arrival → handed to SMTP", steady, GOAL_MAIL_MS),
        lag(f"the same, {load.flood} alarms in one instant", flood, 0),
    ]


def lag(name: str, found: Sequence[int], goal_ms: int) -> Lag:
    """Percentiles of a row of the table."""
    if not found:
        return Lag(name, 0, 0, 0, 0, goal_ms)
    ordered = sorted(found)
    p50, p99, worst = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99, 1.0))
    return Lag(name, len(ordered), p50, p99, worst, goal_ms)


def main() -> None:
    """Measure, print a table and JSON; exit 1 when a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seconds", type=int, default=20)
    options.add_argument("--alarms", type=int, default=10, help="alarms a second")
    options.add_argument("--flood", type=int, default=100, help="alarms in the last instant")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        load = Load(given.seconds, given.alarms, given.flood)
        found, share = asyncio.run(measure(Path(folder), load))
    table = Table("", "pages", "p50 ms", "p99 ms", "worst ms", "goal p99 ms")
    for row in found:
        table.add_row(row.name, *(f"{n:.0f}" for n in row[1:5]), f"{row.goal_ms or '-'}")
    Console().print(table)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    more = {"cpu_share": round(share, 3), "rss_mb": round(rss_mb), **load._asdict()}
    print(json.dumps({"lags": [row._asdict() for row in found], **more}))
    sys.exit(any(row.goal_ms and row.p99 > row.goal_ms for row in found))


if __name__ == "__main__":
    main()
