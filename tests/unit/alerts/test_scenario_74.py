"""Scenario 74: the disk takes nothing; alarms are judged and paged on, and nothing is made up."""

import asyncio
from pathlib import Path

from alerts import configuration
from alerts.emergency import Emergency
from alerts.engine.engine import Engine
from alerts.page import Composer
from alerts.reader import AlarmReader
from alerts.replayed import replay
from alerts.rulebook import Rulebook
from alerts.service import AlarmService
from alerts.store import AlarmStore
from storage.entry import Started
from storage.journal import Journal
from storage.wall import wall_ms
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    POLICY,
    RULE,
    Provider,
    directory,
)
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.plain_judge import ack, sample  # a test's own
from tests.unit.alerts.test_service import shrink, widen  # a test's own

BOOK = Rulebook(rules=(RULE,), policies=(POLICY,), channels=CHANNELS)


async def test_the_engine_pages_from_memory_and_the_history_is_whole_afterwards(
    tmp_path: Path,
) -> None:
    sms, troubles = Provider(), list[str]()
    configuration.keep(tmp_path, BOOK)
    emergency = Emergency({"sms": sms}, Composer(directory(), CHANNELS), directory())
    async with (
        Journal(tmp_path, group_ms=1) as journal,
        AlarmStore(tmp_path / "alarms.db") as store,
    ):
        service = AlarmService(
            journal,
            Engine(BOOK),
            store,
            directory(),
            cursor=0,
            committed=emergency.stored,
            unstored=emergency.take,
            handed=emergency.handed,
            on_trouble=troubles.append,
        )
        await journal.put(Started(at=wall_ms(), version="0", configuration=BOOK.digest))
        parts = [asyncio.create_task(run()) for run in (service.run, emergency.run)]
        await service.caught_up.wait()
        await store.write(shrink)
        for number in range(30):
            at = wall_ms() + number * 10
            await journal.put(sample(38.5, at))
            await journal.put(ack(f"c-{number}", at + 2))
            await journal.put(sample(37.0, at + 4))
        await until(lambda: len(sms.took) >= 1)
        with AlarmReader(tmp_path / "alarms.db") as reader:
            # What the disk has not, is marked nowhere as sent.
            assert not [row for row in reader.pages(limit=1_000) if row.handed is not None]
        assert "pages are sent from memory" in troubles[0]
        assert sms.took[0].may_repeat
        await store.write(widen)
        await until(lambda: service.cursor == journal.last)
        for part in parts:
            part.cancel()
        await asyncio.wait(parts)
    assert "nothing was lost" in troubles[-1]
    found = replay(tmp_path)
    assert found.difference is None
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert sum(one.what.value == "set" for one in reader.told()) == 30
        handed = [row for row in reader.pages(limit=1_000) if row.handed is not None]
    assert 1 <= len(handed) <= len(sms.took)
