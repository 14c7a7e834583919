"""The rulebooks that ran, kept by their digest: what an old entry of the journal is judged by."""

import os
from hashlib import sha256
from pathlib import Path

from alerts.rulebook import Rulebook, RuleError, decode, encode

FOLDER = "configuration"
"""Where they are, in a folder of data."""


def place(data: Path, digest: str) -> Path:
    """Where the rulebook of a digest is kept, in the folder of data ``data``."""
    return data / FOLDER / f"{digest}.json"


def keep(data: Path, book: Rulebook) -> None:
    """Keep a rulebook for good; whole on disk when this returns.

    Raises:
        OSError: the folder cannot be written.
    """
    path, body = place(data, book.digest), encode(book)
    if path.exists() and path.read_bytes() == body:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file cut short by a power failure would leave the history of this run without its rules.
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def kept(data: Path, digest: str) -> Rulebook:
    """The rulebook that ran under ``digest``.

    Raises:
        RuleError: it was not kept, or is not what it was.
    """
    path = place(data, digest)
    if not digest.isalnum():
        raise RuleError(f"{path.parent}: {digest!r} names no rulebook")
    try:
        body = path.read_bytes()
    except OSError as error:
        raise RuleError(
            f"{path}: the rules that ran under this digest cannot be read: {error.strerror}; "
            "put the file back from a backup"
        ) from error
    found = sha256(body).hexdigest()
    if found != digest:
        raise RuleError(f"{path}: was changed: its SHA-256 is {found}; put back a backup of it")
    return decode(body)
