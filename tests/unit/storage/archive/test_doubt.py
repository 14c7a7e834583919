"""What of a damaged archive stands in the way of knowing a channel at a time."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage.archive.days import DAY_MS
from storage.archive.doubt import Asked, doubts
from storage.archive.patrol import patrol
from storage.archive.seal import present, read
from storage.reader import JournalReader
from storage.row_sum import summed
from tests.unit.storage.archive.test_check import damage
from tests.unit.storage.archive.week import MINUTE, at_day, entries, seal, store

TUESDAY = "2026-09-22"
"""The first of three sealed days."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    store(folder, entries(4))
    assert len(seal(folder, 3.5)) == 3
    return folder


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    """Three sealed days, of which the journal was freed, and one that is not sealed."""
    data = Path(shutil.copytree(whole, tmp_path / "data"))
    freed(data, max(read(path).seal.last for path in present(data)))
    return data


def freed(data: Path, upto: int) -> None:
    """As ``Journal.remove`` leaves it, which never takes so few."""
    with closing(sqlite3.connect(data / "journal.db")) as db, db:
        db.execute("DELETE FROM removed")
        db.execute("INSERT INTO removed VALUES (?, ?, ?)", summed("removed", 1, upto))
        db.execute("DELETE FROM entry WHERE seq <= ?", (upto,))


def doubted(
    data: Path, day: float, *, channel: str = "inc1.temperature", days: float = 0.5
) -> list[str]:
    device, _, key = channel.partition(".")
    with JournalReader(data) as journal:
        asked = Asked(device, key, at_day(day), at_day(day + days))
        return list(doubts(data, journal, asked))


def a_byte(data: Path) -> None:
    damage(data / "archive" / f"{TUESDAY}.parquet", 200)


def its_footer(data: Path) -> None:
    path = data / "archive" / f"{TUESDAY}.parquet"
    damage(path, path.stat().st_size - 30)


def its_end(data: Path) -> None:
    path = data / "archive" / f"{TUESDAY}.parquet"
    path.write_bytes(path.read_bytes()[:-1])


def its_file(data: Path) -> None:
    (data / "archive" / f"{TUESDAY}.parquet").unlink()


def set_aside(data: Path) -> None:
    its_end(data)
    assert len(patrol(data, at_day(4))) == 1


FILES = [a_byte, its_footer, its_end, its_file, set_aside]


@pytest.mark.parametrize("harm", FILES)
def test_a_damaged_segment_puts_in_doubt_what_its_seal_says_it_held(
    data: Path, harm: Callable[[Path], None]
) -> None:
    assert doubted(data, 0, days=9) == []
    harm(data)
    (why,) = doubted(data, 0.2)
    assert f"{TUESDAY}.parquet: is not " in why
    assert doubted(data, -0.5) == []
    assert doubted(data, 1) == []
    assert doubted(data, 1 - MINUTE / DAY_MS) == [], "nothing was read in its last minute"
    assert doubted(data, 0.9, days=0.2, channel="inc2.temperature") == []
    assert doubted(data, 0.2, channel="inc1.humidity") == []
    # Late readings of the freezer of the day before came on that day.
    assert len(doubted(data, -1, channel="ln1.level", days=1)) == 1
    assert doubted(data, 0.2, channel="ln1.lid") == []
    assert doubted(data, 1.5, channel="ln1.lid") == []


def test_what_the_journal_still_has_is_not_in_doubt(data: Path, whole: Path) -> None:
    shutil.copy(whole / "journal.db", data / "journal.db")
    set_aside(data)
    assert doubted(data, 0.2) == []
    freed(data, 1)
    assert len(doubted(data, 0.2)) == 1


def seal_of(data: Path) -> Path:
    return data / "archive" / f"{TUESDAY}.seal.json"


def a_seal(data: Path) -> None:
    seal_of(data).write_bytes(seal_of(data).read_bytes()[:-40])


def a_seal_is_gone(data: Path) -> None:
    seal_of(data).unlink()


def another_time(data: Path) -> None:
    """As if it held nothing of that day."""
    raw = seal_of(data).read_bytes()
    start = str(read(seal_of(data)).seal.runs[0].start).encode()
    assert start in raw
    seal_of(data).write_bytes(raw.replace(start, start[:-3] + b"999"))


@pytest.mark.parametrize("harm", [a_seal, a_seal_is_gone, another_time])
def test_without_its_seal_all_before_the_next_one_was_made_is_in_doubt(
    data: Path, harm: Callable[[Path], None]
) -> None:
    harm(data)
    for day, channel in ((0.2, "inc1.temperature"), (-900, "inc9.co2"), (3.4, "ln1.lid")):
        (why,) = doubted(data, day, channel=channel)
        assert "no segment has entries 1 to " in why or "was changed since" in why
    # It is not of a time that came after it.
    assert doubted(data, 3.6) == []


def test_the_last_seal_is_missed_as_well(data: Path) -> None:
    present(data)[-1].unlink()
    (why,) = doubted(data, 900, channel="inc9.co2")
    assert "no segment has entries " in why


def test_a_seal_that_is_gone_matters_not_while_the_journal_has_it_all(
    data: Path, whole: Path
) -> None:
    shutil.copy(whole / "journal.db", data / "journal.db")
    seal_of(data).unlink()
    assert doubted(data, 0.2) == []


@pytest.mark.parametrize("harm", [set_aside, a_seal, a_seal_is_gone])
def test_a_journal_that_was_begun_anew_has_none_of_it(
    data: Path, harm: Callable[[Path], None]
) -> None:
    for path in data.glob("journal.*"):
        path.unlink()
    store(data, entries(9)[-99:])
    assert doubted(data, 0, days=9) == []
    assert len(seal(data, 9.5)) > 0
    assert doubted(data, 0, days=9) == []
    harm(data)
    assert len(doubted(data, 0.2)) == 1
