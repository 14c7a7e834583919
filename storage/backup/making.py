"""Makes a backup of a folder of data while others write it: one state, hashed, whole or not at all.

The states of all databases are held before anything is copied, in an order in which none is ahead
of what it follows: seals, ledger, inbox, alarms, journal. Files come after the database that
names them.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from storage import floor, introduced
from storage.archive.patrol import ASIDE
from storage.archive.seal import File, Sealed, folder_of, seals
from storage.backup.manifest import FORMAT, BackupError, Manifest, backups, write
from storage.backup.place import alone, appearing, take_away
from storage.backup.snapshot import Snapshot, is_database
from storage.backup.stock import Stock
from storage.database import NAME as LEDGER
from storage.journalfile import NAME as JOURNAL

Progress = Callable[[int, int], None]
_FOLLOWED = (LEDGER, "inbox.db")
_FOLLOWING = ("alarms.db", JOURNAL)
_BESIDE = (floor.NAME, introduced.NAME)
"""What must not say more than the journal does: it is read before the journal's state is held."""
_PASSING = ("-wal", "-shm", "-journal", ".part", ".unfinished", ".lock")
"""How files end that are good for nothing without the process that has them."""
_TRIES = 5


class Source(NamedTuple):
    """A file, and how it is called in the backup."""

    name: str
    path: Path


