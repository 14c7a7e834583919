"""Puts a backup into a new place, after every file of it was found to be what was kept."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from storage.backup.manifest import NAME, BackupError, Kept, Manifest, read
from storage.backup.place import appearing

Progress = Callable[[int, int], None]
_BLOCK = 1 << 20


def check(backup: Path, *, progress: Progress = lambda *_: None) -> tuple[Manifest, list[str]]:
    """The list of the backup in ``backup``, and what of it is not what it says.

    Raises:
        BackupError: it has no list, or one that was changed.
        OSError: it cannot be read.
    """
    manifest, _ = read(backup)
    meter = _Meter(manifest, progress)
    wrong = [fault for name in manifest.files if (fault := _fault(backup, name, manifest, meter))]
    return manifest, [*wrong, *_added(backup, manifest)]


def restore(
    backup: Path,
    to: Path,
    *,
    besides: Callable[[Path, Manifest], None] = lambda *_: None,
    progress: Progress = lambda *_: None,
) -> Manifest:
    """Put ``backup`` into ``to``, which is not there or empty: whole, or nothing of it.

    What is read to be copied is hashed, and so is what stands there then. ``besides`` puts what
    is kept elsewhere into the folder before it gets its name.

    Raises:
        BackupError: ``to`` holds something, the backup is not what was kept, or it cannot be put
            there.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BackupError(
            f"{to}: holds something; a backup is put into a new place, so that nothing is written "
            "over: name a folder that is not there"
        )
    try:
        manifest, _ = read(backup)
        wrong = list(_added(backup, manifest))
        with appearing(to.absolute()) as folder:
            wrong += _put(backup, folder, manifest, progress)
            if wrong:
                raise BackupError("\n".join([*wrong, f"{to}: nothing was put there"]))
            besides(folder, manifest)
    except OSError as error:
        raise BackupError(
            f"{to}: cannot be written, or {backup} cannot be read: {error.strerror or error}; "
            "nothing was put there: make room, or name another folder"
        ) from error
    return manifest


class _Meter:
    def __init__(self, manifest: Manifest, progress: Progress) -> None:
        self._all = sum(kept.size for kept in manifest.files.values())
        self._done = 0
        self._progress = progress

    def __call__(self, count: int) -> None:
        self._done += count
        self._progress(min(self._done, self._all), self._all)


def _put(backup: Path, folder: Path, manifest: Manifest, progress: Progress) -> list[str]:
    meter, wrong = _Meter(manifest, progress), []
    for name, kept in manifest.files.items():
        target = folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fault = _fault(backup, name, manifest, meter, into=target)
        if fault is None and _hash(target) != kept.sha256:
            fault = f"{target}: what was written cannot be read back; look after that disk"
        if fault is not None:
            wrong.append(fault)
            continue
        target.chmod(kept.mode)
    for name, mode in sorted(manifest.folders.items(), reverse=True):
        place = folder / name
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whoever puts it back must be able to use it.
        place.chmod(mode | stat.S_IRWXU)
    return wrong


def _fault(
    backup: Path, name: str, manifest: Manifest, meter: _Meter, *, into: Path | None = None
) -> str | None:
    """What is wrong with a file of the backup, which is copied ``into`` a place on the way."""
    path, kept = backup / name, manifest.files[name]
    if not os.path.lexists(path):
        return f"{path}: is missing (expected {kept.sha256})"
    if not _is_within(backup, path):
        return f"{path}: is not a file of this backup"
    found = _copied(path, into, meter)
    if found == (kept.size, kept.sha256):
        return None
    return f"{path}: was changed (expected {_said(kept)}, found {found[1]} of {found[0]} bytes)"


def _is_within(backup: Path, path: Path) -> bool:
    base = backup.resolve()
    return path.is_file() and path.resolve() == base / path.relative_to(backup)


def _copied(path: Path, into: Path | None, meter: _Meter) -> tuple[int, str]:
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as source, (into or Path(os.devnull)).open("wb") as target:
        while block := source.read(_BLOCK):
            sha.update(block)
            size += len(block)
            target.write(block)
            meter(len(block))
    return size, sha.hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _said(kept: Kept) -> str:
    return f"{kept.sha256} of {kept.size} bytes"


def _added(backup: Path, manifest: Manifest) -> Iterator[str]:
    for path in sorted(backup.rglob("*")):
        name = path.relative_to(backup).as_posix()
        if not path.is_dir() and name != NAME and name not in manifest.files:
            yield f"{path}: is no part of the backup; it was added"
