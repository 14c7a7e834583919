"""The right password proves who somebody is; what passwords may be, and for how long."""

from pathlib import Path

import pytest

from batches import authority
from batches.ledger import Ledger
from batches.password import PasswordError, Passwords, Rules, check
from batches.people import People
from batches.person import Person
from batches.proof import Settings, Why
from storage.database import DatabaseError
from tests.unit.batches.conftest import MINUTE, Clock
from tests.unit.batches.people.access import ADMIN, NEW, later, why
from tests.unit.batches.staff import PASSWORD, QUICK, enlist, folder, people_of


def test_the_right_password_proves_it_and_each_attempt_is_kept(
    people: People, staffed: Ledger, clock: Clock
) -> None:
    found = people.authenticate("anna", NEW)
    assert isinstance(found, Person)
    assert (found.id, found.roles, authority.may(found, "place")) == ("anna", ("operator",), True)
    assert why(people.authenticate("anna", "a wrong guess")) is Why.WRONG
    later(clock)
    assert why(people.authenticate("nobody", "a wrong guess")) is Why.WRONG
    told = [(line.item, line.subject, line.outcome) for line in staffed.trail(area="access").lines]
    assert told[-3:] == [
        ("password", "anna", "right"),
        ("password", "anna", "wrong password"),
        ("password", "(unknown)", "no such person"),
    ]


def test_what_an_admin_chose_must_be_changed_and_not_for_an_old_one(ledger: Ledger) -> None:
    people = enlist(ledger, {"admin": ("admin",), "anna": ("operator",)})
    assert why(people.authenticate("anna", PASSWORD)) is Why.CHANGE
    with pytest.raises(PasswordError, match="one of the last 5 passwords"):
        people.change_password("anna", PASSWORD, PASSWORD)
    people.change_password("anna", PASSWORD, NEW)
    assert isinstance(people.authenticate("anna", NEW), Person)
    for number in range(4):
        people.change_password(
            "anna", (NEW if number == 0 else f"a horse no. {number}"), f"a horse no. {number + 1}"
        )
    with pytest.raises(PasswordError):
        people.change_password("anna", "a horse no. 4", NEW)
    people.change_password("anna", "a horse no. 4", "a horse no. 5")
    people.change_password("anna", "a horse no. 5", NEW)
    people.reset_password("anna", "chosen by admin 1", act=ADMIN)
    assert why(people.authenticate("anna", "chosen by admin 1")) is Why.CHANGE


def test_a_password_expires_where_the_site_says_so(staffed: Ledger, clock: Clock) -> None:
    strict = people_of(staffed, settings=Settings(rules=Rules(expires_ms=10 * MINUTE)))
    later(clock, 10 * MINUTE - 1)
    assert isinstance(strict.authenticate("anna", NEW), Person)
    later(clock, 1)
    assert why(strict.authenticate("anna", NEW)) is Why.EXPIRED
    assert isinstance(strict.change_password("anna", NEW, "a third horse"), Person)
    assert isinstance(strict.authenticate("anna", "a third horse"), Person)


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("short", "12 to 256"),
        ("x" * 257, "12 to 256"),
        ("aaaabbbbcccc", "5 different"),
        ("twelve chars\n", "can be typed"),
        ("sweet-ANNA-12", "the id of whose"),
    ],
)
def test_a_poor_password_is_refused_without_being_repeated(password: str, told: str) -> None:
    with pytest.raises(PasswordError, match=told) as error:
        check(password, "anna", Rules())
    assert password not in str(error.value)


def test_one_spelling_of_what_two_keyboards_send() -> None:
    passwords = Passwords(Path("unused"), with_hasher=QUICK)
    kept = passwords.hashed("caf\u00e9 horse 123")
    assert passwords._matches(kept.text, "cafe\u0301 horse 123")


def test_a_change_that_breaks_off_leaves_the_old_password_good(
    people: People, staffed: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("batches.roster.append", full)
        for number in range(8):
            with pytest.raises(DatabaseError):
                people.change_password("anna", NEW, f"a horse no. {number}")
    assert isinstance(people.authenticate("anna", NEW), Person)
    assert len((folder(staffed) / "anna.argon2").read_text().splitlines()) < 5


def test_who_resets_a_password_is_not_told_that_it_is_the_one_before(people: People) -> None:
    people.reset_password("anna", NEW, act=ADMIN)
    assert why(people.authenticate("anna", NEW)) is Why.CHANGE
