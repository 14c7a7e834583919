"""What of a site is backed up and put back: its data, its configuration, its patients' keys."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import msgspec

from batches import patients
from batches.ledger import Ledger
from batches.trail import Note, shown
from culturewatch import paths
from culturewatch.leaving import FAILED, MADE, Leaving, leaving
from culturewatch.parts import VERSION
from culturewatch.secret import Secret
from culturewatch.site import Site
from storage import ledger_copy
from storage.backup import keyring, last
from storage.backup.making import Made, Progress, Source, What, make
from storage.backup.manifest import BackupError, Manifest
from storage.backup.restoring import check, restore
from storage.database import DatabaseError, file_of

log = logging.getLogger(__name__)

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

    How it went is said to the core as well, which raises an alarm when none is made.

    Raises:
        BackupError: it could not be made.
        DatabaseError: the ledger cannot be used.
    """
    try:
        made = _back_up(site, out, by=by, now=now, keep=keep, progress=progress)
    except (BackupError, DatabaseError) as error:
        _say(partial(last.failed, site.data, now, str(error)))
        raise
    _say(partial(last.made, site.data, made.path.resolve(), now, "; ".join(made.faults)))
    return made


def read_back(
    site: Site | None, backup: Path, *, now: int, progress: Progress
) -> tuple[int, list[str]]:
    """Check every file of ``backup``, and if it is one of ``site``, say to its core how that went.

    How many files there are, and what is wrong.

    Raises:
        BackupError: it is no backup.
    """
    try:
        manifest, wrong = check(backup, progress=progress)
    except BackupError as error:
        known = last.read(site.data) if site is not None else None
        if site is not None and known is not None and known.path == str(backup.resolve()):
            _say(partial(last.checked, site.data, now, str(error)))
        raise
    if site is not None and manifest.site == site.file.site.id:
        _say(partial(last.checked, site.data, now, "; ".join(wrong)))
    return len(manifest.files), wrong


def _say(said: Callable[[], None]) -> None:
    try:
        said()
    except OSError as error:
        # The backup is what counts; that nothing is heard of it becomes an alarm.
        log.warning("how the backup went cannot be written down: %s", error)


def _back_up(
    site: Site, out: Path, *, by: str, now: int, keep: int | None, progress: Progress
) -> Made:
    ledger = Ledger(site.ledger_url)

    def besides() -> list[str]:
        with ledger.database.reading() as connection:
            erased = patients.erased(connection)
        return keyring.follow(
            paths.patients(site.data),
            out,
            is_destroyed=lambda name: name.partition(".")[0] in erased,
        )

    note = Note(
        kind="backup", by=by, subject=out.name, area="export", item="backup", outcome=FAILED
    )
    begun: list[Leaving] = []
    with ExitStack() as going:

        def announce(made: Made) -> None:
            this = msgspec.structs.replace(note, subject=made.path.name, new=made.sha256)
            begun.append(going.enter_context(leaving(ledger, this)))

        try:
            made = make(
                _what(site),
                out,
                now=now,
                keep=keep,
                announce=announce,
                besides=besides,
                progress=progress,
            )
        except BackupError as error:
            if not begun:
                # The fault that ended it is the one to tell.
                with suppress(DatabaseError):
                    ledger.note(msgspec.structs.replace(note, reason=shown(str(error))))
            raise
        if made.faults:
            begun[0].conclude(f"{MADE}, {len(made.faults)} faults")
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
