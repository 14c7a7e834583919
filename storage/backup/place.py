"""Folders of backups: one writer at a time, and each backup there whole or not at all."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from storage import unfinished
from storage.backup.manifest import BackupError

_LOCK = ".backup.lock"


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Be the only one that writes backups into ``out``; what was broken off there is removed.

    Raises:
        BackupError: another process does so now.
        OSError: the folder cannot be made or written.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(
                f"{out}: another process makes a backup there now; wait for its end"
            ) from error
        unfinished.sweep(out)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``target`` when all went well, and else is gone.

    ``target`` is not there yet, or is an empty folder.

    Raises:
        OSError: it cannot be written.
    """
    with unfinished.making(target, mode=0o700) as folder:
        yield folder
        for path in (*folder.rglob("*"), folder):
            force(path)
        folder.rename(target)
        force(target.parent)


def take_away(folder: Path) -> None:
    """Remove a backup; one that is half removed is none."""
    gone = unfinished.beside(folder)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def force(path: Path) -> None:
    """What was written to ``path`` is on disk when this returns.

    Raises:
        OSError: it could not be done.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
