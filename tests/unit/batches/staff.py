"""People of a test's laboratory, with passwords that cost nothing to check."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from argon2 import PasswordHasher

from batches.batch import Signed
from batches.enlisting import OneTime
from batches.ledger import Ledger
from batches.password import Passwords
from batches.people import People
from batches.proof import Settings

PASSWORD = "correct horse 1"  # noqa: S105 # of nobody but this test's people
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def folder(ledger: Ledger) -> Path:
    return ledger.identities._folder.parent / "passwords"


def again(ledger: Ledger, now: Callable[[], int]) -> Ledger:
    """The same ledger as another process opens it."""
    return Ledger(ledger.url, now=now, keys=ledger.identities._folder)


def people_of(
    ledger: Ledger, *, hasher: PasswordHasher = QUICK, settings: Settings | None = None
) -> People:
    return People(ledger, Passwords(folder(ledger), with_hasher=hasher), settings)


def desk(ledger: Ledger) -> OneTime:
    return OneTime(folder(ledger).parent / "bootstrap.json")


def enlist(ledger: Ledger, staff: Mapping[str, Iterable[str]]) -> People:
    """Enter people of these ids and roles, an admin called ``admin`` among them."""
    people = people_of(ledger)
    for person, roles in sorted(staff.items(), key=lambda one: "admin" not in one[1]):
        if not ledger.has_people():
            token = people.bootstrap(desk(ledger), act=Signed(by="root"))
            people.begin(
                desk(ledger), token, person, name=person.title(), password=PASSWORD, by="root"
            )
            continue
        boss = next(one.id for one in people.everybody() if "admin" in one.roles)
        people.add(person, name=person.title(), roles=roles, password=PASSWORD, act=Signed(by=boss))
    return people
