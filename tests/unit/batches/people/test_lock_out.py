"""Guessing is slow and ends soon: whatever clocks, restarts, names and numbers are tried."""

import threading

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from batches.batch import Signed
from batches.ledger import Ledger
from batches.lockout import CLEARED, LOCKED, WRONG, Attempt, Patience, standing
from batches.password import Passwords
from batches.people import People
from batches.person import Person
from batches.placement import Refused
from batches.proof import NotAuthenticated, Settings, Why
from tests.unit.batches.conftest import MINUTE, MONDAY, Clock
from tests.unit.batches.people.access import ADMIN, NEW, guess, later, why
from tests.unit.batches.staff import PASSWORD, QUICK, desk, folder, people_of
from tests.unit.batches.staff import again as opened_again


def test_five_wrong_ones_lock_out_for_a_quarter_of_an_hour_and_restarts_do_not_help(
    people: People, staffed: Ledger, clock: Clock
) -> None:
    guess(people, clock, 4)
    assert isinstance(people.authenticate("anna", NEW), Person)
    guess(people, clock, 4)
    last = people.authenticate("anna", "a wrong guess")
    assert last == NotAuthenticated(why=Why.LOCKED, until=clock.now + 15 * MINUTE)
    locked = clock.now
    later(clock)
    # Another process: nothing is remembered but what is on disk.
    again = people_of(opened_again(staffed, clock))
    assert why(again.authenticate("anna", NEW)) is Why.LOCKED
    for _ in range(12):
        # Tries while locked out neither prolong it nor push it out of sight.
        later(clock)
        assert why(again.authenticate("anna", NEW)) is Why.LOCKED
    clock.now = locked + 15 * MINUTE - 1
    assert why(again.authenticate("anna", NEW)) is Why.LOCKED
    later(clock)
    assert isinstance(again.authenticate("anna", NEW), Person)
    (line,) = [one for one in staffed.trail().lines if "locked out for 900 s" in one.outcome]
    assert (line.by, line.subject, line.new) == ("culturewatch", "anna", str(locked + 15 * MINUTE))


def test_a_clock_that_is_set_back_ends_no_lock_out(people: People, clock: Clock) -> None:
    guess(people, clock, 5)
    clock.now -= 60 * MINUTE
    assert why(people.authenticate("anna", NEW)) is Why.LOCKED
    later(clock, 59 * MINUTE)
    assert why(people.authenticate("anna", NEW)) is Why.LOCKED
    people.unlock("anna", act=ADMIN)
    later(clock)
    assert isinstance(people.authenticate("anna", NEW), Person)


def test_an_admin_locked_out_by_a_clock_years_ahead_is_not_locked_out_for_years(
    people: People, staffed: Ledger, clock: Clock
) -> None:
    clock.now += 10 * 365 * 24 * 60 * MINUTE
    guess(people, clock, 5, "admin")
    with pytest.raises(Refused, match="can sign in"):
        people.bootstrap(desk(staffed), act=Signed(by="root"))
    clock.now = MONDAY + MINUTE
    token = people.bootstrap(desk(staffed), act=Signed(by="root"))
    people.begin(desk(staffed), token, "admin", name="Boss", password=NEW, by="root")
    assert isinstance(people.authenticate("admin", NEW), Person)
    assert why(people.authenticate("admin", PASSWORD)) is Why.WRONG


def test_after_a_wrong_one_nobodys_is_looked_at_for_a_second(people: People, clock: Clock) -> None:
    people.authenticate("nobody", "a wrong guess")
    busy = people.authenticate("anna", NEW)
    assert busy == NotAuthenticated(why=Why.BUSY, until=clock.now + 1_000)
    later(clock, 999)
    assert why(people.authenticate("anna", NEW)) is Why.BUSY
    later(clock, 1)
    assert isinstance(people.authenticate("anna", NEW), Person)


def test_locking_out_one_person_locks_out_nobody_else(people: People, clock: Clock) -> None:
    guess(people, clock, 9)
    assert isinstance(people.authenticate("admin", PASSWORD), Person)


class _Counting(PasswordHasher):
    """Counts what an attempt costs: how often a hash is computed."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.parameters: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override] # noqa: A002 # argon2's own
        self.parameters.append(str(hash).rsplit("$", 2)[0])
        return super().verify(hash, password)


def test_a_name_that_nobody_has_costs_as_much_as_a_wrong_password(
    people: People, staffed: Ledger, clock: Clock
) -> None:
    people.add("gone", name="G.", roles=["operator"], password=PASSWORD, act=ADMIN)
    people.end("gone", act=ADMIN)
    counting = _Counting()
    asked = people_of(staffed, hasher=counting)
    for person, password in (
        ("anna", "a wrong guess"),
        ("nobody", "a wrong guess"),
        ("../anna", NEW),
        ("gone", PASSWORD),
    ):
        counting.parameters.clear()
        assert why(asked.authenticate(person, password)) is Why.WRONG
        assert counting.parameters == ["$argon2id$v=19$m=8,t=1,p=1"]
        later(clock)


@pytest.mark.parametrize("typed", ["", "an\0na", "anna\n", "\ud800", "(unknown)", "culturewatch"])
def test_what_is_typed_as_a_name_or_password_is_only_wrong(
    people: People, staffed: Ledger, clock: Clock, typed: str
) -> None:
    assert why(people.authenticate(typed, NEW)) is Why.WRONG
    later(clock)
    assert why(people.authenticate("anna", typed)) is Why.WRONG
    assert staffed.trail(area="access").lines[-2].subject == "(unknown)"


def test_many_that_guess_at_once_get_no_more_tries(staffed: Ledger) -> None:
    """All hashes are computed before any is judged, as by processes side by side."""
    patient = Settings(patience=Patience(tries=3, pace_ms=0))
    barrier = threading.Barrier(6, timeout=30)

    class Together(Passwords):
        def is_right(self, person: str, digest: str | None, password: str) -> bool | None:
            found = super().is_right(person, digest, password)
            barrier.wait()
            return found

    answers: list[Person | NotAuthenticated] = []

    def attempt() -> None:
        mine = People(
            opened_again(staffed, lambda: MONDAY),
            Together(folder(staffed), with_hasher=QUICK),
            patient,
        )
        answers.append(mine.authenticate("anna", "a wrong guess"))

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(why(answer) or "" for answer in answers) == sorted(
        [Why.WRONG] * 2 + [Why.LOCKED] * 4
    )
    failed = [line for line in staffed.trail().lines if line.outcome == "wrong password"]
    assert len(failed) == 3


@given(st.lists(st.sampled_from([WRONG, LOCKED, CLEARED]), max_size=8), st.integers(-100, 100))
def test_only_the_order_and_the_last_lock_out_decide(kinds: list[str], now: int) -> None:
    attempts = [Attempt(what, at) for at, what in enumerate(kinds)][::-1]
    found = standing(attempts, now, Patience(tries=5, locked_ms=10))
    run = len(kinds) - len("".join(k[0] for k in kinds).rstrip("w"))
    before = kinds[len(kinds) - run - 1] if run < len(kinds) else CLEARED
    locked_at = len(kinds) - run - 1
    still = before == LOCKED and now < locked_at + 10
    assert found == (run, locked_at + 10 if still else None)
