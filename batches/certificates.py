"""The files of certificates, kept beside the ledger under the SHA-256 of what they hold."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

FOLDER = "certificates"
LARGEST = 50_000_000
"""Bytes. A certificate is a few pages; more is the wrong file."""
_BLOCK = 1 << 20


class CertificateError(Exception):
    """A certificate's file cannot be kept; the text says why, and what to do."""


def keep(data: Path, file: Path) -> str:
    """Copy ``file`` into the folder of data, where it stays; its SHA-256.

    It is on disk when this returns, whole or not at all; the same file again changes nothing.

    Raises:
        CertificateError: it cannot be read or kept.
    """
    folder = data / FOLDER
    part = folder / f".{uuid.uuid4().hex}.unfinished"
    try:
        if not file.is_file():
            raise CertificateError(f"{file}: is no file; name the certificate as it came")
        if not 0 < file.stat().st_size <= LARGEST:
            raise CertificateError(
                f"{file}: has {file.stat().st_size} bytes; a certificate has 1 to {LARGEST}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("rb") as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, _BLOCK)
                target.flush()
                os.fsync(target.fileno())
            digest = digest_of(part)
            part.chmod(0o444)
            part.replace(folder / digest)
        finally:
            part.unlink(missing_ok=True)
        _sync(folder)
    except OSError as error:
        raise CertificateError(
            f"{file}: cannot be kept in {folder}: {error.strerror or error}; nothing was entered"
        ) from error
    return digest


def path_of(data: Path, digest: str) -> Path:
    """Where the file of this SHA-256 is."""
    return data / FOLDER / digest


def faults(data: Path, wanted: set[str]) -> Iterator[tuple[str, str]]:
    """Name and what is wrong, of each file that is not what its name says, or is missing.

    ``wanted`` are the SHA-256 that the ledger names.

    Raises:
        OSError: a file cannot be read.
    """
    folder = data / FOLDER
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(wanted - present):
        yield name, "is missing; the ledger names it as the file of a certificate"
    for name in sorted(present):
        path = folder / name
        if name.endswith(".unfinished"):
            continue
        if path.is_symlink() or not path.is_file():
            yield name, "is not a file of this folder"
        elif digest_of(path) != name:
            yield name, "was changed: it is not what its name, the SHA-256, says"


def digest_of(path: Path) -> str:
    """The SHA-256 of the file at ``path``, in hexadecimal, read in blocks."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            whole.update(block)
    return whole.hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
