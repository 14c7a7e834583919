"""A backup is one state, linked where nothing changed, and put back whole or not at all."""

import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from storage.archive.seal import seals
from storage.backup.making import Source, What, make
from storage.backup.manifest import NAME, BackupError, read
from storage.backup.restoring import check, restore
from storage.journal import Journal
from storage.reader import JournalReader, Row
from tests.unit.storage.archive.week import (
    FREEZER,
    MINUTE,
    at_day,
    entries,
    level,
    remove,
    seal,
    store,
)

pytestmark = pytest.mark.long


LOG = entries(3, step=6 * MINUTE)
NOW = at_day(3)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data of three days, two of them sealed."""
    folder = tmp_path_factory.mktemp("stored")
    store(folder, LOG)
    seal(folder, 2.5)
    (folder / "rules").mkdir()
    (folder / "rules" / "a.json").write_text("{}")
    (folder / "secrets").mkdir(mode=0o700)
    (folder / "secrets" / "token.key").write_bytes(bytes(32))
    (folder / "secrets" / "token.key").chmod(0o600)
    (folder / "secrets" / "patients").mkdir()
    (folder / "secrets" / "patients" / "one").write_bytes(b"k" * 32)
    return folder


@pytest.fixture
def lab(stored: Path, tmp_path: Path) -> What:
    shutil.copytree(stored, tmp_path / "lab" / "data")
    site = tmp_path / "lab" / "site.toml"
    site.write_text("# a site\n")
    return What(
        site="lab",
        software="1",
        site_file="site.toml",
        data=tmp_path / "lab" / "data",
        data_name="data",
        files=(Source("site.toml", site),),
        apart=(tmp_path / "lab" / "data" / "secrets" / "patients",),
    )


def files_below(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in sorted(found.items())}


def shape(folder: Path) -> dict[str, int]:
    """Names and modes of what stands in a folder."""
    return {p.relative_to(folder).as_posix(): p.stat().st_mode & 0o777 for p in folder.rglob("*")}


def journal_of(data: Path) -> list[Row]:
    with JournalReader(data, copy=True) as journal:
        return list(journal.rows(0, 100_000))


def test_what_is_put_back_is_what_was_there(lab: What, out: Path, tmp_path: Path) -> None:
    made = make(lab, out, now=NOW)
    assert made.faults == ()
    assert made.path.name == "2026-09-25T000000.000Z"
    assert check(made.path)[1] == []
    restore(made.path, tmp_path / "new")
    was, now = files_below(lab.data), files_below(tmp_path / "new" / "data")
    passing = {
        "journal.db-shm",
        "journal.db-wal",
        "journal.lock",
        "archive/archive.lock",
        "secrets/patients/one",
    }
    assert now.keys() <= was.keys()
    assert was.keys() - now.keys() <= passing
    # The copy of a database is not the same bytes, but holds the same.
    assert {n for n in now if now[n] != was[n]} <= {"journal.db"}
    assert journal_of(tmp_path / "new" / "data") == journal_of(lab.data)
    assert (tmp_path / "new" / "site.toml").read_text() == "# a site\n"
    kept = shape(lab.data)
    for name, mode in shape(tmp_path / "new" / "data").items():
        assert mode == kept[name], name


def test_a_core_goes_on_from_what_was_put_back(lab: What, out: Path, tmp_path: Path) -> None:
    made = make(lab, out, now=NOW)
    restore(made.path, tmp_path / "new")
    data = tmp_path / "new" / "data"
    before = journal_of(data)
    store(data, [level(FREEZER, NOW + 5, 1)])
    assert journal_of(data)[: len(before)] == before
    assert [row[0] for row in journal_of(data)][-1] == before[-1][0] + 1


def test_unchanged_files_are_linked_to_the_backup_before(lab: What, out: Path) -> None:
    first, second = make(lab, out, now=NOW), make(lab, out, now=NOW + 1)
    name = f"data/archive/{seals(lab.data)[0].entries.name}"
    assert (first.path / name).samefile(second.path / name)
    assert not (first.path / "data/journal.db").samefile(second.path / "data/journal.db")
    assert first.total_bytes == first.new_bytes
    changed = sum(
        (second.path / "data" / n).stat().st_size for n in ("journal.db", "journal.floor")
    )
    assert second.new_bytes == changed


def test_what_rotted_in_the_backup_before_is_copied_afresh(lab: What, out: Path) -> None:
    first = make(lab, out, now=NOW)
    flipped = first.path / "data" / "archive" / seals(lab.data)[0].entries.name
    flip(flipped)
    second = make(lab, out, now=NOW + 1)
    assert not flipped.samefile(second.path / flipped.relative_to(first.path))
    assert (check(first.path)[1] != [], check(second.path)[1]) == (True, [])


def test_a_segment_that_was_damaged_since_comes_from_the_backup_before(
    lab: What, out: Path
) -> None:
    make(lab, out, now=NOW)
    damaged, gone = (each.entries for each in seals(lab.data))
    flip(damaged)
    gone.unlink()
    second = make(lab, out, now=NOW + 1)
    assert (second.faults, check(second.path)[1]) == ((), [])


def test_a_segment_that_nobody_has_is_told_and_the_rest_is_kept(lab: What, out: Path) -> None:
    damaged, gone = (each.entries for each in seals(lab.data))
    flip(damaged)
    gone.unlink()
    made = make(lab, out, now=NOW)
    assert all("is not what was sealed, and no earlier backup has it" in f for f in made.faults)
    assert len(made.faults) == 2
    assert {str(damaged), str(gone)} == {fault.split(":")[0] for fault in made.faults}
    assert read(made.path)[0].faults == made.faults
    assert check(made.path)[1] == []


@pytest.mark.parametrize("name", ["data/journal.db", "data/secrets/token.key", "site.toml"])
def test_one_flipped_bit_is_found_before_anything_is_put_into_place(
    lab: What, out: Path, tmp_path: Path, name: str
) -> None:
    made = make(lab, out, now=NOW)
    flip(made.path / name)
    with pytest.raises(BackupError, match=f"{name}: was changed"):
        restore(made.path, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []


def test_a_changed_list_a_missing_file_and_an_added_one_are_named(
    lab: What, out: Path, tmp_path: Path
) -> None:
    made = make(lab, out, now=NOW)
    (made.path / "data" / "rules" / "a.json").unlink()
    (made.path / "data" / "rules" / "b.json").write_text("{}")
    with pytest.raises(BackupError) as refused:
        restore(made.path, tmp_path / "new")
    assert "a.json: is missing" in str(refused.value)
    assert "b.json: is no part of the backup" in str(refused.value)
    listed = made.path / NAME
    listed.write_bytes(listed.read_bytes().replace(b'"software":"1"', b'"software":"2"'))
    with pytest.raises(BackupError, match="was changed: its SHA-256"):
        restore(made.path, tmp_path / "new")


def test_a_link_out_of_the_backup_is_not_followed(lab: What, out: Path, tmp_path: Path) -> None:
    made = make(lab, out, now=NOW)
    outside = tmp_path / "outside"
    outside.write_text("# a site\n")
    (made.path / "site.toml").unlink()
    (made.path / "site.toml").symlink_to(outside)
    with pytest.raises(BackupError, match="is not a file of this backup"):
        restore(made.path, tmp_path / "new")


def test_nothing_is_put_over_what_is_there(lab: What, out: Path, tmp_path: Path) -> None:
    made = make(lab, out, now=NOW)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").touch()
    with pytest.raises(BackupError, match="holds something"):
        restore(made.path, tmp_path / "new")
    (tmp_path / "new" / "mine").unlink()
    restore(made.path, tmp_path / "new")


def test_backups_are_neither_among_the_data_nor_with_those_of_another_site(
    lab: What, out: Path
) -> None:
    with pytest.raises(BackupError, match="within the data"):
        make(lab, lab.data / "backups", now=NOW)
    make(lab, out, now=NOW)
    other = What(
        site="other",
        software="1",
        site_file="site.toml",
        data=lab.data,
        data_name="data",
        files=(),
    )
    with pytest.raises(BackupError, match="holds backups of lab"):
        make(other, out, now=NOW + 1)


def test_only_the_newest_are_kept(lab: What, out: Path) -> None:
    made = [make(lab, out, now=NOW + n, keep=2) for n in range(3)]
    assert [each.path.exists() for each in made] == [False, True, True]
    assert all(check(each.path)[1] == [] for each in made[1:])


def test_two_at_once_are_refused_and_what_was_broken_off_is_removed(lab: What, out: Path) -> None:
    def again() -> list[str]:
        with pytest.raises(BackupError, match="another process makes a backup there now"):
            make(lab, out, now=NOW + 1)
        return []

    (out / f".2026-{'0a' * 16}.unfinished").mkdir(parents=True)
    made = make(lab, out, now=NOW, besides=again)
    assert [path for path in out.iterdir() if path.is_dir()] == [made.path]


def test_a_journal_freed_while_the_seals_were_read_is_not_taken_without_them(
    lab: What, out: Path
) -> None:
    """The archive and the journal of one backup hold every entry between them."""
    seal(lab.data, 3.5)
    assert remove(lab.data, seals(lab.data)[-1].seal.last) > 0
    made = make(lab, out, now=NOW)
    assert made.faults == ()
    # A seal that is gone cannot be made good by trying again.
    for each in seals(lab.data):
        each.path.unlink()
    with pytest.raises(BackupError, match="was freed of entries that no seal"):
        make(lab, out, now=NOW + 1)


async def test_what_comes_in_meanwhile_is_not_waited_for(lab: What, out: Path) -> None:
    """The journal's writer commits while the state is held, and the copy has none of it."""
    async with Journal(lab.data) as journal:
        last = journal.last
        seen: list[int] = []

        def progress(_done: int, _all: int) -> None:
            if not seen:
                with sqlite3.connect(lab.data / "journal.db") as db:
                    seen.append(db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0])
                    db.execute("INSERT INTO quarantine VALUES (77, 0, '', '', 0, x'', x'', 0)")

        made = make(lab, out, now=NOW, progress=progress)
    assert seen == [0]
    with sqlite3.connect(made.path / "data" / "journal.db") as copy:
        assert copy.execute("SELECT max(seq) FROM entry").fetchone() == (last,)
        assert copy.execute("SELECT count(*) FROM quarantine WHERE id = 77").fetchone() == (0,)


