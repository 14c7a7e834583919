"""Keys of patients are kept beside backups: destroyed with those of the site, and never lost."""

import os
import shutil
from pathlib import Path

import pytest

from storage.backup import keyring

pytestmark = pytest.mark.long


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("site.key", "PH-A.tag", "PH-B.tag"):
        (folder / name).write_bytes(name.encode().ljust(32))
    return folder


def test_a_key_that_was_destroyed_is_destroyed_beside_the_backups(keys: Path, out: Path) -> None:
    assert keyring.follow(keys, out, is_destroyed=lambda _: False) == []
    kept = out / keyring.FOLDER
    opened = os.open(kept / "PH-A.tag", os.O_RDONLY)
    (keys / "PH-A.tag").unlink()
    assert keyring.follow(keys, out, is_destroyed=lambda name: name == "PH-A.tag") == []
    assert sorted(path.name for path in kept.iterdir()) == ["PH-B.tag", "site.key"]
    # Not only its name is gone: what was written there is.
    assert os.pread(opened, 99, 0) == bytes(32)
    os.close(opened)


def test_a_key_that_is_only_gone_is_kept_and_told(keys: Path, out: Path, tmp_path: Path) -> None:
    keyring.follow(keys, out, is_destroyed=lambda _: False)
    shutil.rmtree(keys)
    wrong = keyring.follow(keys, out, is_destroyed=lambda _: False)
    assert len(wrong) == 3
    assert all("is gone, and nobody was erased" in line for line in wrong)
    assert keyring.put_back(out, tmp_path / "back") == 3
    assert (tmp_path / "back" / "PH-B.tag").read_bytes() == b"PH-B.tag".ljust(32)
    assert (tmp_path / "back" / "PH-B.tag").stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_changed_takes_the_place_of_none(keys: Path, out: Path) -> None:
    keyring.follow(keys, out, is_destroyed=lambda _: False)
    (keys / "PH-B.tag").write_bytes(bytes(32))
    (line,) = keyring.follow(keys, out, is_destroyed=lambda _: False)
    assert "is another key than" in line
    assert (out / keyring.FOLDER / "PH-B.tag").read_bytes() == b"PH-B.tag".ljust(32)
