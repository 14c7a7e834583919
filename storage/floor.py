"""The highest numbers that the journal gave out, kept beside it: no damage may reuse one."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

BLOCK = 100_000


class Floor:
    """A line of text: the newest number on disk, and the highest that may have been given out.

    The second is forced to disk before any number of its block is used, so it holds after a
    power failure. The first is written after each commit and not forced: it is exact after
    anything but a power failure, and one above the journal's own says that entries are gone.
    """

    def __init__(self, folder: Path) -> None:
        """Open or create the file.

        Raises:
            OSError: it cannot be written.
        """
        self._path = folder / "journal.floor"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self.newest, self.reserved = _read(os.pread(self._file, 200, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def reserve(self, seq: int) -> None:
        """Make sure that ``seq`` may be given out.

        Raises:
            OSError: the file cannot be written.
        """
        if seq > self.reserved:
            self._write(self.newest, seq + BLOCK)
            os.fsync(self._file)

    def reached(self, seq: int) -> None:
        """Remember that ``seq`` is on disk.

        Raises:
            OSError: the file cannot be written.
        """
        if seq != self.newest:
            self._write(seq, self.reserved)

    def _write(self, newest: int, reserved: int) -> None:
        text = f"{newest:020d} {reserved:020d} "
        os.pwrite(self._file, f"{text}{crc32(text.encode()):08x}\n".encode(), 0)
        self.newest, self.reserved = newest, reserved


def _read(line: bytes) -> tuple[int, int]:
    text, check = line[:42], line[42:50]
    if len(line) == 51 and check == f"{crc32(text):08x}".encode():  # noqa: PLR2004 # as written
        newest, reserved = text.split()
        return int(newest), int(reserved)
    return 0, 0
