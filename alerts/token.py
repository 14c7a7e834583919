"""Links that acknowledge: signed, expiring, single-use, for one person and one occurrence.

The one door to itsdangerous.
"""

import contextlib
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer

from alerts.transition import DRILL
from storage.entry import Command

KEY_VARIABLE = "CULTUREWATCH_TOKEN_KEY"
_MIN_KEY = 32
_SALT = "culturewatch.acknowledge.1"
_DAY_S = 86_400


class KeyFileError(Exception):
    """The key that signs links cannot be used; the text says which file and why."""


class Reason(StrEnum):
    """Why a link does not count, in the words a person reads."""

    EXPIRED = "this link has expired; sign in, or use the newest message"
    FORGED = "this link was not made here or was changed on its way"
    USED = "this link has been used before"


class AckClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid link claims: ``person`` saw ``occurrence`` of ``rule`` at ``severity``.

    ``id`` is the link's own; the command that it makes is called after it, so that the inbox
    takes it once: it refuses a second press as another act of the same id, and the engine never
    sees two. ``via`` is the way it came: ``link``, ``voice``, ``sms``.
    """

    id: str
    person: str
    rule: str
    occurrence: int
    severity: str
    via: str = "link"

    @property
    def drill(self) -> bool:
        """Whether it answers a drill, not an alarm."""
        return self.rule.startswith(DRILL)

    @property
    def command_id(self) -> str:
        """The id of the command that this link makes."""
        return f"{self.via}-{self.id}"

    def command(self, at: int, *, note: str = "") -> Command:
        """The acknowledgement, for ``storage.inbox.Inbox``; ``at`` is epoch ms, UTC."""
        arguments = {"occurrence": str(self.occurrence), "severity": self.severity}
        if note:
            arguments["note"] = note
        return Command(
            id=self.command_id,
            at=at,
            by=self.person,
            verb="ack",
            target=self.rule,
            via=self.via,
            arguments=arguments,
        )


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    id: str
    person: str
    rule: str
    occurrence: int
    severity: str


class TokenDesk:
    """Makes links and judges them.

    ``used`` answers whether a command of that id has been accepted (``AlarmReader.used``).
    """

    def __init__(self, key: bytes, *, used: Callable[[str], bool], max_age_s: int = _DAY_S) -> None:
        if len(key) < _MIN_KEY:
            raise KeyFileError(f"the key that signs links needs {_MIN_KEY} bytes or more")
        self._serializer = URLSafeTimedSerializer(
            key, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._used = used
        self._max_age_s = max_age_s

    def make(self, *, person: str, rule: str, occurrence: int, severity: str) -> str:
        """A token for a URL. Each call makes another one."""
        # Random, never counted: a number given again after the store was lost would be
        # taken for a command already done, and an acknowledgement would vanish.
        return self._serializer.dumps(
            [secrets.token_urlsafe(12), person, rule, occurrence, severity]
        )

    def verify(self, token: str) -> AckClaim | Reason:
        """What the token claims, or why it does not count."""
        try:
            loaded, made = self._serializer.loads(token, return_timestamp=True)
            payload = msgspec.convert(loaded, _Payload)
        except (BadData, msgspec.ValidationError):
            return Reason.FORGED
        # A clock that was set back must not call what it signed a minute ago expired.
        if abs(time.time() - made.timestamp()) > self._max_age_s:
            return Reason.EXPIRED
        claim = AckClaim(
            id=payload.id,
            person=payload.person,
            rule=payload.rule,
            occurrence=payload.occurrence,
            severity=payload.severity,
        )
        return Reason.USED if self._used(claim.command_id) else claim


def load_key(path: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """The key from the environment or the file at ``path``, which is made on the first run.

    Raises:
        KeyFileError: too short, open to others, or not to be read or made.
    """
    given = environment.get(KEY_VARIABLE, "").encode()
    if given:
        if len(given) < _MIN_KEY:
            raise KeyFileError(f"{KEY_VARIABLE} is too short: {_MIN_KEY} bytes or more are needed")
        return given
    try:
        if not path.exists():
            _make_key(path)
        open_to_others = path.stat().st_mode & 0o077
        key = path.read_bytes().strip()
    except OSError as error:
        raise KeyFileError(f"{path}: the key that signs links: {error.strerror}") from error
    if open_to_others:
        raise KeyFileError(f"{path}: others may read this key; run: chmod 600 {path}")
    if len(key) < _MIN_KEY:
        raise KeyFileError(f"{path}: not a key; remove the file and a new one is made")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes it 0600. Linking fails when the other process was first: its key counts.
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=".key-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
    finally:
        Path(made).unlink()
