"""Reading the journal: from other processes, for the record, and for those who lag behind."""

import sqlite3
from collections.abc import Iterable, Iterator
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from devices.scan import Layout, Reading, Scan
from storage import readonly
from storage.closable import Closable
from storage.entry import Entry, Note, Tick
from storage.journalfile import LAST, NAME, read_layouts
from storage.links import REMOVED, Link
from storage.pack import NOTE, DamagedError, is_sound, unpacked
from storage.short import whole
from storage.transaction import ROOM, wants_room
from storage.waiting import INBOX, JournalError, Logged

_AT_ONCE = 2_000
_AT_ONCE_WITHOUT_INDEX = 50_000
_ROW = "SELECT seq, layout, at, crc, body FROM entry "
_SPAN = "WHERE layout = ? AND (at, seq) > (?, ?) AND at < ? ORDER BY at, seq LIMIT ?"
Row = tuple[int, int, int, int, bytes]
"""Number, layout, time, checksum and body."""
Placed = tuple[int, int, Scan]
"""Time and number of a scan, and the scan."""
_ALL_TIME = 1 << 62


class Quarantined(NamedTuple):
    """Something unusable that was kept. ``at`` is epoch milliseconds; ``payload`` may be cut."""

    id: int
    at: int
    origin: str
    reason: str
    length: int
    sha256: bytes
    payload: bytes


