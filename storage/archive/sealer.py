"""Seals the days that are over: each into a segment of its own, once, wherever it is killed.

A file is written beside its place, forced to disk, read again and compared with the journal, then
renamed; the seal comes last. What stands there without a seal is written anew.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from devices.scan import Layout
from storage.archive import sums
from storage.archive.days import Cut
from storage.archive.draft import Draft, contents_of, groups_of
from storage.archive.seal import (
    ENTRIES,
    FORMAT,
    PART,
    SEAL,
    SUMS,
    ArchiveError,
    File,
    Seal,
    Sealed,
    body,
    describe,
    folder_of,
    head,
    place,
    read,
    seals,
)
from storage.chain import Head
from storage.links import Followed, Link, is_bytes
from storage.pack import NOTE
from storage.reader import JournalReader, Row

_AT_ONCE = 10_000
Progress = Callable[[int, int], None]


class Heads(NamedTuple):
    """The newest rows of the chains that a seal anchors."""

    alarms: Head | None
    ledger: Head | None


class Sealer:
    """Seals what the journal in a folder of data holds."""

    def __init__(
        self,
        data: Path,
        *,
        heads: Callable[[], Heads],
        software: str,
        progress: Progress = lambda _done, _all: None,
    ) -> None:
        """Touch nothing yet; ``heads`` is asked for each seal."""
        self._data = data
        self._folder = folder_of(data)
        self._heads = heads
        self._software = software
        self._progress = progress

    def seal(self, now: int) -> list[Sealed]:
        """Seal every day that is over at ``now`` (epoch ms); the new seals.

        Raises:
            ArchiveError: the archive is not what it was, or what was written cannot be read back.
            storage.waiting.JournalError: the journal cannot be read.
            OSError: the disk takes no more, or cannot be read.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        found: list[Sealed] = []
        with _alone(self._folder), JournalReader(self._data) as journal:
            for left in self._folder.glob(f"*{PART}"):
                left.unlink()
            before = seals(self._data)
            chain = _chain(journal, before[-1].seal.last if before else 0)
            while (sealed := self._next(journal, chain, before, now)) is not None:
                before.append(sealed)
                found.append(sealed)
        return found

    def _next(
        self, journal: JournalReader, chain: Followed, before: list[Sealed], now: int
    ) -> Sealed | None:
        after = before[-1].seal.last if before else 0
        if after < journal.removed:
            raise ArchiveError(
                f"{self._folder}: its last seal ends with entry {after}, the journal was freed of "
                f"entries up to {journal.removed}: a seal is gone; put it back from a backup"
            )
        first = journal.rows(after, 1)
        if not first:
            return None
        cut = Cut(came(first[0]))
        upto = journal.last
        newest = journal.rows(max(after, upto - 1), 1)
        if not cut.is_over(now) and not (newest and cut.ends_before(came(newest[-1]))):
            return None
        chain.learn(journal.links(chain.newest))
        return self._segment(_Day(journal, cut, after, upto), chain, before, now)

    def _segment(self, day: "_Day", chain: Followed, before: list[Sealed], now: int) -> Sealed:
        path = self._free_path(day.cut.name)
        entries = path.with_name(path.name + ENTRIES)
        layouts = day.journal.numbered_layouts()
        known = len(chain.altered)
        draft = Draft(entries.with_name(entries.name + PART), layouts)
        try:
            numbers = self._fill(draft, chain, day)
        except BaseException:
            # Half a segment is none, whatever stopped it; which goes on as it came.
            draft.abandon()
            raise
        draft.close()
        self._see_that_it_is_whole(entries, draft, layouts)
        parts = tuple(draft.parts)
        groups = groups_of(entries.with_name(entries.name + PART), parts)
        written = describe(entries.with_name(entries.name + PART))
        place(entries)
        heads = self._heads()
        seal = Seal(
            format=FORMAT,
            name=path.name,
            first=numbers.first,
            last=numbers.last,
            start=min((run.start for run in draft.runs if run.layout != NOTE), default=0),
            end=max((run.end for run in draft.runs if run.layout != NOTE), default=-1),
            entries=draft.entries,
            missing=_missing(numbers, day),
            damaged=tuple(sorted(draft.damaged.items())),
            altered=tuple(chain.altered[known:]),
            contents=draft.contents,
            file=written,
            sums=self._sums(path, draft),
            layouts={n: layouts[n] for n in sorted({run.layout for run in draft.runs} - {NOTE})},
            parts=parts,
            groups=groups,
            runs=tuple(draft.runs),
            journal=None if chain.link is None else Head(chain.link.seq, chain.link.hash.hex()),
            alarms=heads.alarms,
            ledger=heads.ledger,
            previous=head(before),
            at=now,
            software=self._software,
        )
        return self._put(path.with_name(path.name + SEAL), seal)

    def _fill(self, draft: Draft, chain: Followed, day: "_Day") -> "_Numbers":
        numbers = _Numbers()
        for some in day.rows():
            draft.add(some)
            chain.take(some)
            numbers.take(some)
            self._progress(some[-1][0] - day.after, day.upto - day.after)
        chain.reach(numbers.last)
        return numbers

    def _see_that_it_is_whole(
        self, entries: Path, draft: Draft, layouts: dict[int, Layout]
    ) -> None:
        part = entries.with_name(entries.name + PART)
        _forget(part)
        found = contents_of(part, layouts, draft.parts)
        if found != (draft.entries, draft.contents):
            raise ArchiveError(
                f"{entries}: what was read back is not what the journal holds; nothing was sealed "
                "and the journal keeps all of it: look after the disk, and report this"
            )

    def _sums(self, path: Path, draft: Draft) -> File:
        made = path.with_name(path.name + SUMS)
        part = made.with_name(made.name + PART)
        sums.write(part, draft.buckets)
        described = describe(part)
        place(made)
        return described

    def _put(self, path: Path, seal: Seal) -> Sealed:
        path.with_name(path.name + PART).write_bytes(body(seal))
        place(path)
        return read(path)

    def _free_path(self, name: str) -> Path:
        """Days come twice where the clock was set back."""
        path, n = self._folder / name, 1
        while path.with_name(path.name + SEAL).exists():
            n += 1
            path = self._folder / f"{name}_{n}"
        return path


