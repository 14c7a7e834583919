"""The address under which SQLite opens a file to read it and nothing else."""

import os
from pathlib import Path

_BESIDE = ("-wal", "-shm")


def address(path: Path, *, copy: bool = False) -> str:
    """The address of ``path``; with ``copy`` also where nothing can be written.

    ``copy`` says that nobody writes the file while it is read, as with one handed to an auditor.
    """
    found = f"{path.absolute().as_uri()}?mode=ro"
    # To read a file that has a write-ahead log, SQLite wants to write one beside it.
    return f"{found}&immutable=1" if copy and _is_sealed_off(path) else found


def _is_sealed_off(path: Path) -> bool:
    """Whether its last writer left it whole, and no other can come."""
    if any(path.with_name(path.name + tail).exists() for tail in _BESIDE):
        return False
    return not os.access(path.parent, os.W_OK, effective_ids=True)