class JournalReader(Closable):
    """A view that only reads. Every method raises JournalError if the file cannot be read.

    ``damaged`` fills with the numbers of rows that did not match their checksum: they are left
    out of what is returned, never returned as values.
    """

    def __init__(self, folder: Path, *, copy: bool = False) -> None:
        """Read the journal in ``folder``; the file may come to be later.

        ``copy`` says that nobody writes it (``storage.readonly``).
        """
        self._path = folder / NAME
        self._copy = copy
        self._db: sqlite3.Connection | None = None
        self._identity = (0, 0, 0)
        self._layouts: dict[int, Layout] = {}
        self._trusts_index: bool | None = None
        self.damaged: dict[int, str] = {}

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def last(self) -> int:
        """The newest number on disk; 0 in an empty journal."""
        return int(self._rows(LAST)[0][0])

    def entries(self, after: int, limit: int = _AT_ONCE) -> list[Logged]:
        """Up to ``limit`` entries with higher numbers than ``after``, in order.

        Damaged rows are left out; an empty list says that there is nothing more.
        """
        while rows := self._rows(_ROW + "WHERE seq > ? ORDER BY seq LIMIT ?", after, limit):
            if whole := list(self.sound(rows)):
                return whole
            after = rows[-1][0]
        return []

    def scans(self, device: str, start: int, end: int) -> Iterator[Scan]:
        """Scans of a device with ``start`` ≤ ``at`` < ``end`` (epoch ms), ordered by ``at``.

        The first call examines the index, which takes some seconds a gigabyte: all of them are
        found, also where it is damaged.
        """
        for _, _, scan in self.placed(device, start, end):
            yield scan

    def placed(self, device: str, start: int, end: int, *, after: int = 0) -> Iterator[Placed]:
        """As ``scans``, with time and number of each; only those with numbers above ``after``."""
        found = [self._of_layout(number, start, end, after) for number in self._numbers(device)]
        return found[0] if len(found) == 1 else merge(*found, key=lambda each: each[:2])

    def pages(
        self, number: int, start: int, end: int, limit: int = _AT_ONCE
    ) -> Iterator[list[Row]]:
        """Rows of the layout of that number with ``start`` ≤ ``at`` < ``end``, sound or not.

        They are ordered by ``at`` and number; up to ``limit`` at a time.
        """
        at, seq = start, 0
        if self._trusts_index is None:
            self._trusts_index = not self.index_fault()
        query = _ROW + _SPAN
        if not self._trusts_index:
            query, limit = f"{_ROW} NOT INDEXED {_SPAN}", _AT_ONCE_WITHOUT_INDEX
        # Page by page: one long read would keep the writer from tidying its write-ahead log.
        while rows := self._rows(query, number, at, seq, end, limit):
            seq, at = rows[-1][0], rows[-1][2]
            yield rows

    def days(self, *, after: int) -> set[tuple[str, int]]:
        """Devices and days (UTC, since 1970) of the scans with numbers above ``after``."""
        layouts = self._all_layouts()
        found = self._rows(
            "SELECT DISTINCT layout, at / 86400000 FROM entry WHERE seq > ? AND layout > 0", after
        )
        return {(layouts[number].device, day) for number, day in found if number in layouts}

    def rows(self, after: int, limit: int) -> list[Row]:
        """Up to ``limit`` rows above ``after``, spelled out, sound or not."""
        found = self._rows(_ROW + "WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
        return [whole(row) for row in found]

    def numbered_layouts(self) -> dict[int, Layout]:
        """Every layout by the number that rows have it by."""
        return dict(self._all_layouts())

    def links(self, after: int) -> list[Link]:
        """The links of the journal's chain above ``after``; none in a file of an older version."""
        if not self._has("link"):
            return []
        return [
            Link(*row)
            for row in self._rows("SELECT seq, hash FROM link WHERE seq > ? ORDER BY seq", after)
        ]

    @property
    def removed(self) -> int:
        """Up to which number entries were taken out because the archive has them."""
        return int(self._rows(REMOVED)[0][0]) if self._has("removed") else 0

    def skipped(self) -> list[tuple[int, int]]:
        """Numbers that were never given out, from and to."""
        found = self._rows("SELECT before + 1, seq FROM start WHERE seq > before ORDER BY seq")
        return [(first, last) for first, last in found]

    def taken_out(self) -> set[int]:
        """Numbers of entries that were damaged and are in quarantine."""
        return self._aside("journal entry")

    def lost_acts(self) -> list[int]:
        """Numbers of the rows of the inbox that nobody could read and that are in quarantine."""
        return sorted(self._aside(INBOX))

    def _aside(self, origin: str) -> set[int]:
        found = self._rows("SELECT origin FROM quarantine WHERE origin LIKE ?", f"{origin} %")
        return {int(word) for (origin,) in found if (word := origin.split()[-1]).isdecimal()}

    def _has(self, table: str) -> bool:
        names = self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return (table,) in names

    def notes(self) -> list[Note]:
        """Everything that stands beside scans but ticks, in the order of entry."""
        return [note for _, note in self.numbered_notes()]

    def numbered_notes(self) -> list[tuple[int, Note]]:
        """``notes`` with the number of each."""
        beside = [
            (seq, entry)
            for seq, entry in self._whole_of(NOTE, -_ALL_TIME, _ALL_TIME)
            if not isinstance(entry, Scan | Tick)
        ]
        return sorted(beside, key=lambda each: each[0])

    def latest(self, device: str) -> Scan | None:
        """The scan of a device with the highest ``at``."""
        newest: Placed | None = None
        for number in self._numbers(device):
            scan = self._newest(number)
            if scan is not None and (newest is None or scan[:2] > newest[:2]):
                newest = scan
        return newest and newest[2]

    def newest(self) -> dict[str, tuple[Reading, ...]]:
        """The reading with the highest ``at`` of every channel, by device.

        A message may tell of some channels only: each is as old as what was last said of it.
        """
        found: dict[str, list[Placed]] = {}
        for number, layout in self._all_layouts().items():
            if (scan := self._newest(number)) is not None:
                found.setdefault(layout.device, []).append(scan)
        return {device: _of_each_channel(scans) for device, scans in sorted(found.items())}

    def layouts(self) -> list[Layout]:
        """Every layout in which a device ever spoke, the newest last."""
        return [layout for _, layout in sorted(self._all_layouts().items())]

    def index_fault(self) -> str:
        """What is wrong in the index by which scans are found, where all is read; else empty.

        In a damaged index entries are passed over without a sign.
        """
        found = self._rows("PRAGMA integrity_check('entry')")[0][0]
        return "" if found == "ok" else " ".join(str(found).split())

    def quarantined(self, limit: int = 100) -> list[Quarantined]:
        """What was put aside, newest first."""
        rows = self._rows(
            "SELECT id, at, origin, reason, length, sha256, payload FROM quarantine "
            "ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [Quarantined(*row) for row in rows]

    def _of_layout(self, number: int, start: int, end: int, after: int) -> Iterator[Placed]:
        for seq, entry in self._whole_of(number, start, end, after):
            if isinstance(entry, Scan):
                yield entry.at, seq, entry

    def _whole_of(self, number: int, start: int, end: int, after: int = 0) -> Iterator[Logged]:
        for rows in self.pages(number, start, end):
            yield from self.sound([row for row in rows if row[0] > after] if after else rows)

    def _newest(self, number: int) -> Placed | None:
        offset = 0
        while rows := self._rows(
            _ROW + "WHERE layout = ? ORDER BY at DESC, seq DESC LIMIT 1 OFFSET ?", number, offset
        ):
            for seq, entry in self.sound(rows):
                if isinstance(entry, Scan):
                    return entry.at, seq, entry
            offset += 1
        return None

    def _numbers(self, device: str) -> list[int]:
        return [n for n, layout in self._all_layouts().items() if layout.device == device]

    def _all_layouts(self) -> dict[int, Layout]:
        newest = self._rows("SELECT coalesce(max(id), 0) FROM layout")[0][0]
        if newest not in self._layouts:
            self._load_layouts()
        return self._layouts

    def _load_layouts(self) -> None:
        try:
            self._layouts = read_layouts(self._connection())
        except (sqlite3.Error, DamagedError) as error:
            raise self._failure(error) from error

    def sound(self, rows: list[Row]) -> Iterator[Logged]:
        """The entries of ``rows``; those that are damaged go to ``damaged``."""
        for row in rows:
            try:
                yield row[0], self._entry(row)
            except DamagedError as error:
                self.damaged[row[0]] = str(error)

    def _entry(self, row: Row) -> Entry:
        seq, number, at, _, packed = row = whole(row)
        if not is_sound(*row):
            raise DamagedError(f"row {seq} does not match its checksum")
        if number == NOTE:
            return unpacked(None, at, packed)
        if number not in self._layouts:
            self._load_layouts()
        if number not in self._layouts:
            raise DamagedError(f"row {seq} has layout {number}, which is gone")
        return unpacked(self._layouts[number], at, packed)

    def _rows(self, query: str, *values: int | str) -> list[Any]:
        try:
            return self._connection().execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failure(error) from error

    def _connection(self) -> sqlite3.Connection:
        """The open file; opened again when another has taken its place."""
        try:
            stat = self._path.stat()
        except OSError as error:
            raise self._failure(error) from error
        identity = (stat.st_dev, stat.st_ino, self._log())
        if self._db is None or identity != self._identity:
            self.close()
            self._layouts = {}
            self._trusts_index = None
            self._db = _open(self._path, copy=self._copy)
            self._identity = identity
        return self._db

    def _log(self) -> int:
        """Which write-ahead log belongs to it: one that was taken away shows nothing new."""
        try:
            return self._path.with_name(f"{NAME}-wal").stat().st_ino
        except OSError:
            return 0

    def _failure(self, error: Exception) -> JournalError:
        room = f"{ROOM}; " if wants_room(error) else ""
        return JournalError(
            f"{self._path}: cannot be read: {error}; {room}if the core is running it examines and "
            "mends the file by itself, otherwise start it once"
        )


def _of_each_channel(scans: Iterable[Placed]) -> tuple[Reading, ...]:
    readings: dict[str, Reading] = {}
    for _, _, scan in sorted(scans, key=lambda placed: placed[:2], reverse=True):
        for reading in scan.readings():
            readings.setdefault(reading.channel, reading)
    return tuple(readings.values())


def _open(path: Path, *, copy: bool) -> sqlite3.Connection:
    return sqlite3.connect(
        readonly.address(path, copy=copy),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
