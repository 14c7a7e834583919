"""Sealing: each day once, lossless, wherever it is killed, and never what cannot be read back."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.scan import Layout, Scan
from storage import consistency
from storage.archive import sealer
from storage.archive.columns import bodies, columns
from storage.archive.days import DAY_MS, GRACE_MS
from storage.archive.draft import Draft, contents_of
from storage.archive.log import LogReader
from storage.archive.seal import ArchiveError, present, seals
from storage.entry import Entry
from storage.links import Link
from storage.pack import NOTE, body, checksum
from storage.reader import JournalReader, Row
from storage.row_sum import summed
from storage.waiting import Logged
from tests.unit.storage.archive.week import (
    HEADS,
    INCUBATOR,
    MINUTE,
    MONDAY,
    at_day,
    entries,
    seal,
    store,
)
from tests.unit.storage.samples import ENTRIES

LOG = entries(3)


def all_of(folder: Path) -> list[Logged]:
    found: list[Logged] = []
    with LogReader(folder) as log:
        while some := log.entries(found[-1][0] if found else 0):
            found += some
        assert log.damaged == {}
    return found


def as_rows(log: list[Entry]) -> tuple[list[Row], dict[int, Layout]]:
    """Entries as the journal would hold them."""
    numbers: dict[Layout, int] = {}
    rows = []
    for seq, entry in enumerate(log, 1):
        layout = NOTE
        if isinstance(entry, Scan):
            layout = numbers.setdefault(entry.layout, len(numbers) + 1)
        packed = body(entry)
        crc = checksum(seq, layout, entry.at, packed)
        rows.append((seq, layout, entry.at, crc, packed))
    return rows, {number: layout for layout, number in numbers.items()}


@given(st.lists(ENTRIES, max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_an_entry_says_comes_out_of_a_segment_to_the_last_bit(log: list[Entry]) -> None:
    rows, layouts = as_rows(log)
    width = max((len(layout.keys) for layout in layouts.values()), default=0)
    found, damaged = columns(rows, layouts, width)
    assert damaged == {}
    assert sorted(zip(found.seq.tolist(), bodies(found, layouts), strict=True)) == [
        (row[0], row[4]) for row in rows
    ]


@pytest.mark.long
@given(st.lists(ENTRIES, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_and_out_of_its_file(tmp_path_factory: pytest.TempPathFactory, log: list[Entry]) -> None:
    rows, layouts = as_rows(log)
    path = tmp_path_factory.mktemp("file") / "x.parquet"
    draft = Draft(path, layouts)
    draft.add(rows)
    draft.close()
    assert contents_of(path, layouts, draft.parts) == (len(log), draft.contents)


def test_a_day_is_sealed_once_and_only_when_it_is_over(tmp_path: Path) -> None:
    store(tmp_path, LOG[:67])
    assert seal(tmp_path, 1 - 1 / DAY_MS) == []
    # What came in the last moment of the day may still be on its way to the disk.
    assert seal(tmp_path, 1 + (GRACE_MS - 1) / DAY_MS) == []
    [first] = seal(tmp_path, 1 + GRACE_MS / DAY_MS)
    assert first.seal.name == "2026-09-22"
    assert seal(tmp_path, 1.5) == []
    assert len(present(tmp_path)) == 1


def test_a_day_of_which_no_entry_is_whole_is_sealed_as_lost_and_the_next_ones_follow(
    tmp_path: Path,
) -> None:
    store(tmp_path / "whole", LOG)
    shutil.copytree(tmp_path / "whole", tmp_path / "harmed")
    last = seal(tmp_path / "whole", 4)[0].seal.last
    with closing(sqlite3.connect(tmp_path / "harmed" / "journal.db")) as db, db:
        db.execute("UPDATE entry SET crc = crc + 1 WHERE seq <= ?", (last,))
    one, two, *_ = seal(tmp_path / "harmed", 4)
    assert (one.seal.last, one.seal.entries, one.seal.runs) == (last, 0, ())
    assert [seq for seq, _ in one.seal.damaged] == list(range(1, last + 1))
    assert (two.seal.first, two.seal.previous) == (last + 1, one.sha256)
    with LogReader(tmp_path / "harmed") as log:
        assert log.entries(0, 1)[0][0] == last + 1


def test_late_readings_go_into_the_segment_of_the_day_they_came_on(tmp_path: Path) -> None:
    late = Scan(INCUBATOR, MONDAY + 5, at_day(1) + 7, (1.0, 2.0), bytes(2))
    store(tmp_path, [LOG[0], Scan(INCUBATOR, at_day(1), at_day(1) + 3, (3.0, 4.0), bytes(2)), late])
    first, second = seal(tmp_path, 2.5)
    assert (first.seal.entries, second.seal.entries) == (1, 2)
    with LogReader(tmp_path) as log:
        assert [scan.at for scan in log.scans("inc1", MONDAY, at_day(9))] == [late.at, at_day(1)]


def test_a_clock_that_was_wrong_for_a_while_makes_days_of_its_own_and_loses_nothing(
    tmp_path: Path,
) -> None:
    def at(when: int) -> Scan:
        return Scan(INCUBATOR, when, when, (37.0, 5.0), bytes(2))

    # Right, ten years ahead, right, booted at 1970, right.
    log: list[Entry] = [
        at(when) for when in (MONDAY, at_day(3_650), MONDAY + 9, 5, MONDAY + 20, at_day(1))
    ]
    store(tmp_path, log)
    names = [each.seal.name for each in seal(tmp_path, 1.5)]
    assert names == ["2026-09-22", "2036-09-19", "2026-09-22_2", "1970-01-01", "2026-09-22_3"]
    assert all_of(tmp_path) == list(enumerate(log, 1))


def test_each_seal_names_the_one_before_and_the_heads_of_the_other_chains(tmp_path: Path) -> None:
    store(tmp_path, LOG)
    first, second = seal(tmp_path, 2.5)
    assert second.seal.previous == first.sha256
    assert (second.seal.alarms, second.seal.ledger) == HEADS
    assert second.seal.first == first.seal.last + 1
    assert second.seal.journal is not None
    assert second.seal.journal.sequence == second.seal.last


def test_what_cannot_be_read_back_is_not_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, LOG)
    # A disk that gives back other bytes than it was given.
    monkeypatch.setattr(sealer, "contents_of", lambda *_: (1, "0" * 64))
    with pytest.raises(ArchiveError, match="read back"):
        seal(tmp_path, 2.5)
    assert present(tmp_path) == []


def test_two_never_seal_at_once(tmp_path: Path) -> None:
    store(tmp_path, LOG)
    (tmp_path / "archive").mkdir()
    with sealer._alone(tmp_path / "archive"), pytest.raises(ArchiveError, match="another process"):
        seal(tmp_path, 2.5)


SEAL_AND_DIE = """
import os, sys
from pathlib import Path
from tests.unit.storage.archive.week import seal