class What(msgspec.Struct, frozen=True, kw_only=True):
    """What is backed up of ``site``: its folder of ``data``, called ``data_name``, and ``files``.

    ``apart`` are folders of ``data`` that are not in it. ``ledger`` writes the ledger into the
    file it is given, where that is on a server. ``absent`` is told in the list.
    """

    site: str
    software: str
    site_file: str
    data: Path
    data_name: str
    files: tuple[Source, ...]
    apart: tuple[Path, ...] = ()
    absent: tuple[str, ...] = ()
    ledger: Callable[[Path], None] | None = None


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup: where it is, the SHA-256 of its list, what it took, and what is wrong in it.

    ``new_bytes`` are those that no earlier backup had.
    """

    path: Path
    sha256: str
    files: int
    total_bytes: int
    new_bytes: int
    faults: tuple[str, ...]


def make(
    what: What,
    out: Path,
    *,
    now: int,
    keep: int | None = None,
    announce: Callable[[Made], None] = lambda _: None,
    besides: Callable[[], list[str]] = list,
    progress: Progress = lambda *_: None,
) -> Made:
    """Make a backup in ``out``, beside those that are there; ``keep`` so many of the newest.

    ``announce`` is told of it before it gets its name; what that raises leaves no backup.
    ``besides`` keeps up what stands beside the backups, and says what is wrong with that.

    Raises:
        BackupError: it cannot be made; nothing of it was kept.
    """
    if out.resolve().is_relative_to(what.data.resolve()):
        raise BackupError(f"{out}: is within the data; name a folder on another disk")
    try:
        with alone(out):
            earlier = list(backups(out))
            _check_site(what, out, earlier)
            target = _free(out, now)
            with appearing(target) as folder:
                maker = _Maker(what, folder, earlier, progress)
                made = msgspec.structs.replace(maker.make(now), path=target)
                announce(made)
            made = msgspec.structs.replace(made, faults=(*made.faults, *besides()))
            for path, _ in list(backups(out))[keep:] if keep else []:
                take_away(path)
    except OSError as error:
        raise BackupError(
            f"{out}: the backup cannot be made: {error.strerror or error}"
            f"{f' ({error.filename})' if error.filename else ''}; nothing of it was kept: make "
            "room, or name a folder that this user may write"
        ) from error
    return made


def _check_site(what: What, out: Path, earlier: Iterable[tuple[Path, Manifest]]) -> None:
    for path, manifest in earlier:
        if manifest.site != what.site:
            raise BackupError(
                f"{out}: holds backups of {manifest.site} ({path.name}); give {what.site} a "
                "folder of its own"
            )


def _free(out: Path, now: int) -> Path:
    stamp = datetime.fromtimestamp(now / 1_000, UTC).strftime("%Y-%m-%dT%H%M%S.%f")[:-3] + "Z"
    if (out / stamp).exists():
        raise BackupError(f"{out / stamp}: is there already; make the next one a moment later")
    return out / stamp


class _State(NamedTuple):
    """One state of everything that is written while it is copied."""

    sealed: list[Sealed]
    databases: dict[str, Snapshot]
    beside: dict[str, bytes]


class _Maker:
    """Fills one folder."""

    def __init__(
        self,
        what: What,
        folder: Path,
        earlier: list[tuple[Path, Manifest]],
        progress: Progress,
    ) -> None:
        self._what = what
        self._progress = progress
        self._done = self._all = 0
        self._faults: list[str] = []
        self._stock = Stock(folder, earlier, done=self._advance)
        self._folder = folder

    def make(self, now: int) -> Made:
        with ExitStack() as held:
            state = self._state(held)
            plain = list(self._plain(state))
            self._all = sum(snapshot.size for snapshot in state.databases.values()) + sum(
                _size(path) for _, path in plain
            )
            self._all += sum(each.seal.file.size + each.seal.sums.size for each in state.sealed)
            self._copy(state)
        for name, path in plain:
            self._take(name, path)
        for each in state.sealed:
            self._segment(each)
        digest = write(self._folder, self._manifest(now))
        return Made(
            path=self._folder,
            sha256=digest,
            files=len(self._stock.files),
            total_bytes=sum(kept.size for kept in self._stock.files.values()),
            new_bytes=self._stock.new_bytes,
            faults=tuple(self._faults),
        )

    def _manifest(self, now: int) -> Manifest:
        what = self._what
        return Manifest(
            format=FORMAT,
            site=what.site,
            at=now,
            software=what.software,
            site_file=what.site_file,
            data=what.data_name,
            files=self._stock.files,
            folders=self._stock.folders,
            absent=what.absent,
            faults=tuple(self._faults),
            from_server=what.ledger is not None,
        )

    def _state(self, held: ExitStack) -> _State:
        """Hold all databases at states that fit together."""
        for _ in range(_TRIES):
            with ExitStack() as trial:
                state = self._try(trial)
                journal = state.databases.get(JOURNAL)
                last = state.sealed[-1].seal.last if state.sealed else 0
                if journal is None or journal.removed() <= last or self._faults:
                    held.push(trial.pop_all())
                    return state
                # Meanwhile a day was sealed and the journal freed of it.
        raise BackupError(
            f"{self._what.data}: the journal was freed of entries that no seal of the archive "
            "holds; look at the archive with culturewatch verify"
        )

    def _try(self, held: ExitStack) -> _State:
        data = self._what.data
        self._faults.clear()
        sealed = seals(data, unreadable=self._faults.append)
        if self._what.ledger is not None:
            place = self._stock.place(self._named(LEDGER))
            place.unlink(missing_ok=True)
            self._what.ledger(place)
        others = [
            path.name
            for path in sorted(data.glob("*"))
            if path.is_file() and not _is_passing(path) and is_database(path)
        ]
        order = [name for name in _FOLLOWED if name in others]
        order += [name for name in others if name not in (*_FOLLOWED, *_FOLLOWING)]
        order += [name for name in _FOLLOWING if name in others]
        databases = {}
        said = {}
        for name in order:
            if name == JOURNAL:
                there = [beside for beside in _BESIDE if (data / beside).exists()]
                said = {beside: (data / beside).read_bytes() for beside in there}
            databases[name] = held.enter_context(Snapshot(data / name))
        return _State(sealed, databases, said)

    def _copy(self, state: _State) -> None:
        for name, snapshot in state.databases.items():
            target = self._stock.place(self._named(name))
            snapshot.copy(target, done=self._advance)
            self._stock.enter(self._named(name), snapshot.path.stat().st_mode)
            # Held no longer than is needed: the log of what is written meanwhile grows.
            snapshot.close()
        if self._what.ledger is not None:
            self._stock.enter(self._named(LEDGER), 0o600)
        for name, said in state.beside.items():
            mode = (self._what.data / name).stat().st_mode
            self._stock.write(self._named(name), said, mode)

    def _plain(self, state: _State) -> Iterator[Source]:
        """Every other file of the data, and the configuration."""
        data, apart = self._what.data, {path.resolve() for path in self._what.apart}
        apart.add(folder_of(data).resolve())
        taken = (*state.databases, *(_BESIDE if JOURNAL in state.databases else ()))
        for folder, below, names in os.walk(data, followlinks=True):
            below[:] = sorted(n for n in below if (Path(folder) / n).resolve() not in apart)
            here = Path(folder)
            name = self._named(here.relative_to(data).as_posix())
            self._stock.folders[name] = here.stat().st_mode & 0o777
            for each in sorted(names):
                path = here / each
                known = here == data and each in taken
                if not known and path.is_file() and not _is_passing(path):
                    yield Source(f"{name}/{each}", path)
        if folder_of(data).is_dir():
            archive = self._named(folder_of(data).name)
            self._stock.folders[archive] = folder_of(data).stat().st_mode & 0o777
        for path in sorted(folder_of(data).glob(f"*{ASIDE}*")):
            yield Source(self._named(path.relative_to(data).as_posix()), path)
        yield from self._what.files

    def _take(self, name: str, path: Path) -> None:
        try:
            self._stock.take(name, path)
        except FileNotFoundError:
            # The program itself took it away meanwhile, as it does with what is done.
            if path.exists() or path in {source.path for source in self._what.files}:
                raise

    def _segment(self, sealed: Sealed) -> None:
        files = (
            (sealed.entries, sealed.seal.file),
            (sealed.sums, sealed.seal.sums),
            (sealed.path, File(size=sealed.path.stat().st_size, sha256=sealed.sha256)),
        )
        for path, file in files:
            name = self._named(path.relative_to(self._what.data).as_posix())
            if not self._stock.take_sealed(name, path, file):
                self._faults.append(
                    f"{path}: is not what was sealed, and no earlier backup has it ({file.sha256})"
                )

    def _named(self, name: str) -> str:
        return (Path(self._what.data_name) / name).as_posix()

    def _advance(self, count: int) -> None:
        self._done += count
        self._progress(min(self._done, self._all), self._all)


def _is_passing(path: Path) -> bool:
    return path.name.endswith(_PASSING)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
