"""Scenario 67: ten thousand samples in one batch give what they give one by one."""

import sqlite3
from collections.abc import AsyncGenerator

from alerts import history
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.rehearse.memory_journal import MemoryJournal
from alerts.rehearse.player import MEMORY
from alerts.service import AlarmService
from alerts.store import AlarmStore
from storage.entry import Entry, Started
from tests.unit.alerts.engine.lab import HOT, START, rulebook  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own

BOOK = rulebook([HOT])
SAMPLES = 10_000


class OneByOne(MemoryJournal):
    """A log that is followed an entry at a time."""

    async def follow(
        self, after: int, *, wait: bool = True
    ) -> AsyncGenerator[list[tuple[int, Entry]], None]:
        async for batch in super().follow(after, wait=wait):
            for logged in batch:
                yield [logged]


def entries() -> list[Entry]:
    """A sample each 10 s, over the limit for 20 minutes of every hour: 27 whole hours of it."""
    found: list[Entry] = [Started(at=START, version="0", configuration=BOOK.digest)]
    for n in range(SAMPLES):
        at = START + n * 10_000
        found.append(sample(38.5 if n % 360 < 120 else 37.0, at))
    return found


async def judged(journal: MemoryJournal) -> tuple[list[tuple[int, str]], dict[str, bytes]]:
    for entry in entries():
        journal.append(entry)
    engine = Engine(BOOK)
    async with AlarmStore(MEMORY) as store:
        directory = Directory((), BOOK.policies, lambda _: HOT)
        await AlarmService(journal, engine, store, directory, cursor=0).catch_up()

        def told(db: sqlite3.Connection) -> list[tuple[int, str]]:
            assert history.verify(db) is None
            rows: list[tuple[int, str]] = db.execute("SELECT seq, body FROM history").fetchall()
            return rows

        return await store.write(told), engine.dump()


async def test_one_batch_gives_what_single_samples_give() -> None:
    at_once, state = await judged(MemoryJournal())
    singly, other = await judged(OneByOne())
    assert at_once == singly
    assert state == other
    # 10,000 samples of 10 s are 27 hours and 46 minutes: over the limit 28 times, each announced.
    assert sum('"what":"set"' in body for _, body in at_once) == 28
