"""Somebody proves who they are by id and password; wrong ones are counted, and lock out."""

from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select

from batches import lockout, roster, trail
from batches.ledger import Ledger
from batches.lockout import CLEARED, LOCKED, WRONG, Attempt, Patience, Standing
from batches.password import Passwords, Rules
from batches.person import SOFTWARE, UNKNOWN, Person, is_id
from batches.roster import Credential
from storage import schema
from storage.acts import damaged_act


class Outcome(StrEnum):
    """What came of an attempt, as the trail says it."""

    RIGHT = "right"
    WRONG = "wrong password"
    NOBODY = "no such person"
    ENDED = "works here no more"
    LOCKED = "locked out"
    UNREADABLE = "its hash is gone or was changed"


class Why(StrEnum):
    """Why somebody did not prove who they are, as they read it."""

    WRONG = "the name or the password is wrong"
    LOCKED = "there were too many wrong passwords; wait, or ask an admin to unlock"
    BUSY = "somebody has just typed a wrong password; try again in a second"
    CHANGE = "somebody else chose this password; change it first: culturewatch user password"
    EXPIRED = "this password is too old; change it first: culturewatch user password"
    UNREADABLE = (
        "the password cannot be checked: its hash is gone or was changed; "
        "see culturewatch verify, and ask an admin for a new password"
    )


class NotAuthenticated(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody did not prove who they are. ``until``: when to try again (epoch ms), if known."""

    why: Why
    until: int | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a site asks of passwords, and how many wrong ones it bears."""

    rules: Rules = Rules()
    patience: Patience = Patience()


class Proof:
    """Judges passwords by the ledger and the hashes beside it."""

    def __init__(self, ledger: Ledger, passwords: Passwords, settings: Settings) -> None:
        self._database = ledger.database
        self._now = ledger.clerk.now
        self._passwords = passwords
        self._settings = settings

    def judge(
        self, person: str, password: str, *, may_be_stale: bool = False
    ) -> Person | NotAuthenticated:
        """As ``batches.people.People.authenticate``; ``may_be_stale``: to change it."""
        person = person if is_id(person) else UNKNOWN
        with self._database.reading() as connection:
            given = self._given(connection, person)
        digest = None if given is None else given.digest
        right = self._passwords.is_right(person, digest, password)
        with self._database.writing() as connection:
            found = self._judged(connection, person, given, right=right)
        if isinstance(found, NotAuthenticated) or given is None:
            return found
        self._renew(given, password)
        stale = None if may_be_stale else self._stale(given)
        return found if stale is None else NotAuthenticated(why=stale)

    def standing(self, connection: Connection, person: str) -> Standing:
        """How many wrong passwords in a row there were, and whether that locked the person out."""
        columns = schema.act.c
        query = (
            select(columns.kind, columns.entered_at)
            .where((columns.subject == person) & columns.kind.in_(_TELLING))
            .order_by(columns.sequence.desc())
            .limit(self._settings.patience.tries + 1)
        )
        attempts = [Attempt(_TELLING[kind], at) for kind, at in connection.execute(query)]
        return lockout.standing(attempts, self._now(), self._settings.patience)

    def _judged(
        self, connection: Connection, person: str, given: Credential | None, *, right: bool | None
    ) -> Person | NotAuthenticated:
        """The answer, once it is written down. Many may guess at once: here they stand in line."""
        found = self._awaited(connection, person)
        if isinstance(found, NotAuthenticated):
            return found
        if self._given(connection, person) != given:
            return NotAuthenticated(why=Why.BUSY)
        if right is False:
            return self._wrong(connection, person)
        if given is None or right is None or damaged_act(connection, given.row) is not None:
            return self._failed(connection, person, Outcome.UNREADABLE, Why.UNREADABLE)
        self._note(connection, "login", person, Outcome.RIGHT)
        return found

    def _awaited(self, connection: Connection, person: str) -> Person | NotAuthenticated:
        """The person, when it is their turn to be judged by the password."""
        now, patience = self._now(), self._settings.patience
        if wait := lockout.wait_ms(_last_wrong(connection), now, patience):
            return NotAuthenticated(why=Why.BUSY, until=now + wait)
        found = roster.find(connection, person)
        if found is None:
            return self._failed(connection, UNKNOWN, Outcome.NOBODY, Why.WRONG)
        until = self.standing(connection, person).locked_until
        if until is not None:
            self._note(connection, "login-locked", person, Outcome.LOCKED)
            return NotAuthenticated(why=Why.LOCKED, until=until)
        if not found.active:
            return self._failed(connection, person, Outcome.ENDED, Why.WRONG)
        return found

    def _given(self, connection: Connection, person: str) -> Credential | None:
        return next(iter(roster.credentials(connection, person, 1)), None)

    def _wrong(self, connection: Connection, person: str) -> NotAuthenticated:
        answer = self._failed(connection, person, Outcome.WRONG, Why.WRONG)
        patience, count = self._settings.patience, self.standing(connection, person).wrong
        if count < patience.tries:
            return answer
        until = self._now() + patience.locked_ms
        note = trail.Note(
            kind="lockout",
            by=SOFTWARE,
            subject=person,
            area="access",
            item="password",
            outcome=f"locked out for {patience.locked_ms // 1000} s after {count} wrong passwords",
            new=str(until),
        )
        trail.keep(connection, note, at=self._now())
        return NotAuthenticated(why=Why.LOCKED, until=until)

    def _failed(
        self, connection: Connection, person: str, outcome: Outcome, why: Why
    ) -> NotAuthenticated:
        self._note(connection, "login-failed", person, outcome)
        return NotAuthenticated(why=why)

    def _note(self, connection: Connection, kind: str, person: str, outcome: Outcome) -> None:
        note = trail.Note(
            kind=kind, by=person, subject=person, area="access", item="password", outcome=outcome
        )
        trail.keep(connection, note, at=self._now())

    def _stale(self, given: Credential) -> Why | None:
        expires = self._settings.rules.expires_ms
        if given.set_by_other:
            return Why.CHANGE
        if expires is not None and self._now() >= given.chosen + expires:
            return Why.EXPIRED
        return None

    def _renew(self, given: Credential, password: str) -> None:
        """Hash a password anew that was hashed with other parameters than those of today."""
        if not self._passwords.is_outdated(given.person, given.digest):
            return
        fresh = self._passwords.hashed(password)
        with self._database.writing() as connection:
            newest = roster.credentials(connection, given.person, self._settings.rules.kept)
            if newest[0] != given:
                return
            self._passwords.keep(given.person, fresh, [each.digest for each in newest])
            roster.enter_credential(
                connection,
                msgspec.structs.replace(given, digest=fresh.digest),
                kind="rehash",
                by=SOFTWARE,
                scheme=fresh.scheme,
                now=self._now(),
            )


_TELLING = {
    "login": CLEARED,
    "login-failed": WRONG,
    "lockout": LOCKED,
    "unlock": CLEARED,
    "password": CLEARED,
    "password-reset": CLEARED,
}
"""Kinds of entries that tell how a person stands. Tries while locked out are not among them: they
would push the lock-out out of sight."""
_FAILURES = ("login-failed", "login-locked")


def _last_wrong(connection: Connection) -> int | None:
    columns = schema.act.c
    query = select(columns.entered_at).where(columns.kind.in_(_FAILURES))
    return connection.execute(query.order_by(columns.sequence.desc()).limit(1)).scalar()