class _Day(NamedTuple):
    """What is sealed: the entries above ``after`` up to where ``cut`` ends, or to ``upto``."""

    journal: JournalReader
    cut: Cut
    after: int
    upto: int

    def rows(self) -> Iterator[list[Row]]:
        after = self.after
        while rows := [row for row in self.journal.rows(after, _AT_ONCE) if row[0] <= self.upto]:
            ends = (n for n, row in enumerate(rows) if self.cut.ends_before(came(row)))
            end = next(ends, len(rows))
            if end:
                yield rows[:end]
            if end < len(rows):
                return
            after = rows[-1][0]


class _Numbers:
    """The numbers of the entries that went by, and those that did not."""

    def __init__(self) -> None:
        self.first = self.last = 0
        self.gaps: list[tuple[int, int]] = []

    def take(self, rows: list[Row]) -> None:
        if not self.first:
            self.first, self.last = rows[0][0], rows[0][0] - 1
        for row in rows:
            if row[0] != self.last + 1:
                self.gaps.append((self.last + 1, row[0] - 1))
            self.last = row[0]


def _chain(journal: JournalReader, after: int) -> Followed:
    """The journal's chain, followed up to ``after``; from day to day it is carried on.

    It can begin at a link alone, and in some journals the last one lies far back.
    """
    links = journal.links(-1)
    begins = _last_link(links, after)
    chain = Followed([link for link in links if link.seq >= begins])
    if not links:
        return chain
    while rows := [row for row in journal.rows(chain.seq, _AT_ONCE) if row[0] <= after]:
        chain.take(rows)
    return chain


def _last_link(links: list[Link], after: int) -> int:
    return max((link.seq for link in links if link.seq <= after), default=after)


def came(row: Row) -> int:
    """When a row came, epoch ms; of a damaged one what it says."""
    _, layout, at, _, packed = row
    if layout == NOTE or not is_bytes(packed) or len(packed) < _RECEIVED:
        return at
    return int.from_bytes(packed[:_RECEIVED], "little", signed=True)


_RECEIVED = 8


def _missing(numbers: _Numbers, day: _Day) -> tuple[tuple[int, int], ...]:
    """Numbers under which nothing stands any more; not those that were never given out."""
    gaps = list(numbers.gaps)
    if numbers.first > day.after + 1:
        gaps.insert(0, (day.after + 1, numbers.first - 1))
    skipped = day.journal.skipped()
    return tuple(gap for gap in gaps if not any(a <= gap[0] and gap[1] <= b for a, b in skipped))


def _forget(path: Path) -> None:
    """Have the kernel read ``path`` from the disk next time, as far as it does so."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one seals at a time; the lock ends with its process."""
    file = os.open(folder / "archive.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ArchiveError(
                f"{folder}: another process seals it now; wait for its end"
            ) from error
        yield
    finally:
        os.close(file)
