"""What a record folder holds: size and SHA-256 of each file, chain heads, and its own seal."""

import hashlib
from pathlib import Path

import msgspec

from batches.export.chunk import Chunk
from batches.export.json import canonical
from storage.chain import Head

NAME = "manifest.json"
READINGS, COLUMNS = "readings.csv", "readings.parquet"
RECORD, PAGE, PAPER, VERIFIER = "record.json", "record.html", "record.pdf", "verify_record.py"
BESIDE = ("record-signed.pdf", "signatures.json")
"""May come to lie beside the manifest, which was there before them and cannot list them."""
SCHEMA = "culturewatch.manifest/1"
_BLOCK = 1 << 20


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the folder. ``chunks`` are given for the table of readings."""

    size: int
    sha256: str
    chunks: tuple[Chunk, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list of a record's files. ``seal`` is the SHA-256 of the rest of the manifest.

    ``ledger_head`` and ``alarm_head`` anchor the chains: a ledger that does not pass through
    this head any more was rewritten after the record was made.
    """

    schema: str
    record: str
    record_schema: str
    batch: str
    files: dict[str, File]
    ledger_head: Head
    alarm_head: Head
    seal: str = ""

    def sealed(self) -> "Manifest":
        """The same with the seal that belongs to it."""
        open_ = msgspec.structs.replace(self, seal="")
        seal = hashlib.sha256(canonical(open_)).hexdigest()
        return msgspec.structs.replace(self, seal=seal)


class ManifestError(Exception):
    """A manifest cannot be read as what was written."""


def read(folder: Path) -> Manifest:
    """The manifest of a record folder, which must be exactly as it was written.

    Raises:
        ManifestError: it is missing, unreadable, of another schema, or was changed.
    """
    path = folder / NAME
    if path.exists() and not is_plain(path):
        raise ManifestError(f"{path}: is not a file of this folder")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: is damaged: {error}") from error
    if found != found.sealed() or canonical(found) != data:
        raise ManifestError(f"{path}: was changed: it does not match its own seal")
    if found.schema != SCHEMA:
        raise ManifestError(f"{path}: is of schema {found.schema!r}; this version knows {SCHEMA!r}")
    return found


def is_plain(path: Path) -> bool:
    """Whether a file lies there itself: no link to another, and no pipe, which never ends."""
    return path.is_file() and not path.is_symlink()


def describe(path: Path, chunks: tuple[Chunk, ...] = ()) -> File:
    """Size and hash of the file at ``path``, read in blocks."""
    whole, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            whole.update(block)
            size += len(block)
    return File(size=size, sha256=whole.hexdigest(), chunks=chunks)
