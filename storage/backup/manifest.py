"""What a backup holds: every file with its size and SHA-256, sealed by a hash of its own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

NAME = "backup.json"
FORMAT = 1


class BackupError(Exception):
    """A backup cannot be made or put back; the text says where, why and what to do."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A file: bytes, SHA-256, and the mode it had."""

    size: int
    sha256: str
    mode: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one backup of ``site``, begun at ``at`` (epoch ms, UTC).

    ``files`` and ``folders`` (with their modes) are named as they stand beside the site's file,
    and under ``outside/`` where they stand elsewhere. ``absent`` are secrets that are not in it,
    ``faults`` what could not be taken as it should be. ``from_server``: the ledger was on one.
    """

    format: int
    site: str
    at: int
    software: str
    site_file: str
    data: str
    files: dict[str, Kept]
    folders: dict[str, int]
    absent: tuple[str, ...]
    faults: tuple[str, ...]
    from_server: bool = False


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    backup: msgspec.Raw


_encoder = msgspec.json.Encoder(order="sorted")


def write(folder: Path, manifest: Manifest) -> str:
    """Put ``manifest`` into ``folder``; its SHA-256.

    Raises:
        OSError: it cannot be written.
    """
    body = _encoder.encode(manifest)
    digest = hashlib.sha256(body).hexdigest()
    (folder / NAME).write_bytes(_encoder.encode(_Sealed(digest, msgspec.Raw(body))) + b"\n")
    return digest


def read(folder: Path) -> tuple[Manifest, str]:
    """The manifest of the backup in ``folder``, and its SHA-256.

    Raises:
        BackupError: there is none, or it is not what was written.
    """
    path = folder / NAME
    try:
        sealed = msgspec.json.decode(path.read_bytes(), type=_Sealed)
        digest = hashlib.sha256(sealed.backup).hexdigest()
        if digest != sealed.sha256:
            raise BackupError(f"{path}: was changed: its SHA-256 is {digest}; take another backup")
        manifest = msgspec.json.decode(sealed.backup, type=Manifest)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise BackupError(
            f"{path}: is not the list of a backup: {error}; name the folder of one backup"
        ) from error
    if manifest.format > FORMAT:
        raise BackupError(f"{path}: a newer version made it; put it back with that one")
    for name in (*manifest.files, *manifest.folders, manifest.data):
        if not _is_inside(name):
            raise BackupError(f"{path}: {name!a} is no place of a backup; take another one")
    return manifest, digest


def backups(out: Path) -> Iterator[tuple[Path, Manifest]]:
    """The backups in ``out`` whose lists can be read, newest first."""
    for path in sorted(out.glob(f"*/{NAME}"), reverse=True):
        if path.parent.name.startswith("."):
            continue
        try:
            yield path.parent, read(path.parent)[0]
        except BackupError:
            continue


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and "\0" not in name
