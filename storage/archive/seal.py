"""The seal of a segment: what stands in it, what it hashes to, and the seal before.

A folder ``archive`` holds for each day ``<name>.parquet`` (the entries), ``<name>.sums.parquet``
(what they sum up to) and ``<name>.seal.json``. A segment is there when its seal is: the seal is
written last. Each seal names the SHA-256 of the seal before, so that none can be changed, put in
or taken out from between. No seal follows the newest yet: each ends with a line that is the SHA-256
of what stands before it, since format 2.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from devices.scan import Layout
from storage.chain import GENESIS, Head

FOLDER = "archive"
FORMAT = 2
_SUMMED = 2
"""The first format in which a seal ends with its own SHA-256."""
ENTRIES, SUMS, SEAL, PART = ".parquet", ".sums.parquet", ".seal.json", ".part"
_BLOCK = 1 << 20


class ArchiveError(Exception):
    """The archive cannot be read or written; the text says what to do."""


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one layout that stand together: ``count`` from ``offset`` of a row group on.

    They are in the order of time, from ``start`` to ``end`` (epoch ms, both included); ``layout``
    is 0 for what is no scan.
    """

    group: int
    layout: int
    offset: int
    count: int
    start: int
    end: int


class Group(msgspec.Struct, frozen=True, array_like=True):
    """A row group: its bytes in the file and their SHA-256; ``part`` is the part it belongs to."""

    part: int
    begin: int
    size: int
    sha256: str


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Entries ``first`` to ``last`` of the log; its row groups are sorted by device and time."""

    first: int
    last: int
    groups: tuple[int, ...]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the segment."""

    size: int
    sha256: str


class Seal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one segment.

    It holds the ``entries`` of the log from number ``first`` to ``last``, without those that were
    ``missing`` (from, to) or ``damaged`` (number and why). Its scans are of ``start`` to ``end`` by
    the clocks of devices (epoch ms, both included; without a scan the end is less). Between those
    of ``altered`` the chain of the journal did not hold when it was sealed. ``contents`` is the
    SHA-256 over its entries as they stood in the journal (``storage.links``), in the order of
    the log; ``journal`` is the head of the journal's chain at ``last``, ``alarms`` and ``ledger``
    the heads of theirs at the time, ``previous`` the SHA-256 of the seal before. ``at`` is
    when it was sealed, epoch ms.
    """

    format: int
    name: str
    first: int
    last: int
    start: int
    end: int
    entries: int
    missing: tuple[tuple[int, int], ...]
    damaged: tuple[tuple[int, str], ...]
    altered: tuple[tuple[int, int], ...]
    contents: str
    file: File
    sums: File
    layouts: dict[int, Layout]
    parts: tuple[Part, ...]
    groups: tuple[Group, ...]
    runs: tuple[Run, ...]
    journal: Head | None
    alarms: Head | None
    ledger: Head | None
    previous: str
    at: int
    software: str


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A seal, where it stands, and the SHA-256 of its file."""

    seal: Seal
    path: Path
    sha256: str

    @property
    def entries(self) -> Path:
        """The file of its entries."""
        return self.path.with_name(self.seal.name + ENTRIES)

    @property
    def sums(self) -> Path:
        """The file of its sums."""
        return self.path.with_name(self.seal.name + SUMS)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Seal).decode


def folder_of(data: Path) -> Path:
    """Where the archive of a folder of data is."""
    return data / FOLDER


def body(seal: Seal) -> bytes:
    """The seal as its file holds it."""
    told = _encode(seal) + b"\n"
    return told + _sum_of(told)


def _sum_of(told: bytes) -> bytes:
    return hashlib.sha256(told).hexdigest().encode() + b"\n"


def read(path: Path) -> Sealed:
    """One seal.

    Raises:
        ArchiveError: it cannot be read, is no seal, or was changed.
    """
    try:
        raw = path.read_bytes()
        told, end, own = raw.partition(b"\n")
        seal = _decode(told)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ArchiveError(f"{path}: is no seal of the archive: {error}") from error
    if seal.format > FORMAT:
        raise ArchiveError(f"{path}: a newer version sealed it; start that one")
    if (own or seal.format >= _SUMMED) and own != _sum_of(told + end):
        raise ArchiveError(
            f"{path}: was changed: it does not match the SHA-256 at its end; put it back from a "
            "backup"
        )
    return Sealed(seal=seal, path=path, sha256=hashlib.sha256(raw).hexdigest())


def present(data: Path) -> list[Path]:
    """The files of all seals, in no order."""
    folder = folder_of(data)
    return sorted(folder.glob(f"*{SEAL}")) if folder.is_dir() else []


def scanned(data: Path, *, unreadable: Callable[[str], None]) -> Iterator[Sealed]:
    """Every seal that can be read, one at a time, in no order."""
    for path in present(data):
        try:
            yield read(path)
        except ArchiveError as error:
            unreadable(str(error))


def seals(data: Path, *, unreadable: Callable[[str], None] | None = None) -> list[Sealed]:
    """Every seal in the order of the log; one that cannot be read goes to ``unreadable``.

    Raises:
        ArchiveError: one cannot be read, and there is no ``unreadable``.
    """
    if unreadable is None:
        found = [read(path) for path in present(data)]
    else:
        found = list(scanned(data, unreadable=unreadable))
    return sorted(found, key=lambda each: each.seal.first)


def last_sealed(data: Path) -> int:
    """The number of the last entry that is sealed, by the newest seal; 0 where there is none.

    Raises:
        ArchiveError: that seal cannot be read.
    """
    paths = present(data)
    if not paths:
        return 0
    # Days are no order where a clock was set, times of files are none after a restore.
    newest = {paths[-1], max(paths, key=lambda path: path.stat().st_mtime_ns)}
    return max(read(path).seal.last for path in newest)


def head(sealed: list[Sealed]) -> str:
    """What the next seal names as the one before."""
    return sealed[-1].sha256 if sealed else GENESIS


def describe(path: Path, *, done: Callable[[int], None] = lambda _: None) -> File:
    """Size and SHA-256 of a file, read a block at a time; ``done`` is told bytes as they are read.

    Raises:
        OSError: it cannot be read.
    """
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha.update(block)
            size += len(block)
            done(len(block))
    return File(size=size, sha256=sha.hexdigest())


def place(path: Path) -> None:
    """Give ``path`` + ``.part``, which is whole, its name; on disk when this returns.

    Raises:
        OSError: it could not be done.
    """
    part = path.with_name(path.name + PART)
    _force(part)
    part.rename(path)
    _force(path.parent)


def _force(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def runs(seal: Seal, device: str, start: int, end: int) -> list[Run]:
    """The runs of a device that hold something of ``[start, end)``."""
    numbers = {n for n, layout in seal.layouts.items() if layout.device == device}
    return [
        run for run in seal.runs if run.layout in numbers and run.start < end and run.end >= start
    ]
