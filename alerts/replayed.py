"""Whether the alarm history of a folder of data is what its journal gives."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from pathlib import Path

import msgspec

from alerts.configuration import kept
from alerts.replay import Difference, Row, difference
from alerts.schema import StoreError, open_read_only
from storage.archive.log import LogReader
from storage.entry import Entry
from storage.transaction import ERRORS

ALARMS = "alarms.db"


class ReplayError(Exception):
    """The history cannot be replayed; the text says why, and what to do."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared: entries of the journal up to ``cursor``, and rows of the history."""

    entries: int
    rows: int
    cursor: int
    difference: Difference | None


def replay(
    folder: Path, *, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Replayed:
    """Replay the journal in ``folder`` from its first entry and hold the history against it.

    Entries that the history has not come to yet are left out. Both are read a page at a time.
    ``progress`` is told how many entries of how many are done.

    Raises:
        ReplayError: an entry is missing or damaged, so that nothing can be said.
        RuleError: rules that ran were not kept, or changed.
        alerts.schema.StoreError: the history cannot be read.
        storage.waiting.JournalError: the journal cannot be read.
    """
    path = folder / ALARMS
    with closing(open_read_only(path, copy=True)) as store:
        with LogReader(folder, copy=True) as journal:
            cursor, rows = _extent(store, path)
            counted = _Counted(journal, cursor, progress)
            found = difference(counted, _rows(store, path), cache(partial(kept, folder)))
        return Replayed(entries=counted.done, rows=rows, cursor=cursor, difference=found)


class _Counted:
    """The entries of a journal up to ``cursor``, counted as they are read."""

    def __init__(
        self, journal: LogReader, cursor: int, progress: Callable[[int, int], None]
    ) -> None:
        self.done = 0
        self._journal = journal
        self._cursor = cursor
        self._progress = progress

    def __iter__(self) -> Iterator[tuple[int, Entry]]:
        after = 0
        while entries := self._journal.entries(after):
            self._refuse_damage()
            for seq, entry in entries:
                if seq > self._cursor:
                    return
                yield seq, entry
                self.done += 1
            after = entries[-1][0]
            self._progress(after, self._cursor)
        self._refuse_damage()

    def _refuse_damage(self) -> None:
        judged = sorted(seq for seq in self._journal.damaged if seq <= self._cursor)
        if judged:
            raise ReplayError(
                f"entry {judged[0]} of the journal is damaged: the alarms were judged by it, and "
                "what they would be without it proves nothing; replay a backup of the journal"
            )


def _extent(store: sqlite3.Connection, path: Path) -> tuple[int, int]:
    try:
        found = store.execute("SELECT cursor, (SELECT count(*) FROM history) FROM progress")
        cursor, rows = found.fetchone()
    except ERRORS as error:
        raise StoreError(f"{path}: the alarm store cannot be read: {error}") from error
    return int(cursor), int(rows)


def _rows(store: sqlite3.Connection, path: Path) -> Iterator[Row]:
    try:
        yield from store.execute("SELECT n, seq, body FROM history ORDER BY n")
    except ERRORS as error:
        raise StoreError(f"{path}: the alarm store cannot be read: {error}") from error
