"""Opening the journal whatever state it is in: what is damaged is set aside, never deleted."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from storage.archive.seal import ArchiveError, last_sealed
from storage.floor import BLOCK, Floor
from storage.journalfile import LAST, NAME, PAGE_BYTES, VERSION, JournalFile, read_layouts
from storage.pack import DamagedError
from storage.salvage import Salvaged, last_in_log, salvage
from storage.waiting import Broken, JournalError
from storage.wall import wall_ms

CHECKED_BYTES = 64 * 1024 * 1024
"""A file up to this size is checked as a whole at each start.

A cold disk may give no more than that in a second. In a larger file the end is checked, where
a crash does its harm, and every row when it is read.
"""
KNOWN = range(1, VERSION + 1)
"""Formats that can be read; a file is of the newest once it was opened to be written."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY = 0xFF
"""SQLite's extended codes keep the kind of error in the lowest byte."""
_READY = f"{NAME}.salvaged"
_STORY = f"{NAME}.salvaged.txt"
"""The name that the damaged file gets, and what is still to be said about it."""


def opened(
    folder: Path, *, max_bytes: int | None, thorough: bool, say: Callable[[str], None]
) -> JournalFile:
    """The journal's file, salvaged into a new one if it is damaged.

    ``thorough`` has a file of any size checked. ``say`` gets one line when
    anything was wrong.

    Raises:
        JournalError: a newer version wrote it.
        sqlite3.Error: it cannot be opened or written.
        OSError: the folder cannot be written.
    """
    path = folder / NAME
    _finish(path)
    fault = _find_log_fault(path) or find_fault(path, thorough=thorough)
    if not fault:
        try:
            return _open(path, max_bytes, say)
        except (sqlite3.DatabaseError, DamagedError, UnicodeDecodeError) as error:
            # The check at the start looks at the tree of pages, not into every row.
            if not is_damage(error):
                raise
            fault = str(error)
    _replace(path, fault)
    return _open(path, max_bytes, say)


def is_damage(error: Exception) -> bool:
    """Whether the file is at fault, and neither its disk nor its folder."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _DAMAGE
    # SQLite names a damaged table with the bytes that now stand there, which may be no text.
    return isinstance(error, DamagedError | UnicodeDecodeError)


def _open(path: Path, max_bytes: int | None, say: Callable[[str], None]) -> JournalFile:
    story = _untold(path)
    floor = Floor(path.parent)
    try:
        file = JournalFile(path, floor, max_bytes=max_bytes)
    except (sqlite3.Error, DamagedError, UnicodeDecodeError, OSError):
        floor.close()
        raise
    try:
        told = [
            story,
            _alteration(file),
            _skip(file, floor, salvaged=bool(story), sealed=_sealed(path.parent)),
            _sift_newest(file),
        ]
    except (sqlite3.Error, OSError):
        file.close()
        raise
    if any(told):
        say(f"{path}: {' '.join(filter(None, told))}")
    path.with_name(_STORY).unlink(missing_ok=True)
    return file


def _alteration(file: JournalFile) -> str:
    """What to say of rows that somebody else changed or took out."""
    if file.altered is None:
        return ""
    behind, upto = file.altered
    return (
        f"Entries {behind + 1} to {upto} are not what was written: one was changed or taken out "
        "by something else than this program; culturewatch verify says more, a backup has them."
    )


def _sift_newest(file: JournalFile) -> str:
    """Put damaged rows among the newest into quarantine; what to say about it."""
    now = time.monotonic()
    damaged = [Broken(seq, "does not match its checksum", now) for seq in file.unsound()]
    if not damaged:
        return ""
    file.commit(damaged)
    numbers = ", ".join(str(broken.seq) for broken in damaged)
    return f"Damaged entries were put in quarantine and are not used: {numbers}."


def _find_log_fault(path: Path) -> str:
    """What keeps SQLite from entries that stand in the write-ahead log; empty if nothing does.

    It drops all that follows a damaged frame, and clears it away at the first write.
    """
    log = path.with_name(f"{NAME}-wal")
    if not path.exists() or not log.exists() or not log.stat().st_size:
        return ""
    with Floor(path.parent) as floor:
        newest = floor.newest
    try:
        last = _last_seen(path)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(error):
            raise
        return str(error)
    if last >= newest or last_in_log(path) <= last:
        return ""
    return f"its write-ahead log cannot be followed beyond entry {last}"


def _last_seen(path: Path) -> int:
    """The newest number in the file, its log left as it is."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as db:
        # A file whose tables are all in a log that nobody can follow has format 0.
        return int(db.execute(LAST).fetchone()[0]) if _format(db, path) else 0


