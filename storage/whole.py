"""A file that somebody has asked for: it appears whole or not at all."""

import contextlib
import os
from pathlib import Path

PART = ".part"


def write(path: Path, data: bytes) -> None:
    """Put ``data`` into the file at ``path``, in place of what is there; on disk when this returns.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> OSError:
    """``error`` as whoever asked for ``path`` is to read it."""
    why = f"{error.strerror or error}; nothing of it was kept: make room, or name another place"
    return OSError(error.errno, why, str(path))
