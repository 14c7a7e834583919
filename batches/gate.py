"""Lets an act into the ledger only when whoever does it may; what is denied is kept."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Connection

from batches import authority, roster, trail
from batches.authority import Denied, Why
from batches.person import UNKNOWN, Person
from storage.acts import damaged_act
from storage.database import Database


class Gate:
    """Asks the ledger itself, within the transaction that is to keep the act.

    Roles are those that hold in that very transaction: who was downgraded a moment ago is denied.
    A ledger that knows nobody lets everybody in, as before it knew of people.
    """

    def __init__(self) -> None:
        self._here = threading.local()

    @contextmanager
    def inside(self, connection: Connection) -> Iterator[None]:
        """Judge acts of this thread by what ``connection`` sees, until the context ends."""
        self._here.look = _Look(connection)
        try:
            yield
        finally:
            self._here.look = None

    def check(self, act: str, subject: str, by: str, touched: Collection[str] = ()) -> None:
        """``by`` may do ``act`` on ``subject``; only inside a transaction of ``Guarded``.

        ``touched`` are those who had a hand in it, for a signature (``authority.hands``).

        Raises:
            Denied: they may not.
            UnknownActError: there is no such act.
        """
        authority.duty(act)
        look: _Look | None = getattr(self._here, "look", None)
        if look is None:
            raise RuntimeError(f"{act} of {subject} is entered outside Ledger.database.writing()")
        if not look.has_people:
            return
        person, sound = look.person(by)
        why = authority.why_not_sign(person, act, touched=touched) if sound else Why.CHANGED
        if why is not None:
            roles = "" if person is None else ", ".join(person.roles)
            raise Denied(by, act, subject, why, roles)


class _Look:
    """The people as one transaction sees them, each asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, tuple[Person | None, bool]] = {}

    @cached_property
    def has_people(self) -> bool:
        return roster.has_people(self._connection)

    def person(self, by: str) -> tuple[Person | None, bool]:
        """The person, and whether the entry that says so is as it was entered."""
        if by not in self._known:
            found = roster.find(self._connection, by)
            sound = found is None or damaged_act(self._connection, found.row) is None
            self._known[by] = found, sound
        return self._known[by]


class Guarded(Database):
    """A ledger's database whose writing transactions stand behind ``gate``."""

    def __init__(self, url: str, gate: Gate, now: Callable[[], int]) -> None:
        """``now``: epoch milliseconds, UTC."""
        super().__init__(url)
        self._gate = gate
        self._now = now

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As ``Database.writing``; a denied act is undone whole, and then kept as denied.

        Raises:
            DatabaseError: the ledger cannot be written; nothing of the transaction was kept.
        """
        try:
            with super().writing() as connection, self._gate.inside(connection):
                yield connection
        except Denied as denied:
            with super().writing() as connection:
                self._keep(connection, denied)
            raise

    def _keep(self, connection: Connection, denied: Denied) -> None:
        trail.keep(
            connection,
            trail.Note(
                kind="denied",
                by=UNKNOWN if denied.why is Why.NOBODY else denied.by,
                subject=denied.subject,
                area=authority.duty(denied.act).area,
                item=denied.act,
                outcome=denied.why,
            ),
            at=self._now(),
        )
