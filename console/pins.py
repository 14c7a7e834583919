"""The PIN with which a person proves, on the page behind a link, to be who the link is for."""

import logging
import os
import secrets
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

log = logging.getLogger(__name__)

LEAST, MOST = 4, 64
"""Characters of a PIN."""

TRIES = 5
LOCKED_S = 900.0
"""After so many wrong ones in a row nobody may try again for so long."""


class PinError(Exception):
    """A PIN cannot be kept; the text says why and what to do."""


class Verdict(StrEnum):
    """What came of a PIN, in words for who typed it."""

    RIGHT = "right"
    WRONG = "this is not your PIN"
    LOCKED = "there were too many wrong PINs; wait a quarter of an hour, or call somebody"
    UNREADABLE = "your PIN cannot be checked: the file that keeps it is damaged; call somebody"


def check_pin(pin: str) -> None:
    """See that ``pin`` can be one.

    Raises:
        PinError: it is too short or too long, or easily guessed.
    """
    if not LEAST <= len(pin) <= MOST or not pin.isprintable():
        raise PinError(f"a PIN has {LEAST} to {MOST} characters that can be typed")
    if len(set(pin)) == 1:
        raise PinError("a PIN of one character again and again is none")


class Pins:
    """PINs kept as argon2 hashes, a file a person in ``folder``.

    Who has none is not asked for one: the link alone acknowledges, as it did before.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now_s: Callable[[], float] = time.monotonic,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._folder = folder
        self._hasher = hasher or PasswordHasher()
        self._now_s = now_s
        self._wrong: dict[str, tuple[int, float]] = {}

    def asks(self, person: str) -> bool:
        """Whether ``person`` has a PIN."""
        return self._path(person).exists()

    def keep(self, person: str, pin: str) -> None:
        """Make ``pin`` the person's own; the one before counts no more.

        Raises:
            PinError: it is too short or too long, or cannot be written.
        """
        check_pin(pin)
        path, text = self._path(person), self._hasher.hash(pin)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="ascii") as kept:
                kept.write(text)
                kept.flush()
                os.fsync(kept.fileno())
            fresh.replace(path)
        except OSError as error:
            raise PinError(f"{path}: cannot be written: {error.strerror}") from error

    def forget(self, person: str) -> bool:
        """Ask the person for none any more; whether there was one.

        Raises:
            PinError: it cannot be taken away, and is asked for as before.
        """
        path = self._path(person)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise PinError(f"{path}: cannot be taken away: {error.strerror}") from error
        return True

    def check(self, person: str, pin: str) -> Verdict:
        """Whether ``pin`` is that of ``person``; takes some tens of milliseconds on purpose."""
        wrong, since_s = self._wrong.get(person, (0, 0.0))
        now_s = self._now_s()
        if wrong >= TRIES and now_s - since_s < LOCKED_S:
            return Verdict.LOCKED
        try:
            self._hasher.verify(self._path(person).read_text(encoding="ascii"), pin)
        except VerifyMismatchError:
            self._wrong[person] = (1 if wrong >= TRIES else wrong + 1, now_s)
            log.warning("a wrong PIN for %s, number %d in a row", person, self._wrong[person][0])
            return Verdict.WRONG
        except (VerificationError, InvalidHashError, OSError, ValueError):
            log.exception("the PIN of %s cannot be checked", person)
            return Verdict.UNREADABLE
        self._wrong.pop(person, None)
        return Verdict.RIGHT

    def _path(self, person: str) -> Path:
        # Ids hold letters, digits, - and _ only; the site's file is checked for that.
        return self._folder / f"{person}.pin"
