"""Whether the archive is what was sealed: each seal, each file, byte by byte. No pyarrow here."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from storage.archive.seal import ENTRIES, Sealed, describe, folder_of, seals
from storage.chain import GENESIS
from storage.consistency import Wrong
from storage.links import Link

Progress = Callable[[int, int], None]
_GB = 1e9
_NAMED = 5


class Checked(NamedTuple):
    """What a check of the archive came to; ``noted`` are heads of the journal's chain."""

    found: list[str | Wrong]
    sealed: list[Sealed]
    noted: list[Link]

    @property
    def last(self) -> int:
        """The last entry that is sealed."""
        return self.sealed[-1].seal.last if self.sealed else 0


def check(data: Path, *, progress: Progress = lambda _done, _all: None) -> Checked:
    """Read every byte of the archive in ``data`` once; memory does not grow with it.

    ``progress`` is told how many bytes of how many are read.
    """
    folder = folder_of(data)
    found: list[str | Wrong] = []
    sealed = seals(data, unreadable=lambda why: found.append(Wrong(folder.name, why)))
    found += _chain(sealed)
    for each in sealed:
        found += _told(each)
    found += _strays(folder, sealed)
    size = sum(each.seal.file.size + each.seal.sums.size for each in sealed)
    meter = _Meter(size, progress)
    began = time.monotonic()
    for each in sealed:
        found += _files(each, meter)
    took = time.monotonic() - began
    if sealed:
        rate = f", {took / size * _GB:.1f} s/GB" if size else ""
        found.append(
            f"{folder.name}: {len(sealed)} segments up to entry {sealed[-1].seal.last} were held "
            f"against their seals ({size / _GB:.3f} GB{rate})"
        )
    return Checked(found, sealed, list(_noted(sealed, found)))


def _noted(sealed: list[Sealed], found: list[str | Wrong]) -> Iterator[Link]:
    """The heads of the journal's chain that seals noted."""
    for each in sealed:
        if (head := each.seal.journal) is None:
            continue
        try:
            yield Link(head.sequence, bytes.fromhex(head.hash))
        except ValueError:
            # Of a format whose seals have no sum of their own.
            found.append(Wrong(_name(each.path), f"notes a hash that is none: {head.hash!a}"))


class _Meter:
    def __init__(self, size: int, progress: Progress) -> None:
        self._size = size
        self._done = 0
        self._progress = progress

    def __call__(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._size)


def _chain(sealed: list[Sealed]) -> Iterator[Wrong]:
    before, last = GENESIS, 0
    for each in sealed:
        where = _name(each.path)
        if each.seal.previous != before:
            what = "does not follow from the seal before: one was changed, put in or taken out"
            yield Wrong(where, what, each.seal.previous, before)
        if each.seal.first <= last:
            yield Wrong(where, f"seals entry {each.seal.first} once more")
        before, last = each.sha256, each.seal.last


def _told(sealed: Sealed) -> Iterator[Wrong]:
    """What the seal itself says was wrong when it was made."""
    where = _name(sealed.path)
    for seq, why in sealed.seal.damaged:
        yield Wrong(where, f"entry {seq} was not sealed: {why}")
    for first, last in sealed.seal.missing:
        yield Wrong(where, f"entries {first} to {last} were gone from the journal when it was made")
    for behind, upto in sealed.seal.altered:
        yield Wrong(
            where, f"entries {behind + 1} to {upto} were not what was written when it was made"
        )


def _strays(folder: Path, sealed: list[Sealed]) -> Iterator[str | Wrong]:
    known = {each.entries.name for each in sealed}
    for path in sorted(folder.glob(f"*{ENTRIES}")) if folder.is_dir() else []:
        if path.name not in known and not path.name.endswith(".sums.parquet"):
            yield f"{_name(path)}: has no seal; the next sealing writes it anew"
    for path in sorted(folder.glob("*.damaged-*")) if folder.is_dir() else []:
        yield f"{_name(path)}: was found damaged and set aside"


def _files(sealed: Sealed, meter: _Meter) -> Iterator[Wrong]:
    for path, file in ((sealed.entries, sealed.seal.file), (sealed.sums, sealed.seal.sums)):
        where = _name(path)
        if not path.exists():
            yield Wrong(where, "is missing; put it back from a backup", file.sha256, "nothing")
            meter(file.size)
            continue
        try:
            actual = describe(path, done=meter)
        except OSError as error:
            yield Wrong(where, f"cannot be read: {error.strerror}")
            continue
        if actual != file:
            groups = _damaged_groups(sealed) if path == sealed.entries else ""
            yield Wrong(where, f"was changed{groups}", file.sha256, actual.sha256)


def is_whole(sealed: Sealed) -> bool:
    """Whether the files of a segment are there and are what was sealed.

    Raises:
        OSError: one cannot be read.
    """
    return all(
        path.exists() and describe(path) == file
        for path, file in ((sealed.entries, sealed.seal.file), (sealed.sums, sealed.seal.sums))
    )


def _damaged_groups(sealed: Sealed) -> str:
    """Which row groups of a changed file, and readings of which devices stand there."""
    damaged = []
    with sealed.entries.open("rb") as file:
        for number, group in enumerate(sealed.seal.groups):
            file.seek(group.begin)
            if hashlib.sha256(file.read(group.size)).hexdigest() != group.sha256:
                damaged.append(number)
    if not damaged:
        return " outside of its entries: every row group is what was sealed"
    runs = [run for run in sealed.seal.runs if run.group in damaged]
    layouts = sealed.seal.layouts
    devices = sorted({layouts[run.layout].device for run in runs if run.layout in layouts})
    more = ", …" if len(devices) > _NAMED else ""
    return (
        f": row group {', '.join(map(str, damaged))} of {len(sealed.seal.groups)}, "
        f"{sum(run.count for run in runs)} entries ({', '.join(devices[:_NAMED])}{more})"
    )


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
