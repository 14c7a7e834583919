"""``python -m bench.journal``: what the durable journal costs.

Each line is one run in a fresh folder: scans of 40 values from 1,000 devices, decoded from the
bytes of a Modbus answer and handed in at a pace or as fast as it goes, while one consumer
follows. CPU is that of the whole process, as a share of one core. Latency is from handing in to
the callback after the commit. ``points`` are values.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import NamedTuple

from devices.codec import Decoder
from devices.document import parse
from devices.plan import plan
from devices.profile import Profile
from devices.profile import layout as make_layout
from devices.scan import Layout, Scan
from storage.entry import Tick
from storage.journal import Journal, JournalFullError, Outcome

DEVICES, CHANNELS = 1_000, 40
TICK_S = 0.01
KINDS = (("i16", "scale = 0.1"), ("f32", "scale = 1.0"))
NOW = 1_790_000_000_000


class Run(NamedTuple):
    """One line of the table; latency is from handing in to the callback after the commit."""

    name: str
    scans_per_s: float
    points_per_s: float
    cpu_share: float
    us_per_scan: float
    commit_p50_ms: float
    commit_p99_ms: float
    rss_mb: float
    written_mb_per_s: float


class Latency:
    """Remembers how long each commit took to be known."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seen: list[float] = []

    def done(self) -> Callable[[Outcome], None]:
        """A callback for an entry that is handed in now."""
        began = time.perf_counter()
        return lambda _: self.seen.append(time.perf_counter() - began)

    def at(self, share: float) -> float:
        """Milliseconds within which ``share`` of them were known."""
        return sorted(self.seen)[int(share * (len(self.seen) - 1))] * 1000


def _channel(index: int) -> str:
    kind, width = KINDS[index % len(KINDS)]
    return f"""
[[channels]]
key = "channel_{index}"
quantity = "temperature"
unit = "degC"
resolution = 0.1
range = [-200.0, 200.0]
source = {{ via = "modbus", table = "holding", address = {index * 2}, type = "{kind}", {width} }}
"""


PROFILE: Profile = parse(
    'model = "Forty values"\nmaker = "nobody"\nmanual = "this benchmark"\nperiod = "1s"\n'
    "[modbus]\n" + "".join(map(_channel, range(CHANNELS))),
    Profile,
    name="forty values",
)


def make_layouts() -> list[Layout]:
    """One layout a device."""
    return [make_layout(f"device{n}", PROFILE) for n in range(DEVICES)]


def scan_maker() -> Callable[[Layout, int], Scan]:
    """What makes a scan out of the bytes of an answer."""
    blocks = plan(PROFILE).blocks
    decoder = Decoder(PROFILE, blocks)
    # 37.0 as a float in the odd pairs of registers, 0.1 x 256 = 25.6 in the even ones.
    answer = b"".join(pack(">f", 37.0) if n % 2 else pack(">HH", 256, 0) for n in range(CHANNELS))
    parts = [answer[block.address * 2 :][: block.size] for block in blocks]

    def make(layout: Layout, at: int) -> Scan:
        values, qualities = decoder.decode(parts)
        return Scan(layout, at, at, values, qualities)

    return make


async def hand_in(journal: Journal, latency: Latency, rate: int | None, seconds: float) -> int:
    """Hand in scans for a while; how many."""
    layouts, make = make_layouts(), scan_maker()
    loop = asyncio.get_running_loop()
    began, count = loop.time(), 0
    while (now := loop.time() - began) < seconds:
        due = int(now * rate) if rate is not None else count + 500
        try:
            while count < due:
                layout = layouts[count % DEVICES]
                at = NOW + count
                journal.append(make(layout, at), done=latency.done() if count % 20 == 0 else None)
                count += 1
        except JournalFullError:
            await asyncio.sleep(TICK_S)
        await asyncio.sleep(TICK_S if rate is not None else 0)
    await journal.put(Tick(NOW))
    return count


async def follow(journal: Journal) -> None:
    """The consumer that keeps up."""
    async for _ in journal.follow(0):
        pass


async def run(name: str, rate: int | None, seconds: float) -> Run:
    """One line of the table."""
    latency = Latency()
    with tempfile.TemporaryDirectory() as folder:
        async with Journal(Path(folder)) as journal, asyncio.TaskGroup() as tasks:
            consumer = tasks.create_task(follow(journal), name="consumer")
            began, cpu, written = time.perf_counter(), time.process_time(), bytes_written()
            count = await hand_in(journal, latency, rate, seconds)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
            consumer.cancel()
    return Run(
        name=name,
        scans_per_s=count / took,
        points_per_s=count * CHANNELS / took,
        cpu_share=cpu / took,
        us_per_scan=cpu / count * 1e6,
        commit_p50_ms=latency.at(0.5),
        commit_p99_ms=latency.at(0.99),
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        written_mb_per_s=(bytes_written() - written) / took / 1e6,
    )


def bytes_written() -> int:
    """Bytes that this process had the kernel write to disk."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["wchar"])


def main() -> None:
    """Run all lines and print them, as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    runs = []
    print("  ".join(f"{field:>16}" for field in Run._fields))
    for name, rate in (("1,000 scans/s", 1_000), ("5,000 scans/s", 5_000), ("flat out", None)):
        line = asyncio.run(run(name, rate, seconds))
        print("  ".join(f"{v:16,.2f}" if isinstance(v, float) else f"{v:>16}" for v in line))
        runs.append(line._asdict())
    print(json.dumps(runs))


if __name__ == "__main__":
    main()
