"""Folders on the way to their name: each is held by who makes it, and swept when that has died."""

import contextlib
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".unfinished"
_NAMED = re.compile(r"\..+-[0-9a-f]{32}" + re.escape(_SUFFIX))
_TRIES = 10


def beside(target: Path) -> Path:
    """A name of its own for what is to become, or was, ``target``."""
    return target.parent / f".{target.name}-{uuid.uuid4().hex}{_SUFFIX}"


@contextlib.contextmanager
def making(target: Path, *, mode: int = 0o777) -> Iterator[Path]:
    """A new folder beside ``target``, which must be renamed to stay; held until then.

    Raises:
        OSError: it cannot be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder, hold = _held(target, mode)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(hold)


def sweep(place: Path) -> None:
    """Take away what processes that have died left in ``place``; what is still made stays."""
    for path in place.glob(f".*{_SUFFIX}"):
        if not _NAMED.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError):
            hold = _opened(path)
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(hold)


def _held(target: Path, mode: int) -> tuple[Path, int]:
    for _ in range(_TRIES):
        folder = beside(target)
        folder.mkdir(mode=mode)
        with contextlib.suppress(FileNotFoundError):
            hold = _opened(folder)
            if _is_held(hold, folder):
                return folder, hold
            os.close(hold)
    raise OSError(f"{target.parent}: {_TRIES} new folders were taken away from there")


def _is_held(hold: int, folder: Path) -> bool:
    """Whether it is ours: between its making and this, a sweep may have taken it for a dead one."""
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without such locks: nobody gets one there, so nobody sweeps.
        return True
    return folder.exists()


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
