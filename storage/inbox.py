"""What people do, and what providers say, kept until the core has moved it into the journal."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from storage.closable import Closable
from storage.entry import Command, Receipt
from storage.journal import Journal, JournalFullError
from storage.touched import Touched
from storage.transaction import ERRORS, Transaction
from storage.waiting import INBOX, PEOPLE, MessageKey
from storage.wall import wall_ms

POLL_S = 0.2
_AT_ONCE = 100
_LONGEST_PAUSE_S = 5.0
_UNSEEN_S = 2.0
"""After so long it is looked into although its files seem to be as they were; then seldomer."""
_REST_S = 20.0
_REMEMBERED_MS = 30 * 24 * 3_600_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS command (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL, settled INTEGER);
CREATE INDEX IF NOT EXISTS command_open ON command (number) WHERE settled IS NULL;
"""
Act = Command | Receipt
"""What a person did, or what a provider said of a message."""
_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(Act).decode


class InboxError(Exception):
    """The inbox cannot keep or give out what people did; the message says what to do."""


class OtherActError(InboxError):
    """The id of an act belongs to another one that is kept already."""


class Unreadable(NamedTuple):
    """A row that is no act: its number, what is left of its body, and why it is none."""

    number: int
    body: bytes
    why: str


class Unsettled(NamedTuple):
    """What is not settled, in the order in which it came."""

    acts: list[Act]
    unreadable: list[Unreadable]


class Inbox(Closable):
    """A small durable queue beside the journal, for any number of processes and threads."""

    def __init__(self, folder: Path, *, patient: bool = False) -> None:
        """Open the inbox in ``folder``, or create it.

        A ``patient`` one that cannot be opened, for want of room or whatever it is, fails at each
        use instead until it can be.

        Raises:
            InboxError: its file cannot be opened, and this is no patient one.
        """
        self._path = folder / "inbox.db"
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._stuck_since_s: float | None = None
        try:
            self._opened()
        except InboxError:
            if not patient:
                raise

    @property
    def path(self) -> Path:
        """Its file."""
        return self._path

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    @property
    def stuck_s(self) -> float:
        """For how long nothing could be moved from it into the journal; 0 while that works."""
        since_s = self._stuck_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def drained(self, *, well: bool) -> None:
        """Say whether moving what is in it into the journal works."""
        if well:
            self._stuck_since_s = None
        elif self._stuck_since_s is None:
            self._stuck_since_s = time.monotonic()

    def submit(self, command: Act) -> None:
        """Keep what somebody did or said; on disk when this returns. A repeat changes nothing.

        Raises:
            InboxError: it could not be kept.
            OtherActError: its id belongs to another act.
        """
        body = _encode(command)
        try:
            with self._lock, Transaction(db := self._opened()):
                db.execute(
                    "INSERT OR IGNORE INTO command (id, body) VALUES (?, ?)", (command.id, body)
                )
                kept = db.execute(
                    "SELECT body FROM command WHERE id = ?", (command.id,)
                ).fetchone()[0]
        except ERRORS as error:
            raise self._failure(error) from error
        if kept != body:
            raise OtherActError(
                f"{self._path}: the id {command.id} belongs to another act; do it again under "
                "an id of its own"
            )

    def take(self, limit: int = _AT_ONCE) -> list[Act]:
        """The acts among the first ``limit`` rows that are not settled, in order.

        Raises:
            InboxError: they cannot be read.
        """
        return self.look(limit).acts

    def look(self, limit: int = _AT_ONCE) -> Unsettled:
        """The first ``limit`` rows that are not settled: the acts, and what is none.

        Raises:
            InboxError: they cannot be read.
        """
        try:
            with self._lock:
                db = self._opened()
                rows = db.execute(
                    # As bytes: text that is none would fail all of the rows.
                    "SELECT number, CAST(id AS BLOB), typeof(id), CAST(body AS BLOB) FROM command "
                    "WHERE settled IS NULL ORDER BY number LIMIT ?",
                    (limit,),
                ).fetchall()
        except ERRORS as error:
            raise self._failure(error) from error
        waiting = Unsettled([], [])
        for number, id_, kind, body in rows:
            found = _read(id_ if kind == "text" else b"", body)
            if isinstance(found, str):
                waiting.unreadable.append(Unreadable(number, body, found))
            else:
                waiting.acts.append(found)
        return waiting

    def set_aside(self, numbers: Iterable[int]) -> None:
        """Say that the journal's quarantine has these rows: they stand in nobody's way.

        Raises:
            InboxError: it could not be written down.
        """
        self._settle("UPDATE command SET settled = ? WHERE number = ?", numbers)

    def settle(self, ids: Iterable[str]) -> None:
        """Say that the journal has these; their ids are remembered for 30 days.

        Raises:
            InboxError: it could not be written down.
        """
        self._settle("UPDATE command SET settled = ? WHERE id = ?", ids)

    def _settle(self, statement: str, which: Iterable[str] | Iterable[int]) -> None:
        now = wall_ms()
        try:
            with self._lock, Transaction(db := self._opened()):
                db.executemany(statement, [(now, each) for each in which])
                db.execute("DELETE FROM command WHERE settled < ?", (now - _REMEMBERED_MS,))
        except ERRORS as error:
            raise self._failure(error) from error

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._db = _open(self._path)
            except (*ERRORS, OSError) as error:
                raise self._failure(error) from error
        return self._db

    def _failure(self, error: Exception) -> InboxError:
        return InboxError(
            f"{self._path}: {error}; see that the disk has room, that this user may write there "
            "and, if the file is damaged, move it away: the journal has what was taken from it"
        )


