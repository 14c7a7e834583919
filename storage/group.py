"""What becomes of a group of waiting things: stored, known already, at odds, put aside."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from devices.scan import Layout, Scan, Source
from storage.pack import NOTE, checksum, checksum_at, layout_body, placed
from storage.row_sum import Value, summed
from storage.rows import insert
from storage.short import stored
from storage.waiting import (
    PEOPLE,
    Broken,
    Committed,
    CursorMove,
    Fact,
    Logged,
    MessageKey,
    Oddity,
    Outcome,
    Removal,
    Waiting,
    oddity,
)

_FOR_GOOD = 1 << 62
_ENTRY, _SEEN = 5, 5
_BY_MARK = itemgetter(1, 0)
Seen = dict[tuple[str, str], bytes]
"""Digest of the first payload under a topic and mark."""
Firsts = dict[tuple[Layout, int], Scan]
"""The first scan of a device for an instant, by its layout and time."""


class Group:
    """The rows of one transaction; numbers go on after ``last``."""

    def __init__(
        self, last: int, layouts: Mapping[Layout, int], newest_layout: int, now: int
    ) -> None:
        """Begin an empty one; no new layout gets a number up to ``newest_layout``.

        ``now`` is epoch milliseconds.
        """
        self.logged: list[Logged] = []
        self.layouts: dict[Layout, int] = {}
        self._last = last
        self._known = layouts
        self._newest_layout = newest_layout
        self._now = now
        self._entries: list[Any] = []
        self._chained: list[bytes] = []
        self._seen: list[tuple[Value, ...]] = []
        self._odd: list[Oddity] = []
        self._broken: list[Broken] = []
        self._removals: list[Removal] = []
        self.removed = 0
        self._cursors: dict[str, int] = {}
        self._outcomes: list[tuple[Callable[[Outcome], None], Outcome]] = []
        self._done: list[Callable[[], None]] = []
        self._duplicates = self._conflicts = 0

    def sort_out(self, batch: Iterable[Waiting], seen: Seen, firsts: Firsts) -> None:
        """Decide on each in order.

        ``seen`` holds what was stored under their keys before, ``firsts`` what was stored for the
        instants of what is filled in later.
        """
        for item in batch:
            match item:
                case Fact():
                    self._judge(item, seen, firsts)
                case Oddity():
                    self._odd.append(item)
                    if item.done is not None:
                        self._done.append(item.done)
                case CursorMove():
                    self._cursors[item.name] = item.seq
                    self._done.append(item.done)
                case Broken():
                    self._broken.append(item)
                case Removal():
                    self._removals.append(item)

    def _judge(self, fact: Fact, seen: Seen, firsts: Firsts) -> None:
        entry, key = fact.entry, fact.key
        outcome = Outcome.STORED
        if isinstance(entry, Scan) and entry.source is Source.BACKFILL:
            outcome = self._fill_in(entry, firsts)
        if key is not None and outcome is Outcome.STORED:
            outcome = self._recognise(fact, key, seen)
        if outcome is Outcome.STORED:
            self._log(fact)
        elif outcome is Outcome.DUPLICATE:
            self._duplicates += 1
        else:
            self._conflicts += 1
        if fact.done is not None:
            self._outcomes.append((fact.done, outcome))

    def _recognise(self, fact: Fact, key: MessageKey, seen: Seen) -> Outcome:
        """What becomes of a message by what was stored under its mark before."""
        topic, mark, digest = key
        earlier = seen.get((topic, mark))
        if earlier is None:
            seen[topic, mark] = digest
            kept = _FOR_GOOD if topic == PEOPLE else self._now
            self._seen.append(summed("seen", topic, mark, digest, kept))
            return Outcome.STORED
        if earlier == digest:
            return Outcome.DUPLICATE
        self._odd.append(_conflict(fact, key, earlier))
        return Outcome.CONFLICT

    def _fill_in(self, entry: Scan, firsts: Firsts) -> Outcome:
        """What becomes of a scan that is filled in later: the first value of an instant stands."""
        first = firsts.setdefault((entry.layout, entry.at), entry)
        if first is entry:
            return Outcome.STORED
        pairs = list(zip(first.values, entry.values, strict=True))
        if any(one is not None and other is not None and one != other for one, other in pairs):
            self._odd.append(_at_odds(first, entry))
            return Outcome.CONFLICT
        # A value where none was known is news.
        news = any(one is None and other is not None for one, other in pairs)
        return Outcome.STORED if news else Outcome.DUPLICATE

    def _log(self, fact: Fact) -> None:
        entry, body = fact.entry, fact.body
        seq = self._last + len(self.logged) + 1
        number = self._number(entry.layout) if isinstance(entry, Scan) else NOTE
        place = placed(seq, number, entry.at)
        self._chained += (place, body)
        crc = checksum_at(place, body)
        if isinstance(entry, Scan):
            crc, body = stored(entry, crc, body)
        self._entries += (seq, number, entry.at, crc, body)
        self.logged.append((seq, entry))

    def _number(self, layout: Layout) -> int:
        number = self._known.get(layout) or self.layouts.get(layout)
        if number is None:
            number = self.layouts[layout] = self._newest_layout + len(self.layouts) + 1
        return number

    def write(self, db: sqlite3.Connection) -> None:
        """Hand all rows to SQLite.

        Raises:
            sqlite3.Error: they could not be written.
        """
        for layout, number in self.layouts.items():
            packed = layout_body(layout)
            crc = checksum(number, NOTE, NOTE, packed)
            db.execute("INSERT INTO layout VALUES (?, ?, ?)", (number, crc, packed))
        insert(db, "entry", _ENTRY, self._entries)
        # In the order of their tree: what goes beside each other goes into one page.
        self._seen.sort(key=_BY_MARK)
        insert(db, "seen", _SEEN, list(chain.from_iterable(self._seen)))
        for odd in self._odd:
            put_aside(db, odd, self._now)
        for broken in self._broken:
            _take_out(db, broken, self._now)
        for removal in self._removals:
            self._remove(db, removal)
        for cursor in self._cursors.items():
            row = summed("cursor", *cursor)
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", row)

    @property
    def chained(self) -> list[bytes]:
        """The new entries as the journal's chain takes them: place and body of each in turn."""
        return self._chained

    @property
    def takes_out(self) -> bool:
        """Whether damaged rows are moved to quarantine."""
        return bool(self._broken)

    @property
    def removes(self) -> bool:
        """Whether rows that the archive has are removed."""
        return bool(self._removals)

    def _remove(self, db: sqlite3.Connection, removal: Removal) -> None:
        """Remove some, up to a link at most: the chain of what stays is checked from there."""
        link = db.execute("SELECT max(seq) FROM link WHERE seq <= ?", (removal.upto,)).fetchone()[0]
        found = db.execute(
            "SELECT max(seq), count(*) FROM "
            "(SELECT seq FROM entry WHERE seq <= ? ORDER BY seq LIMIT ?)",
            (link or 0, removal.at_most),
        )
        upto, count = found.fetchone()
        if count:
            db.execute("DELETE FROM entry WHERE seq <= ?", (upto,))
            db.execute(
                "INSERT OR REPLACE INTO removed VALUES (?, ?, ?)", summed("removed", 1, upto)
            )
            self.removed = upto
        self._done.append(partial(removal.done, count))

    def committed(self) -> Committed:
        """What is true once the transaction is on disk."""
        return Committed(
            last=self._last + len(self.logged),
            logged=self.logged,
            outcomes=self._outcomes,
            done=self._done,
            cursors=self._cursors,
            duplicates=self._duplicates,
            conflicts=self._conflicts,
            quarantined=len(self._odd) + len(self._broken),
            free_bytes=0,
            removed=self.removed,
        )


