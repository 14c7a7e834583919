"""The PIN of who is logged in, chosen by themselves: with their password, and nobody else's.

What is kept is a hash. That a PIN was chosen or taken away stands in the audit trail before it is
so; the PIN itself stands nowhere.
"""

import asyncio
import logging
from collections.abc import Callable

from batches.placement import Refused
from batches.trail import Note
from console.entrance import Entrance, Stopped, Visitor
from console.orders import Became, Ordered
from console.pins import PinError, Pins, check_pin
from storage.database import DatabaseError

log = logging.getLogger(__name__)

KEEP_S = 8.0
NOT_THE_SAME = "the two PINs are not the same"
NO_LINKS = "no message goes to you from here, so no link asks for a PIN"


class PinDesk:
    """Takes PINs of the people of one site."""

    def __init__(self, pins: Pins, entrance: Entrance, people: frozenset[str]) -> None:
        """``people`` are those whom messages go to."""
        self._pins = pins
        self._entrance = entrance
        self._people = people
        # A hash takes 64 MiB for a moment.
        self._turns = asyncio.Semaphore(1)

    def has_links(self, visitor: Visitor) -> bool:
        """Whether messages with links go to them."""
        return visitor.person.id in self._people

    async def has_pin(self, visitor: Visitor) -> bool:
        """Whether links ask them for one."""
        return await asyncio.to_thread(self._pins.asks, visitor.person.id)

    async def choose(
        self, visitor: Visitor, password: str, pin: str, again: str, *, address: str
    ) -> Ordered:
        """Make ``pin`` the visitor's own."""
        if pin != again:
            return Ordered(became=Became.REFUSED, why=NOT_THE_SAME)
        try:
            check_pin(pin)
        except PinError as error:
            return Ordered(became=Became.REFUSED, why=str(error))

        def keep() -> None:
            self._note(visitor, "given")
            try:
                self._pins.keep(visitor.person.id, pin)
            except PinError:
                self._note(visitor, "not kept")
                raise

        return await self._done(visitor, password, keep, address)

    async def forget(self, visitor: Visitor, password: str, *, address: str) -> Ordered:
        """Ask the visitor for none any more."""

        def forget() -> None:
            self._note(visitor, "taken away")
            try:
                self._pins.forget(visitor.person.id)
            except PinError:
                self._note(visitor, "not kept")
                raise

        return await self._done(visitor, password, forget, address)

    async def _done(
        self, visitor: Visitor, password: str, act: Callable[[], None], address: str
    ) -> Ordered:
        if not self.has_links(visitor):
            return Ordered(became=Became.REFUSED, why=NO_LINKS)
        found = await self._entrance.proved(visitor.person.id, password, address=address)
        if isinstance(found, Stopped):
            return Ordered(became=Became.REFUSED, why=found.why)
        try:
            async with asyncio.timeout(KEEP_S), self._turns:
                await asyncio.to_thread(act)
        except Refused as error:
            return Ordered(became=Became.REFUSED, why=str(error))
        except TimeoutError:
            why = f"no answer within {KEEP_S:g} s; look whether it was done"
            return Ordered(became=Became.NOT_KEPT, why=why)
        except (DatabaseError, PinError) as error:
            log.exception("the PIN of %s was not kept", visitor.person.id)
            return Ordered(became=Became.NOT_KEPT, why=str(error))
        return Ordered(became=Became.DONE)

    def _note(self, visitor: Visitor, outcome: str) -> None:
        ledger, person = self._entrance.ledger, visitor.person.id
        ledger.authorise("password", person, person)
        ledger.note(
            Note(kind="pin", by=person, subject=person, area="user", item="pin", outcome=outcome)
        )