left, where = int(sys.argv[2]), sys.argv[3]

def step(event, arguments):
    global left
    if event == where and "archive" in str(arguments[0]):
        if not left:
            os._exit(9)
        left -= 1

sys.addaudithook(step)
seal(Path(sys.argv[1]), 2.5)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("where", "step"),
    [("os.rename", step) for step in range(6)] + [("open", step) for step in range(0, 26, 3)],
)
def test_wherever_it_is_killed_each_day_is_sealed_once_and_nothing_is_lost(
    tmp_path: Path, where: str, step: int
) -> None:
    store(tmp_path, LOG)
    arguments = [sys.executable, "-c", SEAL_AND_DIE, str(tmp_path), str(step), where]
    # The program stands above.
    died = subprocess.run(arguments, timeout=50, check=False, capture_output=True)  # noqa: S603
    assert died.returncode == 9, died.stderr.decode()
    before = [each.seal.name for each in seals(tmp_path)]
    assert all_of(tmp_path) == list(enumerate(LOG, 1))

    seal(tmp_path, 2.5)
    names = [each.seal.name for each in seals(tmp_path)]
    assert names == ["2026-09-22", "2026-09-23"]
    assert names[: len(before)] == before
    assert sorted(path.name for path in (tmp_path / "archive").iterdir()) == sorted(
        ["archive.lock"]
        + [f"{name}.{kind}" for name in names for kind in ("parquet", "seal.json", "sums.parquet")]
    )
    assert all_of(tmp_path) == list(enumerate(LOG, 1))


