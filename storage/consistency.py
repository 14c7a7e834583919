"""Whether a journal is what was written: every row, its chain, and that no number is gone."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from storage import beside, floor, readonly
from storage.beside import Unsound
from storage.declared import deviations
from storage.journalfile import NAME, SCHEMA, UPGRADED, VERSION
from storage.links import Followed, Link
from storage.reader import JournalReader
from storage.waiting import JournalError

_AT_ONCE = 10_000
_NAMED = 20


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
        # A core may be writing: what it says of the newest entry is read before the entry is.
        newest, running = floor.read(data)
        removed, last = journal.removed, journal.last
        doubtful = {each.name for each in unsound if each.table == "link"}
        links = [link for link in journal.links(-1) if (link.seq,) not in doubtful]
        heads = [link for link in noted if link.seq > removed]
        if running and newest <= last:
            heads.append(Link(newest, running))
        chain = Followed([link for link in links if link.seq >= removed], noted=heads)
        count, gaps = _read(journal, chain, removed)
        chain.reach(last)
        if (now_removed := journal.removed) > removed:
            # It let go of entries meanwhile: they were sealed, and are not missed.
            gaps = [gap for gap in gaps if gap[1] > now_removed]
            chain.altered = [each for each in chain.altered if each[0] >= now_removed]
        yield from _damage(journal)
        yield from _gaps(gaps, journal)
        named = sorted({*journal.damaged, *journal.taken_out(), *(first for first, _ in gaps)})
        for behind, upto in chain.altered:
            # Where an entry is known to be damaged or gone, the chain says nothing more.
            if bisect_right(named, behind) == bisect_right(named, upto):
                yield Wrong(NAME, f"entries {behind + 1} to {upto} are not what was written")
        if newest > last:
            yield Wrong(NAME, f"ends with entry {last}; entry {newest} had been written")
        yield f"{NAME}: {count} entries match their checksums{_chained(links, running)}"


def _unsound(path: Path) -> list[Unsound]:
    try:
        with closing(sqlite3.connect(readonly.address(path, copy=True), uri=True)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            listed = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'unsummed'").fetchone()
            if listed is None and version in range(1, VERSION):
                # What stands beside the entries has no checksums yet.
                return []
            if version != VERSION:
                why = f"says {version}, the tables are those of {VERSION}"
                return [Unsound("(file)", ("user_version",), why)]
            other = [Unsound("(schema)", *each) for each in _deviations(db)]
            return other or [*beside.unsound(db)]
    except sqlite3.Error as error:
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


def _gaps(gaps: list[tuple[int, int]], journal: JournalReader) -> Iterator[Wrong]:
    """Numbers that were given out and under which nothing stands."""
    skipped, aside = journal.skipped(), journal.taken_out()
    for seq in sorted(aside)[:_NAMED]:
        yield Wrong(NAME, f"entry {seq} was found damaged; what was left of it is in quarantine")
    named = 0
    for first, last in gaps:
        inside = any(a <= first and last <= b for a, b in skipped)
        if inside or all(seq in aside for seq in range(first, min(last, first + _NAMED) + 1)):
            continue
        what = f"entry {first} is" if first == last else f"entries {first} to {last} are"
        yield Wrong(NAME, f"{what} gone: taken out by something else than this program")
        named += 1
        if named == _NAMED:
            return


def _chained(links: list[Link], running: bytes) -> str:
    if not links:
        return "; a version without a chain wrote it"
    return " and the chain" if running else " and the chain, as far as its last link"