def find_fault(path: Path, *, thorough: bool) -> str:
    """What is wrong with the structure of the file; empty if nothing is.

    Raises:
        JournalError: a newer version wrote it.
        sqlite3.Error: it cannot be opened.
    """
    if not path.exists() or not path.stat().st_size:
        return ""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            return _fault(db, path, thorough=thorough)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(error):
            raise
        return str(error)


def _fault(db: sqlite3.Connection, path: Path, *, thorough: bool) -> str:
    version = _format(db, path)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    if not version and pages <= 1:
        # The first start was killed before it had made the tables: the next one makes them.
        return ""
    if version not in KNOWN:
        return f"has format {version}, which was never written"
    if _is_in_one_file(db) and path.stat().st_size < pages * PAGE_BYTES:
        return f"{pages} pages were written, the file is shorter"
    if thorough or path.stat().st_size <= CHECKED_BYTES:
        # Not the quick check: in a damaged index entries are passed over without a sign.
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            return " ".join(str(found).split())
    try:
        read_layouts(db)
    except DamagedError as error:
        return str(error)
    return ""


def _format(db: sqlite3.Connection, path: Path) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise JournalError(
            f"{path}: has format {version}, this version knows {VERSION}; start the newer one"
        )
    return version


def _is_in_one_file(db: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the file; whether that could be done."""
    try:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        # A full disk must not keep the core from starting.
        return False
    return not busy


def _sealed(folder: Path) -> int:
    """Up to which number entries are in the archive: an old journal that was put back is behind."""
    try:
        return last_sealed(folder)
    except ArchiveError:
        # Sealing tells of it; no reading waits for that.
        return 0


def _skip(file: JournalFile, floor: Floor, *, salvaged: bool, sealed: int) -> str:
    """Number on above everything that may have been given out; what to say about it."""
    newest = max(floor.newest, sealed)
    if not salvaged and file.last >= newest:
        return ""
    before = file.last
    file.start_after(max(floor.reserved, newest, before + BLOCK))
    floor.reached(file.last, file.running_hash)
    if before >= newest:
        return f"It goes on with entry {file.last + 1}."
    return (
        f"Entries {before + 1} to {newest} are gone from it (a write-ahead log cut or taken "
        f"away?); it goes on with entry {file.last + 1}."
    )


def _replace(path: Path, fault: str) -> None:
    part = path.with_name(f"{NAME}.part")
    result = salvage(path, part)
    aside = f"{NAME}.damaged-{wall_ms()}"
    story = path.with_name(_STORY)
    story.write_text(f"{aside}\n{_story(fault, result, aside)}")
    _force(story)
    _force(part)
    part.rename(path.with_name(_READY))
    _force(path.parent)
    _finish(path)


def _finish(path: Path) -> None:
    """Put the salvaged file, if there is one, in the place of the damaged."""
    ready = path.with_name(_READY)
    if not ready.exists():
        return
    aside = _planned(path)[0] or f"{NAME}.damaged-{wall_ms()}"
    path.with_name(f"{NAME}-shm").unlink(missing_ok=True)
    for tail in ("-wal", ""):
        old = path.with_name(f"{NAME}{tail}")
        if old.exists() and not old.stat().st_size:
            old.unlink()
        elif old.exists():
            old.rename(path.with_name(f"{aside}{tail}"))
    ready.rename(path)
    _force(path.parent)


def _planned(path: Path) -> tuple[str, str]:
    """The name for the damaged file and the story, as written down before anything was moved."""
    try:
        text = path.with_name(_STORY).read_text(errors="replace")
    except FileNotFoundError:
        return "", ""
    aside, _, story = text.partition("\n")
    return aside, story


def _untold(path: Path) -> str:
    """What is to be said of a salvage, also of one that a crash cut off from saying it."""
    aside, story = _planned(path)
    return story if aside and path.with_name(aside).exists() else ""


def _story(fault: str, result: Salvaged, aside: str) -> str:
    return (
        f"was damaged ({fault}). {result.entries} entries were salvaged, {result.missing} up to "
        f"entry {result.last} could not be{result.detail}; the damaged file is kept as {aside}."
    )


def _force(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