def test_a_backlog_is_read_once_however_far_back_the_chain_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, entries(9))
    with JournalReader(tmp_path) as journal:
        assert [link.seq for link in journal.links(-1)] == [0]
    read: Counter[int] = Counter()

    class Counting(JournalReader):
        def rows(self, after: int, limit: int) -> list[Row]:
            found = super().rows(after, limit)
            read.update(row[0] for row in found)
            return found

    monkeypatch.setattr(sealer, "JournalReader", Counting)
    monkeypatch.setattr(sealer, "_AT_ONCE", 10)
    assert len(seal(tmp_path, 9.5)) == 9
    # For its segment, and near the end of a day once more or twice to find that end.
    assert max(read[seq] for seq in range(1, max(read))) <= 3


def test_a_backlog_sealed_in_parts_is_to_the_byte_what_one_run_makes(tmp_path: Path) -> None:
    log = entries(7)
    store(tmp_path, log[:300])
    store(tmp_path, log[300:])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE entry SET at = at + 1 WHERE seq = 100")
        link = Link(250, b"?" * 32)
        db.execute("INSERT INTO link VALUES (?, ?, ?)", summed("link", *link))
    parts, whole = shutil.copytree(tmp_path, tmp_path / "parts"), tmp_path
    made = [each.seal for each in seal(whole, 7.5)]
    assert [each.altered for each in made if each.altered] == [((0, 250),)]
    for days in range(1, 8):
        left = [HEADS]
        # Asked for more, it breaks off.
        broken = pytest.raises(IndexError) if days < len(made) else nullcontext()
        with broken:
            sealer.Sealer(parts, heads=left.pop, software="test").seal(at_day(7.5))
        assert len(seals(parts)) == days
    assert files(parts) == files(whole)


def test_a_link_that_is_kept_while_a_backlog_is_sealed_is_held_against_it(tmp_path: Path) -> None:
    store(tmp_path, LOG)

    def heads() -> sealer.Heads:
        """A core keeps a link meanwhile; the first of them is not what stands there."""
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
            link = summed("link", 100, b"?" * 32)
            db.execute("INSERT OR IGNORE INTO link VALUES (?, ?, ?)", link)
        return HEADS

    made = [each.seal for each in sealer.Sealer(tmp_path, heads=heads, software="").seal(at_day(4))]
    assert [(each.last < 100, each.altered) for each in made[:2]] == [
        (True, ()),
        (False, ((0, 100),)),
    ]


def files(folder: Path) -> dict[str, bytes]:
    """What the archive in a folder of data is made of."""
    found = (folder / "archive").iterdir()
    return {path.name: path.read_bytes() for path in found if path.suffix != ".part"}


def test_what_a_version_without_a_chain_wrote_is_not_taken_for_altered(tmp_path: Path) -> None:
    log = entries(3, step=6 * MINUTE)
    store(tmp_path, log[:700])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.executescript("DROP TABLE link; DROP TABLE removed; PRAGMA user_version = 1")
    (tmp_path / "journal.floor").unlink()
    store(tmp_path, log[700:])
    with JournalReader(tmp_path) as journal:
        begun, *later = [link.seq for link in journal.links(-1)]
    assert begun == 700
    assert later
    assert [each for each in consistency.check(tmp_path) if not isinstance(each, str)] == []
    made = [each.seal for each in seal(tmp_path, 3.5)]
    assert {each.altered for each in made} == {()}
    assert [each.journal is not None for each in made] == [each.last >= begun for each in made]


def test_a_full_disk_leaves_nothing_that_passes_for_a_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, LOG)

    def full(_: Path) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(sealer, "place", full)
    with pytest.raises(OSError, match="No space"):
        seal(tmp_path, 2.5)
    assert present(tmp_path) == []
    monkeypatch.undo()
    assert len(seal(tmp_path, 2.5)) == 2
    assert all_of(shutil.copytree(tmp_path, tmp_path / "copy")) == list(enumerate(LOG, 1))
