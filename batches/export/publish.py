"""Makes a record's folder appear whole or not at all, and never over another record."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batches.export import manifest
from batches.export.pdf import LayoutError
from storage import unfinished


class RecordError(Exception):
    """A record cannot be written; the text says where, why, and what to do."""


def check_free(out: Path, record: str) -> None:
    """Before hours of work: ``out`` is new, empty, or a record that may be the same one.

    Raises:
        RecordError: it is something else.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise RecordError(f"{out}: is a file; name a folder for the record")
    if any(out.iterdir()) and _record_in(out) != record:
        raise RecordError(
            f"{out}: holds something else; a record is never written over, name another folder"
        )


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write into; it becomes ``out`` when all went well.

    Otherwise it is gone, and so is what makers that died have left beside it. What ``out`` holds
    already stays, and has to be the same.

    Raises:
        RecordError: it cannot be written, or ``out`` holds something else.
    """
    try:
        unfinished.sweep(out.parent)
        with unfinished.making(out) as folder:
            yield folder
            _publish(folder, out)
    except (OSError, LayoutError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise RecordError(
            f"{out}: the record cannot be written: {why}; "
            "nothing of it was kept, so free space or name another folder and make it again"
        ) from error


def take_back(out: Path, digest: str) -> None:
    """Take the record away whose manifest has the SHA-256 ``digest``, where it is in ``out``."""
    listed = out / manifest.NAME
    if manifest.is_plain(listed) and manifest.describe(listed).sha256 == digest:
        gone = unfinished.beside(out)
        out.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _record_in(folder: Path) -> str | None:
    try:
        return manifest.read(folder).record
    except manifest.ManifestError:
        return None


def _publish(folder: Path, out: Path) -> None:
    for path in sorted(folder.iterdir()):
        _sync(path)
    _sync(folder)
    if out.exists() and any(out.iterdir()):
        if (out / manifest.NAME).read_bytes() != (folder / manifest.NAME).read_bytes():
            raise RecordError(
                f"{out}: holds a record of the same name that says something else; "
                "name another folder and compare the two"
            )
        return
    folder.rename(out)
    _sync(out.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
