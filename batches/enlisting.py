"""The token that enters the first admin: good once, for an hour, kept as a hash."""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec

from batches.password import PasswordError

GOOD_MS = 3_600_000
_AHEAD_MS = 60_000


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    made: int


class OneTime:
    """Makes the token and takes it back, in one file that only the owner of the data reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, now: int) -> str:
        """A new token, made at ``now`` (epoch ms); the one before counts no more.

        Raises:
            PasswordError: it cannot be kept.
        """
        token = secrets.token_urlsafe(24)
        body = msgspec.json.encode(_Kept(_digest(token), now))
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as writing:
                writing.write(body)
            fresh.replace(self._path)
        except OSError as error:
            raise PasswordError(f"{self._path}: cannot be written: {error.strerror}") from error
        return token

    def takes(self, token: str, now: int) -> bool:
        """Whether ``token`` is the one that counts at ``now`` (epoch ms)."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError):
            return False
        fresh = kept.made - _AHEAD_MS <= now < kept.made + GOOD_MS
        return hmac.compare_digest(_digest(token), kept.digest) and fresh

    def spend(self) -> None:
        """Let it count no more."""
        self._path.unlink(missing_ok=True)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
