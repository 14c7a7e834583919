"""``python -m bench.soak``: whether a core's memory grows, in many hours made short (G16).

A core of its own polls 100 devices ten times a second: three minutes of it are half an hour of
polling each second, and thirty hours of polling once a minute. Its memory is told every few
seconds. What fills once (caches, the tail of the log, the allocator's own) fills in the first
half; what leaks is what the second half grows by.
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

from bench.idle import DEVICES, begun, lay_out
from bench.polling import farm

HZ, LOOK_S, SETTLE_S = 10, 10.0, 10.0


class Sample(NamedTuple):
    """After so many seconds: resident memory in MB, and processor seconds so far."""

    after_s: float
    rss_mb: float
    cpu_s: float


async def soak(seconds: float) -> list[Sample]:
    """One run; each sample is printed as it is taken."""
    with tempfile.TemporaryDirectory() as folder:
        async with farm(DEVICES) as ports:
            site = lay_out(Path(folder), ports, f"{1 / HZ:g}s")
            await begun(site)
            core = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "culturewatch", "core", str(site)
            )
            try:
                return await _watch(psutil.Process(core.pid), seconds)
            finally:
                core.terminate()
                await core.wait()


async def _watch(process: psutil.Process, seconds: float) -> list[Sample]:
    await asyncio.sleep(SETTLE_S)
    began_s, samples = time.monotonic(), list[Sample]()
    while not samples or samples[-1].after_s < seconds:
        cpu = process.cpu_times()
        after_s = time.monotonic() - began_s
        rss_mb = process.memory_info().rss / 2**20
        samples.append(Sample(round(after_s, 1), round(rss_mb, 2), cpu.user + cpu.system))
        print(
            f"{after_s:6.0f} s = {after_s * HZ / 60:5.1f} min at 1 Hz: {rss_mb:6.1f} MB", flush=True
        )
        await asyncio.sleep(min(LOOK_S, max(0.1, seconds - after_s)))
    return samples


def main() -> None:
    """Soak for as long as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    samples = asyncio.run(soak(parser.parse_args().seconds))
    half = samples[len(samples) // 2]
    last = samples[-1]
    hours = (last.after_s - half.after_s) * HZ / 3600
    grown_mb = round((last.rss_mb - half.rss_mb) / hours, 2) if hours else 0.0
    print(f"G16: {last.rss_mb:.1f} MB; the second half grew by {grown_mb} MB an hour at 1 Hz")
    print(f"     ({grown_mb / 60:.3f} MB an hour of polling once a minute)")
    print(json.dumps({"grown_mb_an_hour_at_1_hz": grown_mb, "samples": samples}))


if __name__ == "__main__":
    main()
