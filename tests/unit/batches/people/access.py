"""Short ways to log in, and to fail."""

from batches.batch import Signed
from batches.ledger import Ledger
from batches.people import People
from batches.person import Person
from batches.proof import NotAuthenticated, Why
from tests.unit.batches.conftest import Clock
from tests.unit.batches.staff import PASSWORD, enlist

NEW = "another horse 22"
ADMIN = Signed(by="admin", reason="asked for")


def begin(ledger: Ledger) -> None:
    people = enlist(ledger, {"admin": ("admin",), "anna": ("operator",)})
    assert isinstance(people.change_password("anna", PASSWORD, NEW), Person)


def why(found: Person | NotAuthenticated) -> Why | None:
    return found.why if isinstance(found, NotAuthenticated) else None


def later(clock: Clock, ms: int = 1_000) -> None:
    clock.now += ms


def guess(people: People, clock: Clock, count: int, person: str = "anna") -> None:
    for _ in range(count):
        people.authenticate(person, "a wrong guess")
        later(clock)
