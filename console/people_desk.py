"""People at the console: entered, changed, ended and let in again, under the rules of the ledger.

Every act is judged by ``batches.people`` in the transaction that keeps it, by the roles that hold
then; what is denied is kept. A password that is made here is said once, to the admin who asked,
and is good for choosing another.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable

import msgspec

from batches.batch import Signed
from batches.password import PasswordError
from batches.people import People
from batches.person import Person, PersonError
from batches.placement import Refused
from console.acknowledge import one_line
from console.entrance import Entrance, Visitor
from console.orders import Became, Ordered
from storage.database import DatabaseError

log = logging.getLogger(__name__)

KEEP_S = 10.0
PASSWORD_BYTES = 12
"""96 random bits, typed once."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A person, and until when they are locked out (epoch ms), if so."""

    person: Person
    locked_until: int | None


class Enlisted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, and the password that was made, shown once; empty where none was."""

    ordered: Ordered
    password: str = ""


class PeopleDesk:
    """Takes what admins do about people."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        # A hash takes 64 MiB for a moment.
        self._turns = asyncio.Semaphore(1)

    def everybody(self) -> tuple[Known, ...]:
        """All people, those who ended too.

        Raises:
            DatabaseError: they cannot be read.
        """
        people = self._entrance.people
        return tuple(
            Known(person=one, locked_until=people.locked_until(one.id))
            for one in people.everybody()
        )

    async def enter(
        self, visitor: Visitor, person: str, *, name: str, roles: Iterable[str], reason: str
    ) -> Enlisted:
        """Enter a person, with a password that was made for them."""
        password, held = secrets.token_urlsafe(PASSWORD_BYTES), tuple(roles)

        def act(people: People, signed: Signed) -> None:
            people.add(person.strip(), name=name, roles=held, password=password, act=signed)

        return await self._with_password(visitor, reason, act, password)

    async def reset(self, visitor: Visitor, person: str, *, reason: str) -> Enlisted:
        """Give a person another password, that was made for them."""
        password = secrets.token_urlsafe(PASSWORD_BYTES)

        def act(people: People, signed: Signed) -> None:
            people.reset_password(person, password, act=signed)

        return await self._with_password(visitor, reason, act, password)

    async def change(
        self, visitor: Visitor, person: str, *, name: str, roles: Iterable[str], reason: str
    ) -> Ordered:
        """Give a person another printed name, or other roles in the place of theirs."""
        held = tuple(roles)

        def act(people: People, signed: Signed) -> None:
            there = people.find(person)
            same = there is not None and {role.value for role in there.roles} == set(held)
            people.change(person, name=name, roles=None if same else held, act=signed)

        return await self._kept(visitor, reason, act)

    async def unlock(self, visitor: Visitor, person: str, *, reason: str) -> Ordered:
        """End a lock-out before its time."""
        return await self._kept(visitor, reason, lambda people, by: people.unlock(person, act=by))

    async def end(self, visitor: Visitor, person: str, *, reason: str) -> Ordered:
        """Enter that a person works here no more; who is logged in as them is no more."""

        def act(people: People, signed: Signed) -> None:
            people.end(person, act=signed)

        return await self._kept(visitor, reason, act)

    async def let_return(self, visitor: Visitor, person: str, *, reason: str) -> Ordered:
        """Enter that a person who ended works here again, in the roles they had."""

        def act(people: People, signed: Signed) -> None:
            people.let_return(person, act=signed)

        return await self._kept(visitor, reason, act)

    async def _with_password(
        self, visitor: Visitor, reason: str, act: Callable[[People, Signed], None], password: str
    ) -> Enlisted:
        ordered = await self._kept(visitor, reason, act)
        done = ordered.became is Became.DONE
        return Enlisted(ordered=ordered, password=password if done else "")

    async def _kept(
        self, visitor: Visitor, reason: str, act: Callable[[People, Signed], None]
    ) -> Ordered:
        signed = Signed(by=visitor.person.id, reason=one_line(reason))
        try:
            async with asyncio.timeout(KEEP_S), self._turns:
                await asyncio.to_thread(lambda: act(self._entrance.people, signed))
        except (Refused, PersonError, PasswordError) as error:
            return Ordered(became=Became.REFUSED, why=str(error))
        except TimeoutError:
            why = f"no answer within {KEEP_S:g} s; look whether it was done"
            return Ordered(became=Became.NOT_KEPT, why=why)
        except DatabaseError as error:
            log.exception("what %s did about people was not kept", signed.by)
            return Ordered(became=Became.NOT_KEPT, why=str(error))
        return Ordered(became=Became.DONE)
