"""The way into the console: passwords are proved, sessions begin and end, the first admin enters.

Argon2 takes 64 MiB and all cores for a moment, so few at a time are let to try, and each address
only so often; ``batches.proof`` counts wrong passwords and locks out.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import msgspec

from batches import authority
from batches.enlisting import OneTime
from batches.ledger import Ledger
from batches.password import PasswordError, Passwords
from batches.people import People
from batches.person import Person, PersonError
from batches.placement import Refused
from batches.proof import NotAuthenticated, Settings, Why
from batches.vouching import Vouching
from console.rate import Rate
from console.sessions import Session, Sessions
from console.settings import ConsoleSettings
from storage.database import DatabaseError, file_of
from storage.wall import wall_ms

T = TypeVar("T")
log = logging.getLogger(__name__)

AT_ONCE = 2
PATIENCE_S = 8.0
LEDGER = "the ledger cannot be used; see the console's log"


class Refusal(StrEnum):
    """Why nobody came in, besides what ``batches.proof.Why`` says."""

    OFTEN = "there were too many tries from your address; wait a minute"
    BUSY = "others are logging in just now; try again in a moment"
    NOBODY = "nobody is known here yet; enter the first admin"
    STRANGER = "the provider knows you, this laboratory does not; ask an admin to enter you here"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at a page now, by the roles that they hold now, and the session that says so."""

    person: Person
    session: Session

    def may(self, act: str) -> bool:
        """Whether they may do it, by ``batches.authority``."""
        return authority.may(self.person, act)


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody came in: ``why`` in words; ``must_change`` the password first, which was right."""

    why: str
    must_change: bool = False
    until: int | None = None


class Entrance:
    """Lets people in, and says who is in."""

    def __init__(
        self,
        settings: ConsoleSettings,
        *,
        passwords: Passwords | None = None,
        now: Callable[[], int] = wall_ms,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sessions = Sessions(idle_ms=settings.idle_ms)
        self._settings = settings
        self._now = now
        self._rate = Rate(burst=10, refill_s=6.0, now_s=now_s)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._ledger: Ledger | None = None
        self._passwords = passwords or Passwords(settings.passwords or settings.data / "passwords")

    @property
    def ledger(self) -> Ledger:
        """The ledger; opened when first asked for.

        Raises:
            DatabaseError: it cannot be opened.
        """
        if self._ledger is None:
            devices = [one.id for one in self._settings.equipment]
            self._ledger = Ledger(
                self._settings.ledger_url,
                devices=devices,
                now=self._now,
                keys=self._settings.patients,
            )
        return self._ledger

    @property
    def people(self) -> People:
        """The people of the ledger, under the rules of the site."""
        rules = self._settings.password_rules
        return People(self.ledger, self._passwords, Settings(rules=rules))

    async def has_people(self) -> bool:
        """Whether anybody is known; who only looks creates no ledger."""
        return await asyncio.to_thread(self._has_people)

    async def come_in(self, person: str, password: str, *, address: str) -> str | Stopped:
        """The token of a session, or why there is none."""

        def prove() -> str | Stopped:
            if not self._has_people():
                return Stopped(why=Refusal.NOBODY)
            found = self.people.authenticate(person, password)
            if isinstance(found, NotAuthenticated):
                return _stopped(found)
            return self._begun(found)

        return await self._tried(prove, address)

    async def vouched(self, person: str, issuer: str) -> str | Stopped:
        """The token of a session of a person for whom a provider vouches, or why there is none."""

        def judge() -> str | Stopped:
            if not self._has_people():
                return Stopped(why=Refusal.NOBODY)
            found = Vouching(self.ledger).judge(person, issuer)
            if not isinstance(found, Person):
                return Stopped(why=Refusal.STRANGER)
            return self._begun(found, issuer)

        return await self._in_turn(judge)

    async def not_vouched(self, why: str, issuer: str) -> Stopped:
        """Keep that nobody came back from a provider; why, for them."""

        def keep() -> str | Stopped:
            if self._has_people():
                Vouching(self.ledger).failed(why, issuer)
            return Stopped(why=why)

        kept = await self._in_turn(keep)
        return kept if isinstance(kept, Stopped) else Stopped(why=why)

    def may_try(self, address: str) -> bool:
        """Whether somebody at ``address`` may try now; the try is counted."""
        if self._rate.allows(address):
            return True
        log.warning("too many tries to log in from %s", address)
        return False

    async def begin(
        self, token: str, person: str, *, name: str, password: str, address: str
    ) -> str | Stopped:
        """Enter the first admin by the token that ``run`` printed; the token of a session."""

        def enter() -> str | Stopped:
            desk = OneTime(self._settings.bootstrap or self._settings.data / "bootstrap.json")
            found = self.people.begin(
                desk, token.strip(), person, name=name, password=password, by=person
            )
            return self._begun(found)

        return await self._tried(enter, address)

    async def change_password(
        self, person: str, old: str, new: str, *, address: str
    ) -> str | Stopped:
        """Choose another password; the token of a new session, all others of theirs are over."""

        def change() -> str | Stopped:
            found = self.people.change_password(person, old, new)
            return _stopped(found) if isinstance(found, NotAuthenticated) else self._begun(found)

        return await self._tried(change, address)

    async def proved(self, person: str, password: str, *, address: str) -> Person | Stopped:
        """Who signs or orders something grave now, by id and password; no session comes of it."""

        def prove() -> Person | Stopped:
            found = self.people.authenticate(person, password)
            return _stopped(found) if isinstance(found, NotAuthenticated) else found

        return await self._tried(prove, address)

    async def visitor(self, token: str) -> Visitor | None:
        """Who is in with ``token``: not whose password was changed, or who ended, since.

        Raises:
            DatabaseError: the ledger cannot be read.
        """
        session = self.sessions.find(token, self._now()) if token else None
        if session is None:
            return None
        return await asyncio.to_thread(self._still, session)

    def touch(self, token: str) -> None:
        """The person of a session did something."""
        self.sessions.touch(token, self._now())

    def leave(self, token: str) -> None:
        """Their session is over."""
        self.sessions.end(token)

    def _still(self, session: Session) -> Visitor | None:
        people = self.people
        person, credential = people.find(session.person), people.credential(session.person)
        if person is None or not person.active or credential is None:
            return None
        same = credential.row == session.credential
        return Visitor(person=person, session=session) if same else None

    def _has_people(self) -> bool:
        file = file_of(self._settings.ledger_url)
        if self._ledger is None and file is not None and not file.exists():
            return False
        return self.ledger.has_people()

    def _begun(self, person: Person, via: str = "") -> str | Stopped:
        credential = self.people.credential(person.id)
        if credential is None:
            return Stopped(why=Why.UNREADABLE)
        log.info("%s logged in at the console", person.id)
        return self.sessions.begin(person.id, credential.row, self._now(), via=via)

    async def _tried(self, act: Callable[[], T | Stopped], address: str) -> T | Stopped:
        if not self.may_try(address):
            return Stopped(why=Refusal.OFTEN)
        return await self._in_turn(act)

    async def _in_turn(self, act: Callable[[], T | Stopped]) -> T | Stopped:
        try:
            async with asyncio.timeout(PATIENCE_S), self._turns:
                return await asyncio.to_thread(act)
        except TimeoutError:
            return Stopped(why=Refusal.BUSY)
        except (Refused, PersonError, PasswordError) as error:
            return Stopped(why=str(error))
        except DatabaseError:
            log.exception("nobody can log in")
            return Stopped(why=LEDGER)


def _stopped(found: NotAuthenticated) -> Stopped:
    must = found.why in {Why.CHANGE, Why.EXPIRED}
    why = str(found.why).partition(": culturewatch")[0] if must else str(found.why)
    return Stopped(why=why, must_change=must, until=found.until)
