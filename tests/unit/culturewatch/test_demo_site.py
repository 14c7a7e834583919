"""Where the demonstration may lay out its site: never over anything but a demonstration."""

from pathlib import Path

import pytest

from culturewatch.demo_site import laid_out
from culturewatch.site import load
from storage.lock import FolderLock
from storage.waiting import JournalError

SPAN_S = 45.0


def test_a_demonstration_is_laid_out_over_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        with laid_out(out, SPAN_S) as path:
            assert load(path).file.site.id == "demo"
            assert not (out / "data" / "journal.db").exists()
            (out / "data" / "journal.db").parent.mkdir(exist_ok=True)
            (out / "data" / "journal.db").write_bytes(b"readings")


def test_the_data_of_a_real_site_are_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[site]\nid = "lab"\n')
    (tmp_path / "data").mkdir()
    kept = tmp_path / "data" / "journal.db"
    kept.write_bytes(b"readings")
    with pytest.raises(FileExistsError, match="holds other things"), laid_out(tmp_path, SPAN_S):
        pass
    assert kept.read_bytes() == b"readings"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "site.toml"]


@pytest.mark.parametrize("where", [".", "data"], ids=["a demonstration", "a core on its data"])
def test_what_runs_there_is_left_alone(tmp_path: Path, where: str) -> None:
    out = tmp_path / "out"
    with laid_out(out, SPAN_S):
        pass
    running = FolderLock(out / where)
    running.take()
    kept = out / "data" / "journal.db"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"readings")
    with pytest.raises(JournalError, match="stop it first"), laid_out(out, SPAN_S):
        pass
    running.release()
    assert kept.read_bytes() == b"readings"