def test_who_the_devices_are_is_taken_before_the_journal(lab: What, out: Path) -> None:
    """What a device said after the state of the journal was held is in neither."""
    known, before, after = lab.data / "identities.json", b"before\n", b"after\n"
    known.write_bytes(before)

    def progress(_done: int, _all: int) -> None:
        known.write_bytes(after)

    made = make(lab, out, now=NOW, progress=progress)
    kept = made.path / "data" / "identities.json"
    assert (kept.read_bytes(), known.read_bytes()) == (before, after)
    assert check(made.path)[1] == []


ON_A_SMALL_DISK = """
import pathlib, resource, signal, sys
from storage.backup.making import What, make
from storage.backup.manifest import BackupError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
data, out = map(pathlib.Path, sys.argv[1:3])
what = What(site="lab", software="1", site_file="s", data=data, data_name="data", files=())
try:
    make(what, out, now=0)
except BackupError as error:
    print(error)
"""


@pytest.mark.long
@pytest.mark.parametrize("limit", [40_000, 150_000])
def test_a_full_disk_leaves_nothing_half_written(lab: What, out: Path, limit: int) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", ON_A_SMALL_DISK, str(lab.data), str(out), str(limit)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert ("room" in done.stdout, "nothing of it was kept" in done.stdout) == (True, True)
    assert [path.name for path in out.iterdir()] == [".backup.lock"]


KILLED = """
import os, pathlib, signal, sys
from storage.backup.making import What, make
count = int(sys.argv[3])
def progress(done, of):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
data, out = map(pathlib.Path, sys.argv[1:3])
what = What(site="lab", software="1", site_file="s", data=data, data_name="data", files=())
make(what, out, now=0, progress=progress)
"""


@pytest.mark.long
@pytest.mark.parametrize("after", [1, 4])
def test_killed_in_the_middle_the_next_one_is_whole(lab: What, out: Path, after: int) -> None:
    before = make(lab, out, now=NOW)
    done = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", KILLED, str(lab.data), str(out), str(after)],
        check=False,
        timeout=30,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(list(out.glob(".*.unfinished"))) == 1
    after_it = make(lab, out, now=NOW + 1)
    assert [check(each.path)[1] for each in (before, after_it)] == [[], []]
    assert list(out.glob(".*.unfinished")) == []


def flip(path: Path) -> None:
    """One bit in the middle."""
    path.chmod(0o600)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
