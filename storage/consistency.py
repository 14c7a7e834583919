"""Whether a journal is what was written: every row, its chain, and that no number is gone."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from storage import beside, floor, readonly
from storage.beside import Unsound
from storage.declared import deviations
from storage.journalfile import NAME, SCHEMA, UPGRADED, VERSION
from storage.links import Followed, Link
from storage.reader import JournalReader
from storage.transaction import ERRORS
from storage.waiting import JournalError

_AT_ONCE = 10_000
_NAMED = 20


class Lost(NamedTuple):
    """Entries ``first`` to ``last`` are not all what was written; ``what`` says so in words."""

    first: int
    last: int
    what: str


class Wrong(NamedTuple):
    """One thing that is not as it was written: where, and what is wrong with it."""

    where: str
    what: str
    expected: str = ""
    actual: str = ""


def check(data: Path, *, noted: Iterable[Link] = ()) -> Iterator[str | Wrong]:
    """What was checked of the journal in ``data``, and what was found wrong.

    ``noted`` are heads of its chain that were kept elsewhere, as in seals.

    Raises:
        storage.waiting.JournalError: it cannot be read.
    """
    unsound = _unsound(data / NAME)
    yield from (Wrong(NAME, str(each)) for each in unsound)
    if not floor.is_sound(data):
        yield Wrong(floor.NAME, "does not match its checksum; the next commit writes it anew")
    with JournalReader(data, copy=True) as journal:
        seen = _look(data, journal, unsound, noted=noted)
        yield from _damage(journal)
        for lost in islice(_taken_out(journal), _NAMED):
            yield Wrong(NAME, lost.what)
        for lost in islice(_gone(seen.gaps, journal), _NAMED):
            yield Wrong(NAME, lost.what)
        for lost in _altered(seen, journal):
            yield Wrong(NAME, lost.what)
        yield f"{NAME}: {seen.rows} entries match their checksums{_chained(seen)}"


def losses(data: Path, journal: JournalReader, *, after: int) -> Iterator[Lost]:
    """What ``check`` finds of the entries with higher numbers than ``after``, and reads only those.

    Raises:
        storage.waiting.JournalError: it cannot be read.
    """
    unsound = _unsound(data / NAME, ("link",))
    seen = _look(data, journal, unsound, after=after)
    found = [
        *(Lost(seq, seq, f"entry {seq}: {why}") for seq, why in sorted(journal.damaged.items())),
        *_taken_out(journal),
        *_gone(seen.gaps, journal),
        *_altered(seen, journal),
    ]
    for lost in found:
        if lost.last > after:
            yield lost


class _Seen(NamedTuple):
    """What was read of a journal: ``newest`` and ``running`` as the file beside it has them."""

    rows: int
    gaps: list[tuple[int, int]]
    altered: list[tuple[int, int]]
    last: int
    newest: int
    running: bytes
    chained: bool


def _look(
    data: Path,
    journal: JournalReader,
    unsound: Iterable[Unsound],
    *,
    noted: Iterable[Link] = (),
    after: int = 0,
) -> _Seen:
    """Read it from the last link at or below ``after`` on."""
    # A core may be writing: what it says of the newest entry is read before the entry is.
    newest, running = floor.read(data)
    removed, last = journal.removed, journal.last
    doubtful = {each.name for each in unsound if each.table == "link"}
    links = [link for link in journal.links(-1) if (link.seq,) not in doubtful]
    heads = [link for link in noted if link.seq > removed]
    if running and newest <= last:
        heads.append(Link(newest, running))
    known = [link for link in links if link.seq >= removed]
    passed = bisect_right(known, after, key=lambda link: link.seq)
    begin = known[passed - 1].seq if passed else removed
    chain = Followed(known[max(0, passed - 1) :], noted=heads)
    count, gaps = _read(journal, chain, begin)
    chain.reach(last)
    if (now_removed := journal.removed) > removed:
        # It let go of entries meanwhile: they were sealed, and are not missed.
        gaps = [gap for gap in gaps if gap[1] > now_removed]
        chain.altered = [each for each in chain.altered if each[0] >= now_removed]
    return _Seen(count, gaps, chain.altered, last, newest, running, bool(links))


def _unsound(path: Path, tables: Sequence[str] = beside.TABLES) -> list[Unsound]:
    try:
        with closing(sqlite3.connect(readonly.address(path, copy=True), uri=True)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            listed = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'unsummed'").fetchone()
            if listed is None and version in range(1, VERSION):
                # What stands beside the entries has no checksums yet.
                return []
            if version != VERSION:
                why = f"says {version}, the tables are those of {VERSION}"
                if version > VERSION:
                    why = f"says {version}, this version knows {VERSION}; have a newer one verify"
                return [Unsound("(file)", ("user_version",), why)]
            other = [Unsound("(schema)", *each) for each in _deviations(db)]
            return other or [*beside.unsound(db, tables)]
    except ERRORS as error:
        raise JournalError(f"{path}: cannot be read: {error}; put it back from a backup") from error


def _deviations(db: sqlite3.Connection) -> list[tuple[tuple[str], str]]:
    """Where it declares something else than a file of this version, new or brought up to date."""
    found = []
    for schema in (SCHEMA, UPGRADED):
        with closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(schema)
            found.append([((part,), why) for part, why in deviations(db, fresh)])
    return min(found, key=len)


def _read(journal: JournalReader, chain: Followed, after: int) -> tuple[int, list[tuple[int, int]]]:
    gaps: list[tuple[int, int]] = []
    count = 0
    while rows := journal.rows(after, _AT_ONCE):
        chain.take(rows)
        count += sum(1 for _ in journal.sound(rows))
        for row in rows:
            if row[0] != after + 1:
                gaps.append((after + 1, row[0] - 1))
            after = row[0]
    return count, gaps


def _damage(journal: JournalReader) -> Iterator[Wrong]:
    for seq, why in journal.damaged.items():
        yield Wrong(NAME, f"entry {seq}: {why}")
    for row in journal.lost_acts():
        yield Wrong("inbox.db", f"row {row}: what somebody did was damaged, and is in quarantine")
    if fault := journal.index_fault():
        yield Wrong(NAME, f"its index is damaged, so that records may lack readings: {fault}")


def _taken_out(journal: JournalReader) -> Iterator[Lost]:
    for seq in sorted(journal.taken_out()):
        what = f"entry {seq} was found damaged; what was left of it is in quarantine"
        yield Lost(seq, seq, what)


def _gone(gaps: list[tuple[int, int]], journal: JournalReader) -> Iterator[Lost]:
    """Numbers that were given out and under which nothing stands."""
    skipped, aside = journal.skipped(), journal.taken_out()
    for first, last in gaps:
        inside = any(a <= first and last <= b for a, b in skipped)
        if inside or all(seq in aside for seq in range(first, min(last, first + _NAMED) + 1)):
            continue
        what = f"entry {first} is" if first == last else f"entries {first} to {last} are"
        yield Lost(first, last, f"{what} gone: taken out by something else than this program")


def _altered(seen: _Seen, journal: JournalReader) -> Iterator[Lost]:
    """What only the chain tells, and an end that is not there."""
    named = sorted({*journal.damaged, *journal.taken_out(), *(first for first, _ in seen.gaps)})
    for behind, upto in seen.altered:
        # Where an entry is known to be damaged or gone, the chain says nothing more.
        if bisect_right(named, behind) == bisect_right(named, upto):
            what = f"entries {behind + 1} to {upto} are not what was written"
            yield Lost(behind + 1, upto, what)
    if seen.newest > seen.last:
        what = f"ends with entry {seen.last}; entry {seen.newest} had been written"
        yield Lost(seen.last + 1, seen.newest, what)


def _chained(seen: _Seen) -> str:
    if not seen.chained:
        return "; a version without a chain wrote it"
    return " and the chain" if seen.running else " and the chain, as far as its last link"
