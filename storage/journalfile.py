"""The SQLite file of the journal: its tables, and one transaction a group of what waits."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from devices.scan import Layout, Scan, Source
from storage import beside, links, spare, upgraded
from storage.floor import Floor
from storage.group import Firsts, Group, Seen
from storage.links import BEGINNING, Link, Running
from storage.pack import NOTE, DamagedError, checksum, is_sound, layout_of, unpacked
from storage.row_sum import summed
from storage.rows import slices
from storage.short import whole
from storage.transaction import Transaction
from storage.waiting import Committed, Fact, Waiting
from storage.wall import wall_ms

NAME = "journal.db"
PAGE_BYTES = 4096
VERSION = 3
"""Of the file's format. 2: scans may be stored short (``storage.short``). 3: ``storage.beside``."""
SEEN_MS = 7 * 24 * 3_600_000
"""How long a message is remembered so that its redelivery is recognised."""
_PRUNED_AT_ONCE = 500
_CHECKPOINT_PAGES = 4_000
# Marks begin with a time most often, so what comes together stands in few pages of ``seen``. A file
# from before has it sorted by topic first, and is used as it is.
SCHEMA = f"""
CREATE TABLE layout (id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, layout INTEGER NOT NULL, at INTEGER NOT NULL,
    crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX entry_by_layout ON entry (layout, at);
CREATE TABLE seen (
    topic TEXT NOT NULL, mark TEXT NOT NULL, digest BLOB NOT NULL, kept INTEGER NOT NULL,
    crc INTEGER, PRIMARY KEY (mark, topic)) WITHOUT ROWID;
CREATE INDEX seen_by_age ON seen (kept);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, origin TEXT NOT NULL, reason TEXT NOT NULL,
    length INTEGER NOT NULL, sha256 BLOB NOT NULL, payload BLOB NOT NULL,
    crc INTEGER);
CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, crc INTEGER) WITHOUT ROWID;
CREATE TABLE start (seq INTEGER PRIMARY KEY, before INTEGER NOT NULL, crc INTEGER);
{links.SCHEMA}
{beside.SCHEMA}
{beside.ALL}
PRAGMA user_version = {VERSION};
"""
UPGRADED = SCHEMA.replace("PRIMARY KEY (mark, topic)", "PRIMARY KEY (topic, mark)")
"""What a file from before declares."""
LAST = (
    "SELECT max(coalesce((SELECT max(seq) FROM entry), 0), "
    "coalesce((SELECT max(seq) FROM start), 0))"
)


