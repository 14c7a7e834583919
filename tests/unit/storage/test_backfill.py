"""What is filled in later: by the device's own time, and the first value of an instant stands."""

from pathlib import Path

import msgspec
import pytest

from devices.quality import Quality
from devices.scan import Scan, Source, absent
from storage.journal import Journal, Outcome
from storage.reader import JournalReader
from tests.unit.storage.samples import INCUBATOR, NOON, scan


def late(at: int, *values: float | None, received: int = 0) -> Scan:
    """A scan that a device had kept; a missing value is one without an answer."""
    codes = bytes(Quality.NO_ANSWER if value is None else 0 for value in values)
    return Scan(INCUBATOR, at, NOON + 999 + received, values, codes, Source.BACKFILL)


async def filled(folder: Path, *scans: Scan) -> list[Outcome]:
    async with Journal(folder) as journal:
        return [await journal.put(each) for each in scans]


def stored(folder: Path) -> list[Scan]:
    with JournalReader(folder) as reader:
        return list(reader.scans("inc1", 0, NOON + 10_000))


@pytest.mark.parametrize("reopened", [False, True])
async def test_another_value_for_an_instant_is_kept_apart_and_counted(
    tmp_path: Path,
    reopened: bool,  # noqa: FBT001 # pytest names it
) -> None:
    first, other = scan(5), late(NOON + 5, 5.0, 6.0)
    if reopened:
        assert await filled(tmp_path, first) == [Outcome.STORED]
        assert await filled(tmp_path, other) == [Outcome.CONFLICT]
    else:
        async with Journal(tmp_path) as journal:
            journal.append(first)
            assert await journal.put(other) is Outcome.CONFLICT
            assert journal.stats.conflicts == 1
    assert stored(tmp_path) == [first]
    with JournalReader(tmp_path) as reader:
        [kept] = reader.quarantined()
    assert kept.origin == "inc1"
    assert "inc1.co2 5.0, now 6.0" in kept.reason
    assert msgspec.json.decode(kept.payload)["values"] == [5.0, 6.0]


async def test_two_of_one_commit_are_told_apart_as_well(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        outcomes: list[Outcome] = []
        for values in ((1.0, 2.0), (1.0, 2.0), (1.0, 3.0)):
            journal.append(late(NOON, *values), done=outcomes.append)
        await journal.put(scan(9))
    assert outcomes == [Outcome.STORED, Outcome.DUPLICATE, Outcome.CONFLICT]


async def test_the_same_value_again_is_a_duplicate(tmp_path: Path) -> None:
    again = late(NOON + 5, 5.0, 5.0, received=70)
    assert await filled(tmp_path, scan(5), again) == [Outcome.STORED, Outcome.DUPLICATE]


async def test_a_value_where_there_was_none_is_stored(tmp_path: Path) -> None:
    gap, value = absent(INCUBATOR, at=NOON), late(NOON, 37.0, 5.0)
    assert await filled(tmp_path, gap, value) == [Outcome.STORED, Outcome.STORED]
    assert stored(tmp_path) == [gap, value]


async def test_it_comes_in_the_order_of_the_devices_time(tmp_path: Path) -> None:
    await filled(tmp_path, scan(8), late(NOON + 3, 1.0, 2.0), late(NOON + 1, 3.0, 4.0))
    assert [each.at - NOON for each in stored(tmp_path)] == [1, 3, 8]