async def drain(
    inbox: Inbox, journal: Journal, *, on_trouble: Callable[[str], None] | None = None
) -> None:
    """Move what people do into the journal, for ever, in order, each act once.

    An act that was in the journal before a crash came between is recognised there by its id.
    A row that nobody can read goes into the journal's quarantine and holds up no other.
    ``on_trouble`` gets a line for each of those, one when this stops working, and one when it
    works again.
    """
    tell = on_trouble or (lambda _: None)
    failing, pause_s = False, POLL_S
    touched = Touched(inbox.path, longest_s=_UNSEEN_S, rest_s=_REST_S)
    while True:
        if not touched():
            await asyncio.sleep(pause_s)
            continue
        try:
            moved = await _move(inbox, journal, tell)
        except (InboxError, JournalFullError) as error:
            if not failing:
                tell(f"what people do has no effect for now: {error}")
            inbox.drained(well=False)
            failing, pause_s = True, min(pause_s * 2, _LONGEST_PAUSE_S)
            moved = 0
            touched.forget()
        else:
            if failing:
                tell("what people do has its effect again; nothing was lost")
            inbox.drained(well=True)
            failing, pause_s = False, POLL_S
        if moved < _AT_ONCE:
            await asyncio.sleep(pause_s)


async def _move(inbox: Inbox, journal: Journal, tell: Callable[[str], None]) -> int:
    waiting = await asyncio.to_thread(inbox.look, _AT_ONCE)
    if waiting.unreadable:
        await _put_aside(inbox, journal, waiting.unreadable, tell)
    if commands := waiting.acts:
        for command in commands[:-1]:
            journal.append(command, key=_key(command))
        # One order, one writer: when the last is on disk, so are those before it.
        await journal.put(commands[-1], key=_key(commands[-1]))
        await asyncio.to_thread(inbox.settle, [command.id for command in commands])
    return len(commands) + len(waiting.unreadable)


async def _put_aside(
    inbox: Inbox, journal: Journal, rows: Sequence[Unreadable], tell: Callable[[str], None]
) -> None:
    kept = asyncio.Event()
    for row in rows:
        done = kept.set if row is rows[-1] else None
        journal.quarantine(f"{INBOX} {row.number}", row.why, row.body, done=done)
    await kept.wait()
    await asyncio.to_thread(inbox.set_aside, [row.number for row in rows])
    for row in rows:
        tell(
            f"something that somebody did (row {row.number} of inbox.db) HAS NO EFFECT: {row.why}; "
            "it is in quarantine: look at the alarms, and do it again"
        )


def _key(command: Act) -> MessageKey:
    return MessageKey(PEOPLE, command.id, sha256(_encode(command)).digest())


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for line in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL"):
            db.execute(f"PRAGMA {line}")
        db.executescript(_SCHEMA)
    except BaseException:
        # Whatever it was goes on as it came: only nobody else could close this one any more.
        db.close()
        raise
    return db


def _read(id_: bytes, body: bytes) -> Act | str:
    """The act that ``body`` is; what is wrong with it where it is none."""
    try:
        act = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"it cannot be read: {error}"
    # By its id it is settled.
    return act if act.id.encode() == id_ else f"it stands under {id_!r} and says {act.id!a}"
