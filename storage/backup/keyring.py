"""Keys that may be destroyed, beside the backups: one folder of the newest, never one a backup.

A key is made once and never changed, so the newest keys open every earlier backup. What was
destroyed on purpose is destroyed here too; what is gone without that stays, and is told.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from storage.backup.manifest import BackupError
from storage.backup.place import force

FOLDER = "patients-keys"
_UNFINISHED = ".unfinished"


def follow(source: Path, out: Path, *, is_destroyed: Callable[[str], bool]) -> list[str]:
    """Bring the keys beside the backups in ``out`` up to those in ``source``; what is wrong.

    ``is_destroyed`` is asked of each file that is in the first and not in the second any more.

    Raises:
        BackupError: they cannot be read or written.
    """
    kept = out / FOLDER
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = _names(source)
        wrong = [fault for name in sorted(present) if (fault := _add(source, kept, name))]
        for name in sorted(_names(kept)):
            if is_destroyed(name):
                _destroy(kept / name)
            elif name not in present:
                wrong.append(
                    f"{source / name}: is gone, and nobody was erased; put it back from "
                    f"{kept / name}"
                )
        force(kept)
    except OSError as error:
        raise BackupError(
            f"{kept}: the keys of patients cannot be kept: {error.strerror or error}; see that "
            "this user may read the one folder and write the other, on a disk with room"
        ) from error
    return wrong


def put_back(out: Path, target: Path) -> int:
    """Copy the keys beside the backups in ``out`` to ``target``; how many.

    Raises:
        OSError: they cannot be read or written.
    """
    names = _names(out / FOLDER)
    if names:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        _write(target / name, (out / FOLDER / name).read_bytes())
    return len(names)


def _add(source: Path, kept: Path, name: str) -> str | None:
    try:
        key = (source / name).read_bytes()
    except FileNotFoundError:
        # Destroyed while it was looked at.
        return None
    there = kept / name
    if not there.exists():
        part = there.with_name(f".{name}{_UNFINISHED}")
        part.unlink(missing_ok=True)
        _write(part, key)
        part.rename(there)
        return None
    if hashlib.sha256(there.read_bytes()).digest() == hashlib.sha256(key).digest():
        return None
    return f"{source / name}: is another key than {there}; the one that opens is to be found out"


def _names(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    return {p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")}


def _write(path: Path, key: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, key)
        os.fsync(file)
    finally:
        os.close(file)


def _destroy(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(bytes(path.stat().st_size))
        os.fsync(file.fileno())
    path.unlink()
