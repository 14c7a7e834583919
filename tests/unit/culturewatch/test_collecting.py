"""What the collectors do while the journal takes nothing."""

import asyncio
from pathlib import Path

import pytest

from culturewatch import collecting
from culturewatch.collecting import Collecting
from culturewatch.site import load
from culturewatch.troubles import Troubles
from storage.entry import ClockStep
from storage.journal import Journal
from storage.reader import JournalReader
from tests.unit.storage.samples import scan

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"
HOUR_MS = 3_600_000


def full_with_two(folder: Path) -> Journal:
    """A journal that is full with two entries, which it then commits."""
    return Journal(folder, group_ms=HOUR_MS, group_size=2, max_pending=2)


def collectors(journal: Journal, troubles: Troubles) -> Collecting:
    """Those of the example's site; none of them runs."""
    return Collecting(load(EXAMPLE), journal, troubles, lambda scan: scan)


async def until_it_has(journal: Journal, last: int) -> None:
    async with asyncio.timeout(10):
        while journal.last < last:  # noqa: ASYNC110 # what is waited for gives no event
            await asyncio.sleep(0.002)


async def test_a_step_of_the_clock_waits_for_room_and_goes_before_what_is_stamped_after_it(
    tmp_path: Path,
) -> None:
    async with full_with_two(tmp_path) as journal:
        room = collectors(journal, Troubles())
        room.deliver(scan(0))
        room.deliver(scan(1))
        room.clock._offset -= HOUR_MS
        room.clock.now()
        room.deliver(scan(2))
        assert room.refused == 1
        await until_it_has(journal, 2)
        room.deliver(scan(3))
        await until_it_has(journal, 4)
    with JournalReader(tmp_path) as reader:
        entries = [entry for _, entry in reader.entries(0)]
    step = entries.pop(2)
    assert isinstance(step, ClockStep)
    assert step.step == pytest.approx(HOUR_MS, abs=100)
    assert entries == [scan(0), scan(1), scan(3)]


async def test_that_readings_are_lost_is_told_once_an_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = Troubles()
    async with full_with_two(tmp_path) as journal:
        room = collectors(journal, troubles)
        for n in range(5):
            room.deliver(scan(n))
        assert (room.refused, len(troubles.newest)) == (3, 1)
        monkeypatch.setattr(collecting, "EPISODE_S", 0.0)
        await until_it_has(journal, 2)
        for n in range(3):
            room.deliver(scan(n))
        assert (room.refused, len(troubles.newest)) == (4, 2)
        await until_it_has(journal, 4)
    assert all("readings are being LOST" in line for line in troubles.newest)
