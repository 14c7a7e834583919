"""The file of who the devices said that they are, and how it is held against the journal."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from devices.identity import Identity
from storage.consistency import Wrong
from storage.entry import Introduced
from storage.reader import JournalReader
from storage.waiting import JournalError

NAME = "identities.json"


class AlteredError(Exception):
    """The file is not what was written; the text says in what."""


def spelled(known: dict[str, Identity]) -> bytes:
    """The file: what each device said, and a line that is the SHA-256 of what stands before it."""
    said = msgspec.json.encode(known, order="sorted") + b"\n"
    return said + hashlib.sha256(said).hexdigest().encode() + b"\n"


def understood(data: bytes) -> dict[str, Identity]:
    """What ``spelled`` wrote; a file of before the line is taken as it is.

    Raises:
        AlteredError: it is not what was written.
    """
    said, _, line = data.removesuffix(b"\n").rpartition(b"\n")
    if said and line != hashlib.sha256(said + b"\n").hexdigest().encode():
        raise AlteredError("does not match its last line")
    try:
        return msgspec.json.decode(said or line, type=dict[str, Identity])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AlteredError(f"cannot be read: {error}") from error


def check(data: Path) -> Iterator[str | Wrong]:
    """What was checked of the file in a folder of data, and what was found wrong.

    By itself and against the journal; where that cannot be read, nothing is said.
    """
    try:
        found = list(_faults(data))
    except OSError as error:
        yield Wrong(NAME, f"cannot be read: {error.strerror}")
        return
    except JournalError:
        return
    yield from (Wrong(NAME, each) for each in found)
    if not found:
        yield f"{NAME}: who the devices are is what the journal has"


def _faults(data: Path) -> Iterator[str]:
    try:
        known = understood((data / NAME).read_bytes())
    except AlteredError as error:
        yield str(error)
        return
    with JournalReader(data, copy=True) as journal:
        newest = {note.device: note for note in journal.notes() if isinstance(note, Introduced)}
    for device, identity in known.items():
        note = newest.get(device)
        # The journal has it first: a crash in between leaves what was said before.
        if note is not None and identity.said not in (note.said, note.before):
            yield f"says of {device} {identity.words}, the journal has {note.said}"