class JournalFile:
    """One connection that writes. Used by one thread at a time."""

    def __init__(self, path: Path, floor: Floor, *, max_bytes: int | None = None) -> None:
        """Open the file, or create it; ``floor`` is closed with it.

        Raises:
            sqlite3.Error: the file cannot be opened or read.
            OSError: a file beside it cannot be read or written.
            DamagedError: a layout in it is not what was written.
        """
        self._floor = floor
        self._folder = path.parent
        self._files = (path, path.with_name(f"{NAME}-wal"))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._next_prune = 0.0
        self.unsure: Committed | None = None
        """What a commit that failed would have brought: it may be on disk all the same."""
        self.altered: tuple[int, int] | None = None
        """Behind which and up to which entry rows were not what they had been, when it opened."""
        try:
            self._prepare(max_bytes)
        except (sqlite3.Error, DamagedError, UnicodeDecodeError, OSError):
            self._db.close()
            raise

    def _prepare(self, max_bytes: int | None) -> None:
        run = self._db.execute
        run(f"PRAGMA page_size = {PAGE_BYTES}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        run("PRAGMA busy_timeout = 5000")
        if not run("PRAGMA user_version").fetchone()[0]:
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        elif (before := run("PRAGMA user_version").fetchone()[0]) < VERSION:
            # An older version would take what it finds from now on for damage: it must not start.
            # A full disk must not keep this one from starting; the next start tries again.
            with contextlib.suppress(sqlite3.OperationalError):
                self._upgrade()
                upgraded.tell(self._folder / NAME, before, VERSION)
        if max_bytes is not None:
            run(f"PRAGMA max_page_count = {max(1, max_bytes // PAGE_BYTES)}")
        self.last: int = run(LAST).fetchone()[0]
        self.layouts = {layout: number for number, layout in read_layouts(self._db).items()}
        self._newest_layout = max(spare.highest(self._folder), *self.layouts.values(), NOTE)
        self._spare(self.layouts)
        self.cursors: dict[str, int] = dict(run("SELECT name, seq FROM cursor"))
        self._identities = [_identity(file) for file in self._files]
        self.removed: int = run(links.REMOVED).fetchone()[0]
        self.free_bytes = self._count_free()
        self._resume()

    def _upgrade(self) -> None:
        with Transaction(self._db):
            # The first versions had no chain, and lose nothing by that.
            for statement in filter(str.strip, links.SCHEMA.split(";")):
                self._db.execute(statement)
            beside.upgrade(self._db)
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def _resume(self) -> None:
        """Go on with the chain, from its newest link or from what the floor says."""
        found = self._db.execute(links.NEWEST).fetchone()
        self._due = None if found else Link(self.last, BEGINNING)
        running = Running(Link(*found) if found else Link(self.last, BEGINNING))
        floor = Link(self._floor.newest, self._floor.hash)
        if floor.hash and running.seq <= floor.seq <= self.last:
            self._follow(running, floor.seq)
            if running.link.hash != floor.hash:
                # Gone on with as if nothing had been changed, so that it can be found for ever.
                self.altered = (running.since.seq, floor.seq)
                running, self._due = Running(floor), floor
        self._follow(running, self.last)
        self._running = running

    def _follow(self, running: Running, upto: int) -> None:
        query = (
            "SELECT seq, layout, at, crc, body FROM entry "
            "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        )
        while rows := self._db.execute(query, (running.seq, upto, links.EVERY)).fetchall():
            spelled = ((seq, layout, at, body) for seq, layout, at, _, body in map(whole, rows))
            running.take(row for row in spelled if links.is_spelled(*row))
            running.seq = rows[-1][0]

    def _count_free(self) -> int:
        return int(self._db.execute("PRAGMA freelist_count").fetchone()[0]) * PAGE_BYTES

    @property
    def running_hash(self) -> bytes:
        """The hash over all rows up to the last."""
        return self._running.link.hash

    def _spare(self, layouts: Mapping[Layout, int]) -> None:
        known = spare.read(self._folder)
        new = {layout: number for layout, number in layouts.items() if number not in known}
        if new:
            spare.add(self._folder, new)

    def close(self) -> None:
        """Close the connection; SQLite tidies its write-ahead log away if it is the last one."""
        self._db.close()
        self._floor.close()

    def start_after(self, seq: int) -> None:
        """Give out no number up to ``seq``, now or after the next start.

        Raises:
            sqlite3.Error: it could not be written.
        """
        with Transaction(self._db):
            row = summed("start", seq, self.last)
            self._db.execute("INSERT INTO start VALUES (?, ?, ?)", row)
        self.last = max(self.last, seq)

    def force(self) -> None:
        """Copy all that was committed into the main file and force that to disk.

        Raises:
            sqlite3.Error: it could not be done now.
        """
        busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        if busy:
            raise sqlite3.OperationalError("a reader holds the write-ahead log")

    def holds(self, seq: int) -> bool:
        """Whether there is an entry of this number.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        return bool(self._db.execute("SELECT 1 FROM entry WHERE seq = ?", (seq,)).fetchall())

    def unsound(self, newest: int = 1_000) -> list[int]:
        """Which of the newest entries do not match their checksum.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        rows = self._db.execute(
            "SELECT seq, layout, at, crc, body FROM entry ORDER BY seq DESC LIMIT ?", (newest,)
        )
        return [row[0] for row in rows if not is_sound(*whole(row))]

    def commit(self, batch: Sequence[Waiting]) -> Committed:
        """Write a batch in one transaction and return when it is on disk.

        Raises:
            sqlite3.Error: nothing of it was written, as far as SQLite knows.
            OSError: the file of the floor cannot be written, or this one was taken away.
        """
        self._floor.reserve(self.last + len(batch))
        group = Group(self.last, self.layouts, self._newest_layout, wall_ms())
        with Transaction(self._db):
            group.sort_out(batch, self._already_seen(batch), self._firsts(batch))
            group.write(self._db)
            self._prune()
            running = self._chain(group)
            answer = group.committed()._replace(free_bytes=self.free_bytes, removed=self.removed)
            if group.logged:
                self.unsure = answer
        self._see_that_it_is_there()
        if group.layouts:
            spare.add(self._folder, group.layouts)
            self._newest_layout += len(group.layouts)
        self._running, self._due = running, None
        self._floor.reached(answer.last, running.link.hash)
        self.unsure = None
        self.last = answer.last
        self.layouts.update(group.layouts)
        self.cursors.update(answer.cursors)
        return answer

    def _chain(self, group: Group) -> Running:
        """Chain the rows of a group, and keep a link where one is due."""
        running = self._running.copy()
        running.extend(group.chained, self.last + len(group.logged))
        kept = [] if self._due is None else [self._due]
        # A row that is taken out could not be hashed again: the chain must not start before it.
        if running.count >= links.EVERY or (group.takes_out and running.count):
            kept.append(running.link)
            running = Running(running.link)
        rows = [summed("link", *each) for each in kept]
        self._db.executemany("INSERT OR IGNORE INTO link VALUES (?, ?, ?)", rows)
        if group.removes:
            self.removed = max(self.removed, group.removed)
            self.free_bytes = self._count_free()
        return running

    def _see_that_it_is_there(self) -> None:
        # SQLite goes on writing into a file that has no name any more, and all is lost at its end.
        for file, identity in zip(self._files, self._identities, strict=True):
            if _identity(file) != identity:
                # Where only the log is gone, this saves what stood in it.
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                raise OSError(f"{file.name} was taken away or replaced while it was in use")

    def _already_seen(self, batch: Sequence[Waiting]) -> Seen:
        keys = [item.key for item in batch if isinstance(item, Fact) and item.key is not None]
        found: Seen = {}
        for part in slices(keys):
            rows = ",".join(["(?,?)"] * len(part))
            found |= {
                (topic, mark): digest
                for topic, mark, digest in self._db.execute(
                    "SELECT topic, mark, digest "  # noqa: S608 # only question marks are joined
                    f"FROM (VALUES {rows}) AS asked CROSS JOIN seen "
                    "ON topic = asked.column1 AND mark = asked.column2",
                    [word for key in part for word in key[:2]],
                )
            }
        return found

    def _firsts(self, batch: Sequence[Waiting]) -> Firsts:
        """What was stored first for the instants of scans that are filled in later."""
        scans = [i.entry for i in batch if isinstance(i, Fact) and isinstance(i.entry, Scan)]
        late = [scan for scan in scans if scan.source is Source.BACKFILL]
        found: Firsts = {}
        for scan in late:
            for first in self._of_instant(scan.layout, scan.at):
                found.setdefault((scan.layout, scan.at), first)
        for scan in scans if late else ():
            if scan.source is Source.LIVE and not scan.repeat:
                found.setdefault((scan.layout, scan.at), scan)
        return found

    def _of_instant(self, layout: Layout, at: int) -> Iterator[Scan]:
        query = (
            "SELECT seq, layout, at, crc, body FROM entry WHERE layout = ? AND at = ? ORDER BY seq"
        )
        for row in map(whole, self._db.execute(query, (self.layouts.get(layout, NOTE), at))):
            scan = unpacked(layout, at, row[4]) if is_sound(*row) and row[1] != NOTE else None
            if isinstance(scan, Scan) and scan.source is not Source.TEST and not scan.repeat:
                yield scan

    def _prune(self) -> None:
        now = time.monotonic()
        if now < self._next_prune:
            return
        pruned = self._db.execute(
            "DELETE FROM seen WHERE (topic, mark) IN "
            "(SELECT topic, mark FROM seen WHERE kept < ? ORDER BY kept LIMIT ?)",
            (wall_ms() - SEEN_MS, _PRUNED_AT_ONCE),
        ).rowcount
        self._next_prune = now + (1 if pruned == _PRUNED_AT_ONCE else 60)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def read_layouts(db: sqlite3.Connection) -> dict[int, Layout]:
    """All layouts by their number.

    Raises:
        sqlite3.Error: the table cannot be read.
        DamagedError: a row is not what was written.
    """
    found = {}
    for number, crc, packed in db.execute("SELECT id, crc, body FROM layout"):
        if not isinstance(packed, bytes) or crc != checksum(number, NOTE, NOTE, packed):
            raise DamagedError(f"layout {number} does not match its checksum")
        found[number] = layout_of(packed)
    return found
