"""Passwords: what makes one good enough, and their argon2id hashes in files beside the ledger.

The hashes are not in the ledger, whose rows are shown, exported and read by others. What stands
there is the SHA-256 of the hash, chained like everything: a hash that was put in another's place
does not count, and nothing of the password can be told from it. One door to argon2 of this package.
"""

import os
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

MOST = 256
"""Characters; more would only cost time."""
_RARE = 5
"""Different characters that a password has at least."""


class PasswordError(Exception):
    """A password cannot be taken or kept; the text says why and what to do, never the password."""


class Rules(NamedTuple):
    """What a site asks of passwords: ``least`` characters, none of the ``last`` ones again.

    ``expires_ms`` after it was chosen it must be changed; None: never.
    """

    least: int = 12
    last: int = 5
    expires_ms: int | None = None

    @property
    def kept(self) -> int:
        """How many entries are looked back at: one that was only hashed anew is another entry."""
        return 2 * self.last + 2


class Hashed(NamedTuple):
    """An argon2id hash in its own notation, its SHA-256 in hexadecimal, and its parameters."""

    text: str
    digest: str
    scheme: str


def hasher() -> PasswordHasher:
    """Argon2id as the second option of RFC 9106, section 4: 3 passes, 64 MiB, 4 lanes."""
    return PasswordHasher(
        time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32, salt_len=16, type=Type.ID
    )


def check(password: str, person: str, rules: Rules) -> None:
    """``password`` may be that of ``person``.

    Raises:
        PasswordError: no.
    """
    if not rules.least <= len(password) <= MOST:
        raise PasswordError(f"a password has {rules.least} to {MOST} characters")
    if not password.isprintable():
        raise PasswordError("a password is of characters that can be typed")
    if len(set(password)) < _RARE:
        raise PasswordError(f"a password has {_RARE} different characters or more")
    if person.casefold() in password.casefold():
        raise PasswordError("a password does not hold the id of whose it is")


class Passwords:
    """The hashes of people's passwords: a file a person in ``folder``, for its owner alone."""

    def __init__(self, folder: Path, *, with_hasher: PasswordHasher | None = None) -> None:
        self._folder = folder
        self._hasher = with_hasher or hasher()

    def hashed(self, password: str) -> Hashed:
        """The hash of ``password``, with a salt of its own; takes some tens of milliseconds."""
        text = self._hasher.hash(_normal(password))
        made = self._hasher
        scheme = (
            f"argon2id t={made.time_cost} m={made.memory_cost}KiB p={made.parallelism} "
            f"hash={made.hash_len} salt={made.salt_len}"
        )
        return Hashed(text, _digest(text), scheme)

    def keep(self, person: str, new: Hashed, kept: Iterable[str]) -> None:
        """Keep ``new`` beside those whose digests are ``kept``; on disk when this returns.

        Raises:
            PasswordError: it cannot be written.
        """
        wanted = frozenset(kept)
        lines = [new.text, *(text for text in self._texts(person) if _digest(text) in wanted)]
        path = self._path(person)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="ascii") as writing:
                writing.write("\n".join(lines) + "\n")
                writing.flush()
                os.fsync(writing.fileno())
            fresh.replace(path)
            _sync(self._folder)
        except OSError as error:
            raise PasswordError(f"{path}: cannot be written: {error.strerror}") from error

    def has(self, person: str, digest: str) -> bool:
        """Whether the hash that the ledger means by ``digest`` is there, unchanged."""
        return self._text(person, digest) is not None

    def is_right(self, person: str, digest: str | None, password: str) -> bool | None:
        """Whether ``password`` gives the hash of ``digest``; None when that is not there.

        Takes as long when there is none (``digest`` None, or its hash gone): how long the answer
        takes does not tell whose names are known.
        """
        text = None if digest is None else self._text(person, digest)
        right = self._matches(text or self._decoy(), password)
        return right if text is not None else (None if digest is not None else False)

    def was_used(self, person: str, digests: Iterable[str], password: str) -> bool:
        """Whether ``password`` gives one of the hashes of ``digests``."""
        texts = (self._text(person, digest) for digest in digests)
        return any(self._matches(text, password) for text in texts if text is not None)

    def is_outdated(self, person: str, digest: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        text = self._text(person, digest)
        return text is not None and self._hasher.check_needs_rehash(text)

    def _matches(self, text: str, password: str) -> bool:
        try:
            # More than can be a password is not hashed in full: that would cost time at will.
            return self._hasher.verify(text, _normal(password[: MOST + 1]))
        except (VerificationError, InvalidHashError):
            return False

    def _decoy(self) -> str:
        """A hash that no password gives, and that takes as long to compare with as any."""
        made = self._hasher
        parts = (secrets.token_bytes(size) for size in (made.salt_len, made.hash_len))
        salt, end = (b64encode(part).decode().rstrip("=") for part in parts)
        sizes = f"m={made.memory_cost},t={made.time_cost},p={made.parallelism}"
        return f"$argon2id$v={ARGON2_VERSION}${sizes}${salt}${end}"

    def _text(self, person: str, digest: str) -> str | None:
        return next((text for text in self._texts(person) if _digest(text) == digest), None)

    def _texts(self, person: str) -> list[str]:
        try:
            return self._path(person).read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise PasswordError(f"{self._path(person)}: cannot be read: {error}") from error

    def _path(self, person: str) -> Path:
        # Only of who is in the ledger: its ids hold letters, digits, - and _.
        return self._folder / f"{person}.argon2"


def _normal(password: str) -> bytes:
    # One spelling of what two keyboards send differently; NIST SP 800-63B asks for NFKC or NFKD.
    # What is no Unicode text is wrong, and must be so like any other.
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
