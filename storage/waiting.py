"""What waits for the next commit of the journal, and what the commit answers."""

import hashlib
import time
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import msgspec

from storage.entry import Entry

Logged = tuple[int, Entry]


class JournalError(Exception):
    """The journal cannot be opened, read or written; the message says what to do."""


class JournalHeldError(JournalError):
    """Another process writes the journal."""


KEPT_BYTES = 64 * 1024
"""As much of a payload is kept in quarantine."""
PEOPLE = "\0people"
"""Topic of what people do: never forgotten, and no topic of a broker."""
INBOX = "inbox row"
"""Where in quarantine is said to come from what somebody did and nobody can read."""
_OVERHEAD = 200


class MessageKey(NamedTuple):
    """By what a redelivered message is recognised.

    ``mark`` is the device's stamp or sequence number as text, ``digest`` the SHA-256 of the
    payload.
    """

    topic: str
    mark: str
    digest: bytes


class Outcome(Enum):
    """What became of an entry that was handed in."""

    STORED = "stored"
    DUPLICATE = "the same message was stored before"
    CONFLICT = "another was stored under the same mark or for the same instant; put in quarantine"


class Fact(msgspec.Struct, frozen=True):
    """An entry and its packed body. ``since``, here and below, is monotonic seconds."""

    entry: Entry
    body: bytes
    key: MessageKey | None
    done: Callable[[Outcome], None] | None
    since: float

    @property
    def weight(self) -> int:
        """About how many bytes of memory wait with it."""
        return len(self.body) * 5 + _OVERHEAD


class Oddity(msgspec.Struct, frozen=True):
    """Something unusable on its way to quarantine: its beginning, full length and SHA-256."""

    origin: str
    reason: str
    length: int
    sha256: bytes
    payload: bytes
    done: Callable[[], None] | None
    since: float

    @property
    def weight(self) -> int:
        """About how many bytes of memory wait with it."""
        return len(self.payload) + _OVERHEAD


class CursorMove(msgspec.Struct, frozen=True):
    """A consumer has dealt with everything up to ``seq``."""

    name: str
    seq: int
    done: Callable[[], None]
    since: float

    @property
    def weight(self) -> int:
        """About how many bytes of memory wait with it."""
        return _OVERHEAD


class Broken(msgspec.Struct, frozen=True):
    """A damaged row, to be moved from the log into quarantine."""

    seq: int
    reason: str
    since: float

    @property
    def weight(self) -> int:
        """About how many bytes of memory wait with it."""
        return _OVERHEAD


class Removal(msgspec.Struct, frozen=True):
    """Entries up to ``upto`` may go, for the archive has them; ``at_most`` of them at once.

    ``done`` is told how many went.
    """

    upto: int
    at_most: int
    done: Callable[[int], None]
    since: float

    @property
    def weight(self) -> int:
        """About how many bytes of memory wait with it."""
        return _OVERHEAD


Waiting = Fact | Oddity | CursorMove | Broken | Removal


class Committed(NamedTuple):
    """What one commit brought: new entries, and the words owed to those who wait for them.

    ``free_bytes`` of the file are empty pages; entries up to ``removed`` are in the archive alone.
    """

    last: int
    logged: list[Logged]
    outcomes: list[tuple[Callable[[Outcome], None], Outcome]]
    done: list[Callable[[], None]]
    cursors: dict[str, int]
    duplicates: int
    conflicts: int
    quarantined: int
    free_bytes: int
    removed: int


def oddity(
    origin: str, reason: str, payload: bytes, done: Callable[[], None] | None = None
) -> Oddity:
    """What is kept of ``payload``."""
    return Oddity(
        origin=origin,
        reason=reason,
        length=len(payload),
        sha256=hashlib.sha256(payload).digest(),
        payload=payload[:KEPT_BYTES],
        done=done,
        since=time.monotonic(),
    )
