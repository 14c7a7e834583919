"""Tokens of programs: what each may ask for, kept as hashes, good until an end or a revocation."""

import hashlib
import os
import re
import secrets
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import msgspec

PREFIX = "cwt"
SECRET_BYTES = 32
"""256 random bits: nothing to guess, so that one round of SHA-256 keeps them."""
LONGEST_MS = 400 * 86_400_000
LONGEST_TEXT = 200
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SPELLING = re.compile(rf"{PREFIX}_(?P<id>[a-z0-9-]{{1,40}})_(?P<secret>[A-Za-z0-9_-]{{43}})")


class Scope(StrEnum):
    """What a token may be used for."""

    READINGS = "read:readings"
    ALARMS = "read:alarms"
    BATCHES = "read:batches"
    RECORDS = "read:records"
    HEALTH = "read:health"
    ACT = "act:alarms"
    ADMIN = "admin:site"


ACTING = frozenset({Scope.ACT, Scope.ADMIN})
"""What is done with these is done in the name of a person."""


class TokenError(Exception):
    """A token cannot be made or revoked; the text says why and what to do."""


class ApiToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token as it is kept. Times are epoch milliseconds, UTC.

    ``digest`` is the SHA-256 of the whole token, ``person`` in whose name it acts, if it does.
    """

    id: str
    digest: str
    scopes: tuple[Scope, ...]
    person: str
    made_by: str
    made_at: int
    expires_at: int
    revoked_at: int | None = None
    revoked_by: str = ""

    def is_good(self, now: int) -> bool:
        """Whether it counts at ``now``."""
        return self.revoked_at is None and now < self.expires_at


class ApiTokens:
    """The tokens of a site, a file each in ``folder``. Several processes may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(
        self,
        name: str,
        scopes: Collection[Scope],
        *,
        expires_at: int,
        now: int,
        by: str,
        person: str = "",
    ) -> str:
        """Make the token ``name``; its text, which is shown this once.

        Raises:
            TokenError: the name is taken or none, a scope is missing, its end is too far off.
        """
        if not _ID.fullmatch(name):
            raise TokenError(f"{name!r}: a token's name has a-z, 0-9 and -, 40 at most")
        if not scopes:
            raise TokenError("name a scope: " + ", ".join(Scope))
        if not now < expires_at <= now + LONGEST_MS:
            raise TokenError("a token ends, after 400 days at the latest: say when")
        if bool(ACTING.intersection(scopes)) != bool(person):
            acting = ", ".join(sorted(ACTING))
            raise TokenError(f"{acting} and the person in whose name it acts go together")
        text = f"{PREFIX}_{name}_{secrets.token_urlsafe(SECRET_BYTES)}"
        token = ApiToken(
            id=name,
            digest=_digest(text),
            scopes=tuple(sorted(set(scopes))),
            person=person,
            made_by=by,
            made_at=now,
            expires_at=expires_at,
        )
        if self._path(name).exists():
            raise TokenError(f"{name}: there is such a token already; take another name")
        self._write(token)
        return text

    def revoke(self, name: str, *, now: int, by: str) -> ApiToken:
        """End a token before its time; what is revoked stays listed.

        Raises:
            TokenError: there is none of that name.
        """
        token = self._read(name) if _ID.fullmatch(name) else None
        if token is None:
            raise TokenError(f"{name}: there is no such token; see culturewatch token list")
        if token.revoked_at is None:
            token = msgspec.structs.replace(token, revoked_at=now, revoked_by=by)
            self._write(token)
        return token

    def all(self) -> tuple[ApiToken, ...]:
        """Every token, also those that are over."""
        names = sorted(path.stem for path in self._folder.glob("*.json"))
        return tuple(token for token in map(self._read, names) if token is not None)

    def find(self, text: str, *, now: int) -> ApiToken | None:
        """The good token that ``text`` is; None for any other text."""
        spelled = _SPELLING.fullmatch(text) if len(text) <= LONGEST_TEXT else None
        if spelled is None or not _ID.fullmatch(spelled["id"]):
            return None
        token = self._read(spelled["id"])
        if token is None or not secrets.compare_digest(token.digest, _digest(text)):
            return None
        return token if token.is_good(now) else None

    def _read(self, name: str) -> ApiToken | None:
        try:
            return msgspec.json.decode(self._path(name).read_bytes(), type=ApiToken)
        except (OSError, msgspec.MsgspecError):
            # What cannot be read opens nothing.
            return None

    def _write(self, token: ApiToken) -> None:
        path = self._path(token.id)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as kept:
                kept.write(msgspec.json.encode(token))
                kept.flush()
                os.fsync(kept.fileno())
            fresh.replace(path)
        except OSError as error:
            raise TokenError(f"{path}: cannot be written: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
