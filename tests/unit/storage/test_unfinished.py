"""Folders on the way to their name: held by the living, swept after the dead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage import unfinished

ROOT = Path(__file__).parents[3]
MAKER = """
import sys
from pathlib import Path
from storage import unfinished
with unfinished.making(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def left_in(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_what_is_renamed_stays_and_what_is_not_is_gone(tmp_path: Path) -> None:
    target = tmp_path / "new" / "record"
    with unfinished.making(target) as folder:
        (folder / "file").write_text("x")
        folder.rename(target)
    with unfinished.making(tmp_path / "new" / "other") as folder:
        (folder / "file").write_text("x")
    assert left_in(tmp_path / "new") == ["record"]
    assert left_in(target) == ["file"]


def test_a_living_makers_folder_is_not_swept_and_a_dead_ones_is(tmp_path: Path) -> None:
    maker = subprocess.Popen(  # noqa: S603 # put together here
        [sys.executable, "-c", MAKER, str(tmp_path / "record")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert maker.stdout is not None
    assert maker.stdin is not None
    with maker, maker.stdout, maker.stdin:
        name = maker.stdout.readline().strip()
        unfinished.sweep(tmp_path)
        assert left_in(tmp_path) == [name]
        maker.kill()
        maker.wait(10)
    unfinished.sweep(tmp_path)
    assert left_in(tmp_path) == []


def test_what_is_called_otherwise_is_not_ours_to_sweep(tmp_path: Path) -> None:
    ours = f".record-{'0f' * 16}.unfinished"
    for name in (".notes.unfinished", "record", f"record-{'0f' * 16}.unfinished"):
        (tmp_path / name).mkdir()
    (tmp_path / f".file-{'0f' * 16}.unfinished").write_text("no folder")
    (tmp_path / ours).symlink_to(tmp_path / "record")
    before = left_in(tmp_path)
    unfinished.sweep(tmp_path)
    assert left_in(tmp_path) == before


def test_a_new_folder_that_a_sweep_takes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, calls = unfinished._opened, []

    def swept_first(folder: Path) -> int:
        calls.append(folder)
        if len(calls) == 1:
            unfinished.sweep(tmp_path)
        return opened(folder)

    # Between its making and its lock a folder looks as a dead one's does.
    monkeypatch.setattr(unfinished, "_opened", swept_first)
    with unfinished.making(tmp_path / "record") as folder:
        assert folder != calls[0]
        assert left_in(tmp_path) == [folder.name]
