"""The task that enters alarms into the ledger: it falls behind without harm, and says so once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from alerts import history
from alerts.schema import open_store
from alerts.transition import Transition, What
from batches.alarm_trail import ALARMS, JOURNAL, noted
from culturewatch import alarm_trail
from culturewatch.alarm_trail import AlarmTrail
from storage.acts import verify_chain
from storage.database import Database
from tests.intruder import Intruder
from tests.outage import Outage

MONDAY = 1_767_596_400_000


def tell(path: Path, first: int, count: int) -> None:
    store = open_store(path)
    for number in range(first, first + count):
        said = Transition(at=MONDAY + number, what=What.SET, rule="inc1-hot", occurrence=number)
        history.append(store, number, said)
    store.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_trail, "EVERY_S", 0.01)
    monkeypatch.setattr(alarm_trail, "AGAIN_S", 0.01)


async def followed(trail: AlarmTrail, until: Callable[[], bool]) -> None:
    """Let it follow until that holds."""
    running = asyncio.create_task(trail.run())
    async with asyncio.timeout(20):
        while not until():  # noqa: ASYNC110 # it has nothing to wait for
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_it_enters_what_was_said_and_notes_the_heads(
    tmp_path: Path, ledger_url: str, intruder: Intruder
) -> None:
    alarms, said = tmp_path / "alarms.db", list[str]()
    tell(alarms, 1, 3)
    trail = AlarmTrail(
        ledger_url, alarms, journal_last=lambda: 812, on_trouble=said.append, now=lambda: MONDAY
    )
    database = Database(ledger_url)
    await followed(trail, lambda: database_has(intruder, 3))
    tell(alarms, 4, 2)
    await followed(trail, lambda: database_has(intruder, 5))
    assert noted(database, JOURNAL) == (812, None)
    first = noted(database, ALARMS)
    assert first is not None
    assert first[0] == 3
    assert said == []
    assert verify_chain(ledger_url) is None


async def test_a_ledger_that_is_away_is_told_of_once_and_caught_up_with(
    tmp_path: Path, ledger_url: str, intruder: Intruder, outage: Outage
) -> None:
    alarms, said = tmp_path / "alarms.db", list[str]()
    tell(alarms, 1, 3)
    outage.begin()
    trail = AlarmTrail(ledger_url, alarms, journal_last=lambda: 1, on_trouble=said.append)
    await followed(trail, lambda: bool(said))
    (line,) = said
    assert line.startswith("alarms are not entered into the ledger for now: ")
    outage.end()
    await followed(trail, lambda: database_has(intruder, 3))
    assert said[1:] == []


def database_has(intruder: Intruder, count: int) -> bool:
    """Whether so many rows were entered."""
    entered = intruder.run("SELECT count(*) FROM alarm_event")
    return entered == [(count,)] and bool(intruder.run("SELECT 1 FROM anchor"))
