"""Makes a record's folder appear whole or not at all, and never over another record."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batches.export import manifest
from batches.export.pdf import LayoutError


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

    Otherwise it is gone. What ``out`` holds already stays, and has to be the same.

    Raises:
        RecordError: it cannot be written, or ``out`` holds something else.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = out.parent / f".{out.name}-{uuid.uuid4().hex}.unfinished"
        folder.mkdir()
        try:
            yield folder
            _publish(folder, out)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, LayoutError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise RecordError(
            f"{out}: the record cannot be written: {why}; "
            "nothing of it was kept, so free space or name another folder and make it again"
        ) from error


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
