"""What of a site is backed up and put back: its data, its configuration, its patients' keys."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from batches import patients
from batches.ledger import Ledger
from batches.trail import Note
from culturewatch import paths
from culturewatch.parts import VERSION
from culturewatch.secret import Secret
from culturewatch.site import Site
from storage import ledger_copy
from storage.backup import keyring
from storage.backup.making import Made, Progress, Source, What, make
from storage.backup.manifest import Manifest
from storage.backup.restoring import restore
from storage.database import file_of

_OUTSIDE = "outside"


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was put into ``path``; the site's file and data are there, ``absent`` is to be added.

    ``elsewhere`` is where the site's file says the data are, where that is not beside it.
    ``from_server`` says that the ledger was on a server, and is in a file now.
    """

    path: Path
    site_file: Path
    data: Path
    elsewhere: str
    files: int
    keys: int
    absent: tuple[str, ...]
    from_server: bool


def back_up(
    site: Site,
    out: Path,
    *,
    by: str,
    now: int,
    keep: int | None = None,
    progress: Progress = lambda *_: None,
) -> Made:
    """Make a backup of ``site`` in ``out``, bring the keys beside it up to date, and note it.

    Raises:
        BackupError: it could not be made.
        DatabaseError: the ledger cannot be used.
    """
    ledger = Ledger(site.ledger_url)

    def besides() -> list[str]:
        with ledger.database.reading() as connection:
            erased = patients.erased(connection)
        return keyring.follow(
            paths.patients(site.data),
            out,
            is_destroyed=lambda name: name.partition(".")[0] in erased,
        )

    made = make(_what(site), out, now=now, keep=keep, besides=besides, progress=progress)
    note = Note(
        kind="backup",
        by=by,
        subject=made.path.name,
        area="export",
        item="backup",
        outcome="made" if not made.faults else f"made, {len(made.faults)} faults",
        new=made.sha256,
    )
    ledger.note(note)
    return made


def put_back(backup: Path, to: Path, *, progress: Progress = lambda *_: None) -> Restored:
    """Put ``backup`` into the new place ``to``, with the keys that stand beside it.

    Raises:
        BackupError: it cannot be put there, or is not what was kept; nothing was written.
    """
    keys = 0

    def besides(folder: Path, manifest: Manifest) -> None:
        nonlocal keys
        keys = keyring.put_back(backup.absolute().parent, paths.patients(folder / manifest.data))

    manifest = restore(backup, to, besides=besides, progress=progress)
    elsewhere = manifest.data.removeprefix(_OUTSIDE)
    return Restored(
        path=to,
        site_file=to / manifest.site_file,
        data=to / manifest.data,
        elsewhere="" if elsewhere == manifest.data else elsewhere,
        files=len(manifest.files),
        keys=keys,
        absent=manifest.absent,
        from_server=manifest.from_server,
    )


def _what(site: Site) -> What:
    url = site.ledger_url
    return What(
        site=site.file.site.id,
        software=VERSION,
        site_file=_named(site, site.path),
        data=site.data,
        data_name=_named(site, site.data),
        files=tuple(Source(_named(site, path), path) for path in _configuration(site)),
        apart=(paths.patients(site.data),),
        absent=tuple(_secrets(site.file)),
        ledger=None if file_of(url) is not None else partial(_copy, url),
    )


def _copy(url: str, target: Path) -> None:
    ledger_copy.copy(url, f"sqlite:///{target.absolute()}")


def _configuration(site: Site) -> Iterator[Path]:
    yield site.path
    head = site.file.site
    for folder in (head.devices, head.rules, head.profiles):
        yield from sorted(path for path in (site.base / folder).glob("*.toml") if path.is_file())


def _named(site: Site, path: Path) -> str:
    """How a file of the site is called in its backups."""
    base, whole = site.base.absolute(), path.absolute().resolve()
    if whole.is_relative_to(base.resolve()):
        return whole.relative_to(base.resolve()).as_posix()
    return f"{_OUTSIDE}{whole.as_posix()}"


def _secrets(value: object, where: str = "") -> Iterator[str]:
    """What the site's file names and a backup does not hold."""
    if isinstance(value, Secret):
        kind = "the file" if value.env is None else "the environment variable"
        yield f"{where}: {kind} {value.file or value.env}"
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name), f"{where}.{name}".strip("."))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _secrets(each, f"{where}.{name}")
    elif isinstance(value, tuple):
        for n, each in enumerate(value):
            yield from _secrets(each, f"{where}[{n}]")
