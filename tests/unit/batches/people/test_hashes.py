"""Hashes of passwords: how they are made, where they are, and what becomes of touched ones."""

import stat

import pytest
from argon2 import PasswordHasher

from batches.ledger import Ledger
from batches.password import PasswordError, Passwords, Rules, hasher
from batches.people import People
from batches.person import Person
from batches.proof import Settings, Why
from batches.trail import HIDDEN
from storage.acts import verify_chain
from tests.intruder import Intruder, everything
from tests.unit.batches.conftest import MINUTE, Clock
from tests.unit.batches.people.access import ADMIN, NEW, later, why
from tests.unit.batches.staff import QUICK, folder, people_of


def test_a_hash_put_in_anothers_place_does_not_count(
    people: People, staffed: Ledger, clock: Clock, intruder: Intruder
) -> None:
    own = Passwords(folder(staffed), with_hasher=QUICK).hashed("what mallory knows")
    file = folder(staffed) / "anna.argon2"
    file.write_text(own.text + "\n")
    assert why(people.authenticate("anna", "what mallory knows")) is Why.UNREADABLE
    later(clock)
    # Nor when the row that names it is changed as well.
    intruder.tamper(
        "UPDATE credential SET digest = :digest "
        "WHERE sequence = (SELECT MAX(sequence) FROM credential)",
        {"digest": own.digest},
    )
    assert why(people.authenticate("anna", "what mallory knows")) is Why.UNREADABLE
    broken = verify_chain(staffed.url)
    assert broken is not None
    assert (broken.table, broken.field) == ("credential", "digest")


def test_a_lost_hash_is_said_and_a_reset_mends_it(
    people: People, staffed: Ledger, clock: Clock
) -> None:
    (folder(staffed) / "anna.argon2").unlink()
    assert why(people.authenticate("anna", NEW)) is Why.UNREADABLE
    later(clock)
    people.reset_password("anna", "chosen by admin 1", act=ADMIN)
    assert why(people.authenticate("anna", "chosen by admin 1")) is Why.CHANGE


def test_hashes_of_yesterdays_parameters_are_made_anew_at_the_next_login(
    staffed: Ledger, clock: Clock
) -> None:
    stronger = people_of(
        staffed,
        hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1),
        settings=Settings(rules=Rules(expires_ms=5 * MINUTE)),
    )
    later(clock, 4 * MINUTE)
    assert isinstance(stronger.authenticate("anna", NEW), Person)
    assert "$m=16,t=2,p=1$" in (folder(staffed) / "anna.argon2").read_text().splitlines()[0]
    assert isinstance(stronger.authenticate("anna", NEW), Person)
    assert [line.outcome for line in staffed.trail(by="culturewatch").lines] == ["done"]
    with pytest.raises(PasswordError):
        stronger.change_password("anna", NEW, NEW)
    # It is no younger for that.
    later(clock, 1 * MINUTE)
    assert why(stronger.authenticate("anna", NEW)) is Why.EXPIRED


def test_the_parameters_are_those_of_rfc_9106() -> None:
    ours = hasher()
    assert (ours.time_cost, ours.memory_cost, ours.parallelism) == (3, 64 * 1024, 4)
    assert (ours.salt_len, ours.hash_len) == (16, 32)


def test_hashes_are_in_a_private_file_and_nowhere_else(staffed: Ledger, intruder: Intruder) -> None:
    file = folder(staffed) / "anna.argon2"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder(staffed).stat().st_mode) == 0o700
    kept = everything(intruder)
    assert staffed.trail().lines[-1].subject in kept
    for text in file.read_text().split():
        assert text not in kept
        assert text.rsplit("$", 1)[1] not in kept
    told = repr(staffed.trail().lines)
    assert "$argon2" not in told
    assert not [line for line in staffed.trail().lines if line.new and "digest" in line.new]
    assert HIDDEN in {line.new for line in staffed.trail(area="user").lines}
