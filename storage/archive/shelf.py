"""The segments of an archive for those who read it: which there are, and rows out of them."""

from collections import OrderedDict
from pathlib import Path

import numpy as np

from devices.scan import Layout
from storage.archive.columns import Columns, joined
from storage.archive.parquet import EntriesReader
from storage.archive.seal import Part, Run, Sealed
from storage.closable import Closable

_OPEN = 64
_CACHED_VALUES = 4_000_000
"""So many values are kept, about 100 MB with all else: a month of row groups that devices share."""


class Shelf(Closable):
    """Keeps a few files and row groups at hand; reads a row group at a time."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._files: OrderedDict[Path, EntriesReader] = OrderedDict()
        self._groups: OrderedDict[tuple[Path, int, int], Columns] = OrderedDict()
        self._cached = 0
        self._part: tuple[tuple[Path, int], Columns] | None = None

    def close(self) -> None:
        """Let go of all files."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._groups.clear()
        self._cached = 0
        self._part = None

    def rows(
        self, path: Path, run: Run, layout: Layout, start: int, end: int, *, keep: bool = True
    ) -> Columns:
        """The rows of a run with ``start`` ≤ ``at`` < ``end``, in the order of time.

        ``keep`` its row group for whoever asks next: not where years are read through once.

        Raises:
            ArchiveError: they cannot be read.
        """
        group = self._group(path, run.group, len(layout.keys), keep=keep)
        at = group.at[run.offset : run.offset + run.count]
        first, last = np.searchsorted(at, (start, end)).tolist()
        return group.slice(run.offset + first, run.offset + last)

    def part(self, sealed: Sealed, part: Part) -> Columns:
        """All entries of a part, in the order of the log.

        Raises:
            ArchiveError: they cannot be read.
        """
        key = (sealed.entries, part.first)
        if self._part is None or self._part[0] != key:
            file = self._file(sealed.entries)
            found = joined([file.group(group) for group in part.groups], file.width)
            self._part = key, found.take(np.argsort(found.seq, kind="stable"))
        return self._part[1]

    def _group(self, path: Path, number: int, width: int, *, keep: bool) -> Columns:
        key = (path, number, width)
        if key in self._groups:
            self._groups.move_to_end(key)
            return self._groups[key]
        found = self._file(path).group(number, width=width)
        if keep:
            self._groups[key] = found
            self._cached += found.values.size
            while self._cached > _CACHED_VALUES and len(self._groups) > 1:
                self._cached -= self._groups.popitem(last=False)[1].values.size
        return found

    def _file(self, path: Path) -> EntriesReader:
        if path not in self._files:
            self._files[path] = EntriesReader(path)
            if len(self._files) > _OPEN:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(path)
        return self._files[path]
