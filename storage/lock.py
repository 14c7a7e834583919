"""One writer a folder."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from storage.waiting import JournalError, JournalHeldError


class FolderLock:
    """A lock that ends with its process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Lock nothing yet."""
        self._path = folder / "journal.lock"
        self._file: int | None = None

    def take(self) -> None:
        """Lock the folder, which is created if it is not there.

        Raises:
            JournalHeldError: another process has it.
            JournalError: it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise JournalError(
                f"{self._path.parent}: cannot be written: {error.strerror}; give this user a "
                "folder on a disk that is mounted for writing"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise JournalHeldError(
                f"{self._path.parent}: process {holder} writes this journal already; stop it "
                "first, or name another folder"
            ) from error
        # On a full disk the lock holds all the same; only its holder is not named.
        with suppress(OSError):
            os.pwrite(file, f"{os.getpid():<10}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let another process have the folder."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
