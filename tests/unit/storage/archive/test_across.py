"""Reading across the seal: the same log, whatever is sealed and whatever the journal still has."""

import shutil
from pathlib import Path

import pytest

from devices.scan import Scan
from storage.archive.log import LogReader
from storage.entry import Entry, Tick
from storage.reader import JournalReader
from storage.waiting import Logged
from tests.unit.storage.archive.week import MINUTE, at_day, entries, remove, seal, store

pytestmark = pytest.mark.long

DAYS = 5
LOG = entries(DAYS, step=6 * MINUTE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days of which nothing is sealed."""
    folder = tmp_path_factory.mktemp("whole")
    store(folder, LOG)
    return folder


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, four days sealed and the journal freed of them."""
    folder = tmp_path_factory.mktemp("sealed")
    store(folder, LOG)
    assert [each.seal.name for each in seal(folder, 4.5)] == [
        "2026-09-22",
        "2026-09-23",
        "2026-09-24",
        "2026-09-25",
    ]
    upto = seal_end(folder)
    with JournalReader(folder) as journal:
        links = [link.seq for link in journal.links(0) if link.seq <= upto]
    # Only whole links of the chain go: what is left can be checked from there.
    assert remove(folder, upto) == links[-1] > 1_000
    assert upto > links[-1]
    return folder


def seal_end(folder: Path) -> int:
    with LogReader(folder) as log:
        return log.segments()[-1].last


def all_of(folder: Path, *, limit: int = 2_000) -> list[Logged]:
    found: list[Logged] = []
    with LogReader(folder) as log:
        while some := log.entries(found[-1][0] if found else 0, limit):
            found += some
        assert log.damaged == {}
    return found


@pytest.mark.parametrize("limit", [1, 7, 2_000])
def test_the_log_is_the_same_entry_by_entry(sealed: Path, limit: int) -> None:
    assert all_of(sealed, limit=limit) == list(enumerate(LOG, 1))


def by_time(log: list[Entry], device: str, start: int, end: int) -> list[Scan]:
    scans = [each for each in log if isinstance(each, Scan) and each.device == device]
    # Sorting is stable: those of one instant stay in the order of the log.
    return sorted((s for s in scans if start <= s.at < end), key=lambda scan: scan.at)


@pytest.mark.parametrize("device", ["inc1", "ln1", "another"])
@pytest.mark.parametrize(
    ("start", "end"),
    [(-2.0, 9.0), (2.9, 3.1), (3.0, 3.0), (2.0, 3.0), (3.0, 4.0), (0.5, 4.5)],
)
def test_scans_come_in_the_order_of_time_without_a_gap_or_a_double(
    sealed: Path, device: str, start: float, end: float
) -> None:
    with LogReader(sealed) as log:
        found = list(log.scans(device, at_day(start), at_day(end)))
        assert log.damaged == {}
    assert found == by_time(LOG, device, at_day(start), at_day(end))


def test_what_was_never_sealed_is_read_from_the_journal_alone(whole: Path) -> None:
    assert all_of(whole) == list(enumerate(LOG, 1))


@pytest.mark.parametrize("kept", ["whole", "sealed"])
def test_what_stands_beside_scans_is_found_on_both_sides(
    kept: str, request: pytest.FixtureRequest
) -> None:
    beside = [each for each in LOG if not isinstance(each, Scan | Tick)]
    assert len(beside) > DAYS
    with LogReader(request.getfixturevalue(kept)) as log:
        assert log.notes() == beside
        assert log.damaged == {}


def test_a_segment_that_is_not_there_is_named_by_whoever_asks_for_what_it_had(
    sealed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sealed, folder)
    gone = folder / "archive" / "2026-09-23.parquet"
    gone.unlink()
    with LogReader(folder) as log:
        found = list(log.scans("inc1", at_day(-2.0), at_day(9.0)))
        assert len(found) < len(by_time(LOG, "inc1", at_day(-2.0), at_day(9.0)))
        assert list(log.damaged.values()) == [f"{gone} is not there"]
    with LogReader(folder) as log:
        log.columns("inc1", at_day(-2.0), at_day(9.0))
        assert list(log.damaged.values()) == [f"{gone} is not there"]
    with LogReader(folder) as log:
        # Of another time, or another device, it says nothing.
        assert list(log.scans("inc1", at_day(2.5), at_day(9.0)))
        assert list(log.scans("nobody", at_day(-2.0), at_day(9.0))) == []
        assert log.damaged == {}


def test_a_segment_that_is_not_there_is_not_missed_while_the_journal_has_it(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    seal(folder, 4.5)
    (folder / "archive" / "2026-09-23.parquet").unlink()
    with LogReader(folder) as log:
        found = list(log.scans("inc1", at_day(-2.0), at_day(9.0)))
        assert found == by_time(LOG, "inc1", at_day(-2.0), at_day(9.0))
        assert log.damaged == {}