def put_aside(db: sqlite3.Connection, odd: Oddity, now: int) -> None:
    """Write one row of quarantine.

    Raises:
        sqlite3.Error: it could not be written.
    """
    number = db.execute("SELECT coalesce(max(id), 0) + 1 FROM quarantine").fetchone()[0]
    said = (number, now, odd.origin, odd.reason, odd.length, odd.sha256, odd.payload)
    row = summed("quarantine", *said)
    db.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def _take_out(db: sqlite3.Connection, broken: Broken, now: int) -> None:
    where = (broken.seq,)
    row = db.execute("SELECT body FROM entry WHERE seq = ?", where).fetchone()
    if row is not None:
        raw = row[0] if isinstance(row[0], bytes) else repr(row[0]).encode()
        put_aside(db, oddity(f"journal entry {broken.seq}", broken.reason, raw), now)
        db.execute("DELETE FROM entry WHERE seq = ?", where)


def _at_odds(first: Scan, other: Scan) -> Oddity:
    differing = [
        f"{channel} {one!r}, now {value!r}"
        for channel, one, value in zip(
            first.layout.channels, first.values, other.values, strict=True
        )
        if one is not None and value is not None and one != value
    ]
    return oddity(
        first.device,
        f"for the instant {first.at} another value stands already: {'; '.join(differing)}; kept "
        "here as it was read, not stored",
        msgspec.json.encode(other),
    )


def _conflict(fact: Fact, key: MessageKey, earlier: bytes) -> Oddity:
    return oddity(
        key.topic,
        f"its stamp or sequence {key.mark!r} belongs to another payload (SHA-256 "
        f"{earlier.hex()}, this one {key.digest.hex()}); kept here as it was read, not stored",
        msgspec.json.encode(fact.entry),
    )
