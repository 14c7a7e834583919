"""The highest numbers that the journal gave out, kept beside it: no damage may reuse one."""

import os
from pathlib import Path
from zlib import crc32

from storage.closable import Closable

NAME = "journal.floor"
BLOCK = 100_000
_CHECK = 9
_LOOKS = 3


class Floor(Closable):
    """A line of text: the newest number on disk, and the highest that may have been given out.

    With the first stands the hash that runs over the journal up to it (``storage.links``).

    The second is forced to disk before any number of its block is used, so it holds after a
    power failure. The first is written after each commit and not forced: it is exact after
    anything but a power failure, and one above the journal's own says that entries are gone.
    """

    def __init__(self, folder: Path) -> None:
        """Open or create the file.

        Raises:
            OSError: it cannot be written.
        """
        self._path = folder / NAME
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self.newest, self.reserved, self.hash = _read(os.pread(self._file, 200, 0))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def reserve(self, seq: int) -> None:
        """Make sure that ``seq`` may be given out.

        Raises:
            OSError: the file cannot be written.
        """
        if seq > self.reserved:
            self._write(self.newest, seq + BLOCK, self.hash)
            os.fsync(self._file)

    def reached(self, seq: int, running: bytes) -> None:
        """Remember that ``seq`` is on disk, and the hash over the journal up to it.

        Raises:
            OSError: the file cannot be written.
        """
        if seq != self.newest:
            self._write(seq, self.reserved, running)

    def _write(self, newest: int, reserved: int, running: bytes) -> None:
        text = f"{newest:020d} {reserved:020d} {running.hex()} "
        os.pwrite(self._file, f"{text}{crc32(text.encode()):08x}\n".encode(), 0)
        self.newest, self.reserved, self.hash = newest, reserved, running


def read(folder: Path) -> tuple[int, bytes]:
    """The newest number and the hash up to it; 0 and nothing where no sound line says so.

    Raises:
        OSError: the file is there and cannot be read.
    """
    path = folder / NAME
    newest, _, running = _read(path.read_bytes()) if path.exists() else (0, 0, b"")
    return newest, running


def is_sound(folder: Path) -> bool:
    """Whether the file, where there is one, says what was written into it.

    Raises:
        OSError: the file is there and cannot be read.
    """
    path = folder / NAME
    # Where a commit writes it meanwhile, half of it may be seen, and not twice the same half.
    for _ in range(_LOOKS):
        line = path.read_bytes() if path.exists() else b""
        if not line or line[-_CHECK:] == f"{crc32(line[:-_CHECK]):08x}\n".encode():
            return True
    return False


def _read(line: bytes) -> tuple[int, int, bytes]:
    text, check = line[:-_CHECK], line[-_CHECK:]
    if check != f"{crc32(text):08x}\n".encode():
        return 0, 0, b""
    # Files of the first versions have no hash.
    newest, reserved, *running = text.split()
    return int(newest), int(reserved), bytes.fromhex("".join(map(bytes.decode, running)))
