"""A forwarder that runs against a stub, briskly."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from storage.influx import CURSOR, Forwarder, InfluxSettings, Pace
from tests.unit.storage.short_log import ShortLog
from tests.unit.storage.write_stub import WriteStub

SOON_S = 10.0
BRISK = Pace(linger_s=0.02, full_disk_s=0.02, shortest_pause_s=0.02, longest_pause_s=0.05)
TOKEN = "a-token-of-the-lab"  # noqa: S105 - opens nothing


def settings(url: str, *, batch_lines: int = 10, in_flight: int = 2) -> InfluxSettings:
    return InfluxSettings(
        url=url,
        org="lab",
        bucket="readings",
        token=TOKEN,
        batch_lines=batch_lines,
        in_flight=in_flight,
    )


@asynccontextmanager
async def forwarding(
    stub: WriteStub,
    journal: ShortLog,
    *,
    batch_lines: int = 10,
    in_flight: int = 2,
    in_order: bool = False,
) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(
        settings(stub.url, batch_lines=batch_lines, in_flight=in_flight),
        journal,
        site="s",
        pace=BRISK,
        in_order=in_order,
    )
    running = asyncio.create_task(forwarder.run(), name="forwarder")
    try:
        yield forwarder
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():  # noqa: ASYNC110 - the state of a stub has no event
            await asyncio.sleep(0.005)


def at_end(journal: ShortLog) -> Callable[[], bool]:
    return lambda: journal.cursors.get(CURSOR, 0) == journal.last
