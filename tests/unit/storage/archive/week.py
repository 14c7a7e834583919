"""A log of some days with entries of every kind, and what seals it in a test."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from devices.quality import Quality
from devices.scan import Layout, Scan, Source, absent
from storage.archive.days import DAY_MS
from storage.archive.seal import Sealed
from storage.archive.sealer import Heads, Sealer
from storage.chain import Head
from storage.entry import ClockStep, Command, Entry, Receipt, Started, Stopped, Tick
from storage.journal import Journal

MONDAY = 20_718 * DAY_MS
"""2026-09-22, 00:00 UTC."""
MINUTE = 60_000
GROUP = 200
"""So many entries and no more are one commit, so that links of the chain come where they do."""
INCUBATOR = Layout("inc1", ("temperature", "co2"), ("temperature", "co2"))
FREEZER = Layout("ln1", ("level",), ("level",))
WIDER = Layout("ln1", ("level", "lid"), ("level", "state"))
HEADS = Heads(alarms=Head(7, "a" * 64), ledger=Head(3, "b" * 64))


def at_day(day: float) -> int:
    """Epoch ms of ``day`` days after the log begins."""
    return MONDAY + round(day * DAY_MS)


def entries(days: int, *, step: int = 60 * MINUTE) -> list[Entry]:
    """What a small site logs: two devices, people, starts, a set clock, absence, late readings."""
    found: list[Entry] = [Started(at=MONDAY, version="1", configuration="c" * 64)]
    for n, at in enumerate(range(MONDAY, at_day(days), step)):
        found.append(Scan(INCUBATOR, at, at + 40, (37.0 + n % 7 / 10, 5.0), bytes(2)))
        marked = bytes((Quality.SUSPECT, Quality.SENSOR_FAULT))
        if n % 5 == 0:
            found.append(Scan(INCUBATOR, at + 7, at + 47, (-0.0, None), marked))
        layout = FREEZER if n < 30 else WIDER
        found.append(absent(layout, at=at + 9) if n % 6 == 5 else level(layout, at + 9, n))
        if n % 8 == 3:
            late = at - DAY_MS + 500
            found.append(level(layout, late, n, source=Source.BACKFILL, received=at + 11))
        if n % 10 == 4:
            found.append(level(layout, at + 9, n + 1, repeat=True))
        found += others(n, at + 20)
    found.append(Stopped(at=at_day(days) - 1, reason="asked to stop"))
    return found


def level(
    layout: Layout,
    at: int,
    n: int,
    *,
    source: Source = Source.LIVE,
    received: int | None = None,
    repeat: bool = False,
) -> Scan:
    """A level that can be told from others."""
    came = at + 31 if received is None else received
    count = len(layout.keys)
    return Scan(layout, at, came, (80.0 - n / 100,) * count, bytes(count), source, repeat)


def others(n: int, at: int) -> list[Entry]:
    """Now and then what is no scan."""
    match n % 12:
        case 1:
            return [Command(id=f"a{n}", at=at, by="kim", verb="ack", target="r1", via="cli")]
        case 4:
            return [Tick(at), ClockStep(at=at, step=-1_500)]
        case 7:
            return [
                Receipt(
                    id=f"r{n}",
                    at=at,
                    provider="sms",
                    message="page-1",
                    provider_id="x",
                    delivered=True,
                )
            ]
    return []


def store(folder: Path, log: Sequence[Entry]) -> None:
    """Put all of it into the journal."""
    asyncio.run(_store(folder, log))


async def _store(folder: Path, log: Sequence[Entry]) -> None:
    async with Journal(folder) as journal:
        for n, entry in enumerate(log, 1):
            if n % GROUP and n < len(log):
                journal.append(entry)
            else:
                await journal.put(entry)


def seal(folder: Path, day: float) -> list[Sealed]:
    """Seal what is over on ``day``."""
    return Sealer(folder, heads=lambda: HEADS, software="test").seal(at_day(day))


def remove(folder: Path, upto: int) -> int:
    """Take sealed entries out of the journal; how many went."""
    return asyncio.run(_remove(folder, upto))


async def _remove(folder: Path, upto: int) -> int:
    async with Journal(folder) as journal:
        return await journal.remove(upto)
