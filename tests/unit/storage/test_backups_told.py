"""How backups go is told from one process to another by a small file."""

from pathlib import Path

import pytest

from storage.backup import last
from storage.backup.last import Backups

HOUR = 3_600_000
START = 1_767_596_400_000


def known(data: Path) -> Backups:
    found = last.read(data)
    assert found is not None
    return found


def test_a_site_without_a_backup_waits_from_when_it_began(tmp_path: Path) -> None:
    last.begin(tmp_path, START)
    last.begin(tmp_path, START + HOUR)
    assert known(tmp_path) == Backups(since=START)
    assert known(tmp_path).wait_ms(START + 2 * HOUR) == 2 * HOUR


def test_only_a_good_backup_ends_the_wait_and_the_next_good_one_the_trouble(
    tmp_path: Path,
) -> None:
    last.made(tmp_path, Path("/b/1"), START, "")
    last.failed(tmp_path, START + HOUR, "no room")
    last.made(tmp_path, Path("/b/2"), START + 2 * HOUR, "a key is gone")
    found = known(tmp_path)
    assert (found.good_at, found.path, found.trouble) == (START, "/b/1", "a key is gone")
    last.made(tmp_path, Path("/b/3"), START + 3 * HOUR, "")
    found = known(tmp_path)
    assert (found.good_at, found.path, found.trouble) == (START + 3 * HOUR, "/b/3", "")


def test_reading_back_tells_when_and_a_damaged_one_is_trouble(tmp_path: Path) -> None:
    last.made(tmp_path, Path("/b/1"), START, "")
    last.checked(tmp_path, START + HOUR, "")
    last.checked(tmp_path, START + 2 * HOUR, "x: is not what was kept")
    found = known(tmp_path)
    assert found.check_wait_ms(START + 3 * HOUR) == 2 * HOUR
    assert found.trouble == "x: is not what was kept"
    # That an older one is sound does not mend it.
    last.checked(tmp_path, START + 3 * HOUR, "")
    assert known(tmp_path).trouble


def test_a_backup_of_a_clock_years_ahead_proves_nothing(tmp_path: Path) -> None:
    last.begin(tmp_path, START)
    last.made(tmp_path, Path("/b/1"), START + 9_000 * HOUR, "")
    assert known(tmp_path).wait_ms(START + 31 * HOUR) == 31 * HOUR


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"since": "yesterday"}'])
def test_what_cannot_be_read_is_not_known_and_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / last.NAME).write_bytes(content)
    assert last.read(tmp_path) is None
    last.begin(tmp_path, START)
    assert known(tmp_path) == Backups(since=START)
    assert [path.name for path in tmp_path.iterdir()] == [last.NAME]
