"""``python -m bench.idle``: what a core costs that has little to do, and whether it grows (G16).

A core of its own, as ``culturewatch run`` starts it, polls 100 devices once a minute; its CPU time
and memory are those that the system counts. With ``--fast`` each device is polled every second
instead, which is an hour of the other in a minute: what memory grows by is told an hour.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.polling import farm
from tests.services import free_port

DEVICES, SETTLE_S, FIRST_S = 100, 20.0, 8.0
GOAL_CPU, GOAL_MB = 0.5, 80.0
SITE = """
[site]
id = "idle"
name = "Idle"

[[person]]
id = "oncall"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{{ after = "0s", to = ["oncall"] }}]

[console]
port = {console}
"""
DEVICE = """
[[endpoint]]
id = "e{n}"
host = "127.0.0.1"
port = {port}

[[device]]
id = "d{n}"
profile = "wago-750-464"
endpoint = "e{n}"
period = "{period}"
"""
RULES = """
[[rule]]
id = "{device}-silent"
channel = "*.temperature_1"
kind = "silence"
on_delay = "5m"
severity = "high"
policy = "standard"
cause = "The device, its power or the network is down."
consequence = "Nobody knows how the cultures are."
action = "Go and look."
respond_within = "30m"
"""


class Result(NamedTuple):
    """Over ``seconds``: CPU in percent of a core, memory in MB, its growth in the second half."""

    seconds: float
    cpu_percent: float
    rss_mb: float
    grown_mb_an_hour: float


async def measure(seconds: float, period: str) -> Result:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:
        async with farm(DEVICES) as ports:
            site = lay_out(Path(folder), ports, period)
            await begun(site)
            core = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "culturewatch", "core", str(site)
            )
            try:
                return await _watch(psutil.Process(core.pid), seconds)
            finally:
                core.terminate()
                await core.wait()


async def begun(site: Path) -> None:
    """Have a first core make the ledger, for which it needs more than one that starts later."""
    core = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "culturewatch", "core", str(site)
    )
    await asyncio.sleep(FIRST_S)
    core.terminate()
    await core.wait()


async def _watch(process: psutil.Process, seconds: float) -> Result:
    await asyncio.sleep(SETTLE_S)
    began_s, before = time.monotonic(), process.cpu_times()
    await asyncio.sleep(seconds / 2)
    # What is filled once, such as caches, is filled by now.
    half_mb, half_s = process.memory_info().rss / 2**20, time.monotonic()
    await asyncio.sleep(seconds / 2)
    after, took_s = process.cpu_times(), time.monotonic() - began_s
    rss_mb = process.memory_info().rss / 2**20
    cpu_s = after.user + after.system - before.user - before.system
    return Result(
        seconds=round(took_s, 1),
        cpu_percent=round(100 * cpu_s / took_s, 2),
        rss_mb=round(rss_mb, 1),
        grown_mb_an_hour=round((rss_mb - half_mb) * 3600 / (time.monotonic() - half_s), 1),
    )


def lay_out(folder: Path, ports: list[int], period: str) -> Path:
    """The site's files; where its own is."""
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "all.toml").write_text(RULES, encoding="utf-8")
    devices = (DEVICE.format(n=n, port=port, period=period) for n, port in enumerate(ports))
    text = SITE.format(console=free_port()) + "".join(devices)
    (folder / "site.toml").write_text(text, encoding="utf-8")
    return folder / "site.toml"


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--fast", action="store_true", help="poll each device every second")
    arguments = parser.parse_args()
    result = asyncio.run(measure(arguments.seconds, "1s" if arguments.fast else "60s"))
    print(f"G16: {result.cpu_percent} % of a core (goal {GOAL_CPU} %, at 60 s)")
    print(f"     {result.rss_mb} MB (goal {GOAL_MB:g} MB)")
    print(f"     memory grows by {result.grown_mb_an_hour} MB an hour of such polling")
    print(json.dumps(result._asdict()))


if __name__ == "__main__":
    main()
