"""A forwarder in a process of its own, to be killed: folder, url, org, bucket, hold, live or run.

With ``hold`` it says ``stored`` after the server has taken a batch and then never moves the
cursor; with ``live`` it takes readings meanwhile, and says ``live`` once the server has some of
them and not yet all of what was in the journal before; with ``run`` it forwards everything and
says ``done``. The token comes on stdin.
"""

import asyncio
import itertools
import sys
import time
from pathlib import Path
from typing import Never

from devices.scan import Layout, Scan
from storage.influx import CURSOR, Forwarder, InfluxSettings, Pace
from storage.journal import Journal


class HoldingJournal(Journal):
    """A journal whose owner dies between the server's answer and the cursor's move."""

    async def advance(self, name: str, seq: int) -> Never:
        print("stored", name, seq, flush=True)  # noqa: T201 - the parent reads it
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


PROBE = Layout("live", ("t",), ("temperature",))


async def take_readings(journal: Journal, forwarder: Forwarder) -> None:
    """Take them for ever, and say when they go out beside a backlog, or that there is none left."""
    told = False
    for n in itertools.count():
        at = time.time_ns() // 1_000_000
        await journal.put(Scan(PROBE, at, at, (float(n),), b"\0"))
        now, written = forwarder.status, n > 20
        if not told and written and now.behind - now.backlog < n:
            told = True
            print("live" if now.backlog else "gone", journal.last, flush=True)  # noqa: T201 # read by the test
        await asyncio.sleep(0.01)


async def main(folder: Path, url: str, org: str, bucket: str, mode: str) -> None:
    settings = InfluxSettings(
        url=url, org=org, bucket=bucket, token=sys.stdin.readline().strip(), batch_lines=200
    )
    kind = HoldingJournal if mode == "hold" else Journal
    async with kind(folder) as journal:
        forwarder = Forwarder(settings, journal, site="lab", pace=Pace(linger_s=0.1))
        running = asyncio.create_task(forwarder.run(), name="forwarder")
        if mode == "live":
            await take_readings(journal, forwarder)
        # A cursor has no event.
        while not running.done() and await journal.cursor(CURSOR) < journal.last:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    print("done", flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
