"""The log as one: what is sealed and what the journal holds, read through one door.

An entry is read from the segment that has it, else from the journal; never from both. pyarrow is
imported only when there is a segment to read.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devices.scan import Layout, Scan
from storage.archive.doubt import freed_upto
from storage.archive.seal import (
    ArchiveError,
    Part,
    Run,
    Seal,
    Sealed,
    folder_of,
    read,
    runs,
    scanned,
)
from storage.chain import GENESIS
from storage.closable import Closable
from storage.entry import Note, Tick
from storage.pack import NOTE, DamagedError
from storage.reader import JournalReader
from storage.waiting import Logged

if TYPE_CHECKING:
    from storage.archive.columns import Columns
    from storage.archive.pieces import Piece, Stream
    from storage.archive.shelf import Shelf

_AT_ONCE = 2_000
_NO_LAYOUT = Layout("", (), ())
"""Of what is no scan."""
_SEALS = 64
_KEPT = 64
"""Runs whose row groups are kept for other devices' sake; of more, those of a year, none are."""


class Segment(NamedTuple):
    """What is remembered of a segment: a site of thirty years has eleven thousand."""

    seal: Path
    entries: Path
    first: int
    last: int
    start: int
    end: int


class _Standing(NamedTuple):
    """Segments that can be read, and those that cannot, in the order of the log.

    All up to ``whole`` are there; above it the numbers in ``ranges`` are.
    """

    usable: list[Segment]
    gone: list[Segment]
    whole: int
    ranges: list[tuple[int, int]]

    def holds(self, seq: int) -> bool:
        at = bisect_right(self.ranges, (seq, 1 << 63)) - 1
        return at >= 0 and self.ranges[at][0] <= seq <= self.ranges[at][1]


