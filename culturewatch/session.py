"""Who is logged in at this terminal: a signed token for a while, in the user's own state folder.

The one door to itsdangerous of this package.
"""

import hashlib
import os
import secrets
from pathlib import Path

import msgspec
from itsdangerous import BadData, URLSafeSerializer

_SALT = "culturewatch.session.1"
_AHEAD_MS = 60_000
_STARTED = 19
"""Of the fields after the name in /proc/PID/stat, that of when the process began (proc(5), 22)."""


class Session(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``person`` proved who they are at ``made``, by the password of entry ``credential``.

    It is good at one ``terminal``, until ``until``; times are epoch milliseconds.
    """

    person: str
    credential: int
    terminal: str
    made: int
    until: int

    def is_good(self, *, credential: int, terminal: str, now: int) -> bool:
        """Whether it counts at ``now``, while ``credential`` is the password that does."""
        # One that was made later than now is of a clock that has been set back since.
        in_time = self.made - _AHEAD_MS <= now < self.until
        return in_time and (self.credential, self.terminal) == (credential, terminal)


class Sessions:
    """The sessions of this user of the machine with one site, at this terminal."""

    def __init__(self, key: bytes, data: Path, *, folder: Path | None = None) -> None:
        """``key`` is the site's; ``data`` its folder of data, which tells sites apart."""
        self._serializer = URLSafeSerializer(
            key, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )
        site = hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:16]
        self.terminal = terminal()
        # Of the terminal too: who logs in elsewhere does not end what is open here.
        here = hashlib.sha256(self.terminal.encode()).hexdigest()[:8]
        self._folder = folder or state_folder()
        self._prefix = f"{site}-{here}-"

    def keep(self, session: Session) -> Path:
        """Keep ``session`` for this user's eyes only; where.

        Raises:
            OSError: it cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(session.person)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as kept:
            kept.write(self._serializer.dumps(msgspec.to_builtins(session)))
        fresh.replace(path)
        return path

    def find(self, person: str) -> Session | None:
        """The session of ``person``, if there is one that was made here."""
        return self._read(self._path(person))

    def people(self) -> tuple[str, ...]:
        """Who has a session here, good or not."""
        try:
            names = sorted(path.name for path in self._folder.glob(f"{self._prefix}*"))
        except OSError:
            return ()
        return tuple(name.removeprefix(self._prefix) for name in names)

    def forget(self, person: str) -> None:
        """End the session of ``person`` here."""
        self._path(person).unlink(missing_ok=True)

    def _read(self, path: Path) -> Session | None:
        try:
            if path.stat().st_mode & 0o077:
                return None
            loaded = self._serializer.loads(path.read_text(encoding="ascii"))
            return msgspec.convert(loaded, Session)
        except (OSError, UnicodeDecodeError, BadData, msgspec.ValidationError):
            return None

    def _path(self, person: str) -> Path:
        return self._folder / f"{self._prefix}{person}"


def state_folder() -> Path:
    """Where this user's programs keep their state (XDG Base Directory Specification)."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    return base / "culturewatch" / "sessions"


def terminal() -> str:
    """The terminal session this process belongs to: its leader, and when that began.

    Several people may share an account of the machine; a session that one left open at a terminal
    is not for whoever works at another.
    """
    leader = os.getsid(0)
    try:
        stat = Path(f"/proc/{leader}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{leader}:"
    return f"{leader}:{stat.rpartition(')')[2].split()[_STARTED]}"
