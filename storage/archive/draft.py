"""The file of a segment while it is written: parts of the log, each sorted by device and time."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from devices.scan import Layout
from storage.archive import sums
from storage.archive.columns import Columns, bodies, columns
from storage.archive.parquet import EntriesReader, EntriesWriter
from storage.archive.seal import ArchiveError, Group, Part, Run
from storage.pack import placed
from storage.reader import Row

PART_ROWS = 262_144
PART_VALUES = 4_000_000
"""A part is no larger: so much is held in memory to put the entries into the order of the log."""
GROUP_ROWS = 16_384


class Draft:
    """Takes the rows of the journal in order and writes them into a file."""

    def __init__(self, path: Path, layouts: Mapping[int, Layout]) -> None:
        """Create ``path``.

        Raises:
            OSError: it cannot be written.
        """
        self.entries = 0
        self.damaged: dict[int, str] = {}
        self.parts: list[Part] = []
        self.runs: list[Run] = []
        self.buckets: list[sums.Buckets] = []
        self._layouts = layouts
        self._width = max((len(each.keys) for each in layouts.values()), default=0)
        self._part_rows = max(1, min(PART_ROWS, PART_VALUES // max(1, self._width)))
        self._waiting: list[Row] = []
        self._groups = 0
        self._contents = hashlib.sha256()
        self._writer = EntriesWriter(path, layouts, self._width, about(layouts))

    @property
    def contents(self) -> str:
        """The hash over the entries so far, in the order of the log."""
        return self._contents.hexdigest()

    def add(self, rows: Sequence[Row]) -> None:
        """The next rows, in the order of their numbers.

        Raises:
            OSError: they cannot be written.
        """
        self._waiting += rows
        while len(self._waiting) >= self._part_rows:
            part, self._waiting = (
                self._waiting[: self._part_rows],
                self._waiting[self._part_rows :],
            )
            self._write(part)

    def close(self) -> None:
        """Write what is left, and the end of the file.

        Raises:
            OSError: it cannot be written.
        """
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []
        self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that will not be used."""
        self._writer.close()

    def _write(self, rows: Sequence[Row]) -> None:
        found, damaged = columns(rows, self._layouts, self._width)
        self.damaged |= damaged
        for seq, layout, at, _, packed in rows:
            if seq not in damaged:
                self._contents.update(placed(seq, layout, at) + packed)
        self.entries += len(found.seq)
        first_group = self._groups
        for begin in range(0, len(found.seq), GROUP_ROWS):
            some = found.slice(begin, begin + GROUP_ROWS)
            self._writer.write(some)
            self.runs += runs_of(some, self._groups)
            self._groups += 1
        self.parts.append(Part(rows[0][0], rows[-1][0], tuple(range(first_group, self._groups))))
        self.buckets += sums.buckets_of(found, self._layouts)


def about(layouts: Mapping[int, Layout]) -> bytes:
    """What stands in the file for those who read it with another program."""
    return msgspec.json.encode(
        {
            "what": "one row an entry; value_n is the value of the n-th key of the row's layout",
            "layouts": {str(number): layout for number, layout in layouts.items()},
        }
    )


def runs_of(found: Columns, group: int) -> list[Run]:
    """Where the rows of each layout stand in a row group."""
    begins = np.flatnonzero(np.diff(found.layout, prepend=-1)).tolist()
    ends = [*begins[1:], len(found.layout)]
    at, layout = found.at, found.layout
    return [
        Run(group, int(layout[begin]), begin, end - begin, int(at[begin]), int(at[end - 1]))
        for begin, end in zip(begins, ends, strict=True)
    ]


def contents_of(
    path: Path, layouts: Mapping[int, Layout], parts: Sequence[Part]
) -> tuple[int, str]:
    """How many entries a file holds, and the hash over them in the order of the log.

    Raises:
        ArchiveError: it cannot be read.
    """
    contents, count = hashlib.sha256(), 0
    with EntriesReader(path) as file:
        for part in parts:
            rows = list(_rows(file, layouts, part))
            rows.sort()
            count += len(rows)
            contents.update(b"".join(piece for _, piece in rows))
    return count, contents.hexdigest()


def _rows(
    file: EntriesReader, layouts: Mapping[int, Layout], part: Part
) -> Iterator[tuple[int, bytes]]:
    for group in part.groups:
        found = file.group(group)
        heads = zip(found.seq.tolist(), found.layout.tolist(), found.at.tolist(), strict=True)
        for (seq, layout, at), packed in zip(heads, bodies(found, layouts), strict=True):
            yield seq, placed(seq, layout, at) + packed


def groups_of(path: Path, parts: Sequence[Part]) -> tuple[Group, ...]:
    """Where the row groups of a file stand, and what each hashes to.

    Raises:
        ArchiveError: it cannot be read.
        OSError: it cannot be read.
    """
    with EntriesReader(path) as file:
        places = file.places()
    owner = {group: n for n, part in enumerate(parts) for group in part.groups}
    found = []
    with path.open("rb") as raw:
        for number, (begin, size) in enumerate(places):
            raw.seek(begin)
            data = raw.read(size)
            if len(data) != size:
                raise ArchiveError(f"{path}: is shorter than it was written")
            found.append(Group(owner[number], begin, size, hashlib.sha256(data).hexdigest()))
    return tuple(found)