class LogReader(Closable):
    """A view on the whole log that only reads: ``JournalReader`` with the archive before it.

    ``damaged`` fills with numbers of entries that are not what was written, and what is wrong: they
    are left out of what is returned. A segment that is not there, or cannot be read, stands
    under the first number that is missed with it.
    """

    def __init__(self, data: Path, *, copy: bool = False) -> None:
        """Read what is in ``data``; ``copy`` says that nobody writes it (``storage.readonly``)."""
        self._data = data
        self.journal = JournalReader(data, copy=copy)
        self._shelf_: Shelf | None = None
        self._standing_: tuple[int, _Standing] | None = None
        self._seal = lru_cache(maxsize=_SEALS)(read)
        self._damaged: dict[int, str] = {}

    def close(self) -> None:
        """Let go of all files."""
        self.journal.close()
        if self._shelf_ is not None:
            self._shelf_.close()

    @property
    def damaged(self) -> dict[int, str]:
        """What was left out so far, by number."""
        return self._damaged | self.journal.damaged

    @property
    def last(self) -> int:
        """The newest number on disk; 0 where nothing was ever written."""
        return self.journal.last

    def layouts(self) -> list[Layout]:
        """Every layout in which a device ever spoke, the newest last."""
        # The journal keeps the layouts of what it has not any more.
        return self.journal.layouts()

    def segments(self) -> list[Segment]:
        """The segments that can be read, in the order of the log."""
        return self._standing().usable

    def seal_of(self, segment: Segment) -> Sealed:
        """The seal of a segment, read again when others were asked for.

        Raises:
            ArchiveError: it cannot be read any more.
        """
        return self._seal(segment.seal)

    def scans(self, device: str, start: int, end: int) -> Iterator[Scan]:
        """Scans of a device with ``start`` ≤ ``at`` < ``end`` (epoch ms), ordered by ``at``.

        A row group or a page is in memory at a time, and where late entries overlap others, one
        of each.

        Raises:
            storage.waiting.JournalError: the journal cannot be read.
        """
        from storage.archive.columns import scans_of  # noqa: PLC0415 # numpy
        from storage.archive.pieces import merged  # noqa: PLC0415 # numpy

        for piece in merged(self._streams(device, start, end)):
            yield from scans_of(piece.rows, piece.layout)

    def pieces(self, device: str, start: int, end: int) -> "Iterator[Piece]":
        """What ``scans`` gives, as columns: a piece at a time, each of one layout.

        Raises:
            storage.waiting.JournalError: the journal cannot be read.
        """
        from storage.archive.pieces import gathered, merged  # noqa: PLC0415 # numpy

        return gathered(merged(self._streams(device, start, end)))

    def notes(self) -> list[Note]:
        """Everything that stands beside scans but ticks, in the order of entry.

        Raises:
            storage.waiting.JournalError: the journal cannot be read.
        """
        standing = self._standing()
        self._miss(standing, lambda seal: any(run.layout == NOTE for run in seal.runs))
        found = [
            (seq, entry) for segment in standing.usable for seq, entry in self._notes_of(segment)
        ]
        found += [each for each in self.journal.numbered_notes() if not standing.holds(each[0])]
        return [note for _, note in sorted(found, key=lambda each: each[0])]

    def columns(
        self, device: str, start: int, end: int, *, unsealed: bool = True
    ) -> "list[tuple[Layout, Columns]]":
        """What ``scans`` gives, as columns in the order of time, a piece for each layout.

        All of it is in memory at once. Without ``unsealed`` the journal is not asked.

        Raises:
            storage.waiting.JournalError: the journal cannot be read.
            ArchiveError: a segment cannot be read.
        """
        from storage.archive.columns import by_time  # noqa: PLC0415 # numpy

        standing = self._standing()
        self._miss(standing, lambda seal: bool(runs(seal, device, start, end)))
        found: list[tuple[Layout, Columns]] = []
        for segment in standing.usable:
            if segment.start >= end or segment.end < start:
                continue
            sealed = self.seal_of(segment)
            for run in self._runs(segment, device, start, end):
                layout = sealed.seal.layouts[run.layout]
                rows = self._shelf().rows(sealed.entries, run, layout, start, end)
                found.append((layout, rows))
        late = self._unsealed(standing, device, start, end) if unsealed else []
        return by_time([*found, *(piece for each in late for piece in each.pieces)])

    def unsealed_days(self) -> set[tuple[str, int]]:
        """Devices and days (UTC, since 1970) of which the journal has scans that are not sealed."""
        return self.journal.days(after=self._standing().whole)

    def entries(self, after: int, limit: int = _AT_ONCE) -> list[Logged]:
        """Up to ``limit`` entries with higher numbers than ``after``, in order.

        Damaged ones are left out; an empty list says that there is nothing more.

        Raises:
            storage.waiting.JournalError: the journal cannot be read.
        """
        standing = self._standing()
        begun = bisect_right(standing.ranges, (after, 1 << 63))
        for segment in standing.usable[max(0, begun - 1) :]:
            if segment.last <= after:
                continue
            if segment.first > after + 1 and (
                found := self._between(standing, after, segment.first, limit)
            ):
                return found
            if found := self._of_segment(segment, after, limit):
                return found
            after = segment.last
        return self._between(standing, after, 1 << 63, limit)

    def _of_segment(self, segment: Segment, after: int, limit: int) -> list[Logged]:
        try:
            sealed = self.seal_of(segment)
        except ArchiveError as error:
            self._damaged[segment.first] = str(error)
            return []
        self._damaged |= dict(sealed.seal.damaged)
        for part in sealed.seal.parts:
            if part.last > after and (found := self._of_part(sealed, part, after, limit)):
                return found
        return []

    def _between(self, standing: _Standing, after: int, first: int, limit: int) -> list[Logged]:
        """What the journal still has of numbers that no segment holds."""
        found = [logged for logged in self.journal.entries(after, limit) if logged[0] < first]
        if not found:
            for gone in standing.gone:
                if after < gone.last and gone.first < first:
                    self._damaged[gone.first] = f"{gone.entries} is not there"
        return found

    def _of_part(self, sealed: Sealed, part: Part, after: int, limit: int) -> list[Logged]:
        from storage.archive.columns import entries  # noqa: PLC0415 # numpy

        try:
            found = self._shelf().part(sealed, part)
            first = int(found.seq.searchsorted(after, side="right"))
            some = found.slice(first, first + limit)
            made = entries(some, sealed.seal.layouts, range(len(some.seq)))
            return list(zip(some.seq.tolist(), made, strict=True))
        except (ArchiveError, DamagedError) as error:
            self._damaged[part.first] = str(error)
            return []

    def _miss(self, standing: _Standing, tells: Callable[[Seal], bool]) -> None:
        """Name the segments that are not there, had what is asked for, and were the only ones."""
        if not standing.gone:
            return
        freed = freed_upto(self.journal)
        for segment in standing.gone:
            if segment.first > freed:
                # What is set aside is read from the journal while that has it.
                continue
            try:
                if tells(self.seal_of(segment).seal):
                    self._damaged[segment.first] = f"{segment.entries} is not there"
            except ArchiveError as error:
                self._damaged[segment.first] = str(error)

    def _runs(self, segment: Segment, device: str, start: int, end: int) -> list[Run]:
        try:
            seal = self.seal_of(segment).seal
        except ArchiveError as error:
            self._damaged[segment.first] = str(error)
            return []
        self._damaged |= dict(seal.damaged)
        return runs(seal, device, start, end)

    def _streams(self, device: str, start: int, end: int) -> "list[Stream]":
        from storage.archive.pieces import Stream  # noqa: PLC0415 # numpy

        standing = self._standing()
        self._miss(standing, lambda seal: bool(runs(seal, device, start, end)))
        runs_ = [
            (segment, run)
            for segment in standing.usable
            if segment.start < end and segment.end >= start
            for run in self._runs(segment, device, start, end)
        ]
        keep = len(runs_) <= _KEPT
        sealed = [
            Stream(run.start, self._of_run(segment, run, start, end, keep=keep))
            for segment, run in runs_
        ]
        return [*self._unsealed(standing, device, start, end), *sealed]

    def _of_run(
        self, segment: Segment, run: Run, start: int, end: int, *, keep: bool
    ) -> "Iterator[Piece]":
        from storage.archive.pieces import checked  # noqa: PLC0415 # numpy

        part = segment.first
        try:
            sealed = self.seal_of(segment)
            layout = sealed.seal.layouts[run.layout]
            part = sealed.seal.parts[sealed.seal.groups[run.group].part].first
            rows = self._shelf().rows(sealed.entries, run, layout, start, end, keep=keep)
            piece, why = checked(layout, rows)
        except ArchiveError as error:
            self._damaged[part] = str(error)
            return
        if why:
            self._damaged[part] = why
        yield piece

    def _notes_of(self, segment: Segment) -> Iterator[tuple[int, Note]]:
        from storage.archive.columns import entries  # noqa: PLC0415 # numpy

        part = segment.first
        try:
            sealed = self.seal_of(segment)
            for run in (each for each in sealed.seal.runs if each.layout == NOTE):
                part = sealed.seal.parts[sealed.seal.groups[run.group].part].first
                rows = self._shelf().rows(sealed.entries, run, _NO_LAYOUT, run.start, run.end + 1)
                numbers = rows.seq.tolist()
                made = entries(rows, {}, range(len(numbers)))
                for seq, entry in zip(numbers, made, strict=True):
                    if not isinstance(entry, Scan | Tick):
                        yield seq, entry
        except (ArchiveError, DamagedError) as error:
            self._damaged[part] = str(error)

    def _unsealed(self, standing: _Standing, device: str, start: int, end: int) -> "list[Stream]":
        from storage.archive.unsealed import streams  # noqa: PLC0415 # numpy

        if not standing.ranges:
            return streams(self.journal, device, start, end)

        def wanted(seq: int) -> bool:
            return seq > standing.whole and not standing.holds(seq)

        return streams(self.journal, device, start, end, wanted=wanted)

    def _shelf(self) -> "Shelf":
        if self._shelf_ is None:
            from storage.archive.shelf import Shelf  # noqa: PLC0415 # pyarrow

            self._shelf_ = Shelf()
        return self._shelf_

    def _standing(self) -> _Standing:
        folder = folder_of(self._data)
        stamp = folder.stat().st_mtime_ns if folder.is_dir() else 0
        if self._standing_ is None or self._standing_[0] != stamp:
            self._standing_ = stamp, self._look()
        return self._standing_[1]

    def _look(self) -> _Standing:
        before, whole, sound = GENESIS, 0, True
        usable: list[Segment] = []
        gone: list[Segment] = []
        for segment, sha256, previous in self._all():
            there = segment.entries.exists()
            (usable if there else gone).append(segment)
            sound = sound and there and previous == before
            whole, before = segment.last if sound else whole, sha256
        return _Standing(usable, gone, whole, [(each.first, each.last) for each in usable])

    def _all(self) -> list[tuple[Segment, str, str]]:
        found = [
            (
                Segment(
                    each.path,
                    each.entries,
                    each.seal.first,
                    each.seal.last,
                    each.seal.start,
                    each.seal.end,
                ),
                each.sha256,
                each.seal.previous,
            )
            for each in scanned(self._data, unreadable=self._unreadable)
        ]
        return sorted(found, key=lambda each: each[0].first)

    def _unreadable(self, why: str) -> None:
        self._damaged[0] = why
