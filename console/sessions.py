"""Who is logged in at the console: kept in memory, so that whoever stops it logs everybody out."""

import secrets
from hashlib import sha256

import msgspec

IDLE_MS = 15 * 60_000
WHOLE_MS = 12 * 3_600_000
MOST = 500


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """``person`` proved who they are at ``made`` with the password of entry ``credential``.

    ``used`` is when they last did something; times are epoch milliseconds, UTC. ``form`` is what
    their forms carry, which another site cannot know. ``via`` is the provider that vouched for
    them; empty where they typed the password itself.
    """

    person: str
    credential: int
    made: int
    used: int
    form: str
    via: str = ""


class Sessions:
    """Sessions by the digest of their token, each with an end."""

    def __init__(self, *, idle_ms: int = IDLE_MS) -> None:
        """``idle_ms``: how long somebody may do nothing."""
        self.idle_ms = idle_ms
        self._open: dict[str, Session] = {}

    def begin(self, person: str, credential: int, now: int, *, via: str = "") -> str:
        """The token of a new session of ``person``; the oldest one ends when there are too many."""
        self._tidy(now)
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = Session(
            person=person,
            credential=credential,
            made=now,
            used=now,
            form=secrets.token_urlsafe(24),
            via=via,
        )
        while len(self._open) > MOST:
            self._open.pop(min(self._open, key=lambda digest: self._open[digest].used))
        return token

    def find(self, token: str, now: int) -> Session | None:
        """The session of ``token``, if it is good at ``now`` (epoch ms)."""
        found = self._open.get(_digest(token))
        if found is None or not self._is_good(found, now):
            return None
        return found

    def touch(self, token: str, now: int) -> None:
        """Its person did something at ``now``; a session that is over stays so."""
        if (found := self.find(token, now)) is not None:
            used = max(found.used, now)
            self._open[_digest(token)] = msgspec.structs.replace(found, used=used)

    def end(self, token: str) -> None:
        """It counts no more."""
        self._open.pop(_digest(token), None)

    def _tidy(self, now: int) -> None:
        self._open = {name: one for name, one in self._open.items() if self._is_good(one, now)}

    def _is_good(self, session: Session, now: int) -> bool:
        # Earlier than it was made: the clock was set back, and how old it is cannot be known.
        return session.made <= now < session.made + WHOLE_MS and now < session.used + self.idle_ms


def _digest(token: str) -> str:
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
