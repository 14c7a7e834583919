"""People prove who they are; what is tried against that: guessing, racing, clocks, tampering."""

import shutil
import stat
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from batches import authority
from batches.authority import Denied
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lockout import CLEARED, LOCKED, WRONG, Attempt, Patience, standing
from batches.password import PasswordError, Passwords, Rules, check, hasher
from batches.people import People
from batches.person import Person, PersonError, check_id, check_name, check_roles
from batches.placement import Refused
from batches.proof import NotAuthenticated, Settings, Why
from batches.trail import HIDDEN
from storage.acts import verify_chain
from storage.database import DatabaseError
from tests.intruder import Intruder, everything
from tests.unit.batches.conftest import MINUTE, MONDAY, Clock
from tests.unit.batches.staff import PASSWORD, QUICK, desk, enlist, folder, people_of
from tests.unit.batches.staff import again as opened_again

NEW = "another horse 22"
ADMIN = Signed(by="admin", reason="asked for")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An admin, and anna, an operator who has chosen her own password."""
    data = tmp_path_factory.mktemp("people") / "data"
    ledger = Ledger(f"sqlite:///{data}/ledger.db", now=lambda: MONDAY)
    begin(ledger)
    ledger.database.close()
    return data


def begin(ledger: Ledger) -> None:
    people = enlist(ledger, {"admin": ("admin",), "anna": ("operator",)})
    assert isinstance(people.change_password("anna", PASSWORD, NEW), Person)


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(ledger_url, now=clock, keys=tmp_path / "data" / "secrets" / "patients")


@pytest.fixture
def staffed(template: Path, ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    shutil.copytree(template, tmp_path / "data", dirs_exist_ok=True)
    return Ledger(ledger_url, now=clock)


@pytest.fixture
def people(staffed: Ledger) -> People:
    return people_of(staffed)


def why(found: Person | NotAuthenticated) -> Why | None:
    return found.why if isinstance(found, NotAuthenticated) else None


def later(clock: Clock, ms: int = 1_000) -> None:
    clock.now += ms


def guess(people: People, clock: Clock, count: int, person: str = "anna") -> None:
    for _ in range(count):
        people.authenticate(person, "a wrong guess")
        later(clock)


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


def test_two_that_add_the_same_person_at_once_are_not_both_heard(
    people: People, staffed: Ledger
) -> None:
    barrier = threading.Barrier(2, timeout=30)
    refused: list[str] = []

    def add(person: str) -> None:
        mine = people_of(opened_again(staffed, lambda: MONDAY))
        barrier.wait()
        try:
            mine.add(person, name="B.", roles=["operator"], password=PASSWORD, act=ADMIN)
        except Refused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=add, args=(name,)) for name in ("ben", "Ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert "there is" in refused[0]
    assert len(people.everybody()) == 3


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


def test_a_changed_row_of_a_person_is_located(
    people: People, staffed: Ledger, intruder: Intruder
) -> None:
    row = people.find("anna")
    assert row is not None
    intruder.tamper("UPDATE person SET roles = 'admin' WHERE sequence = :row", {"row": row.row})
    broken = verify_chain(staffed.url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("person", row.row, "roles")


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


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "\x1b[31mred", "right\u202eleft", "nul\0", "n" * 101]
)
def test_a_name_that_cannot_be_printed_is_refused(name: str) -> None:
    with pytest.raises(PersonError) as error:
        check_name(name)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "person", ["", "an na", "../x", "a\n", "\x00", "anna\u200b", "culturewatch", "x" * 64]
)
def test_an_id_that_could_be_something_else_is_refused(person: str) -> None:
    with pytest.raises(PersonError) as error:
        check_id(person)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("roles", [[], ["boss"], ["qa", "operator"], ["auditor", "qa"]])
def test_roles_that_do_not_go_together_are_refused(roles: list[str]) -> None:
    with pytest.raises(PersonError):
        check_roles(roles)


def test_people_are_changed_and_ended_by_admins_for_a_reason_and_the_trail_says_so(
    people: People, staffed: Ledger
) -> None:
    with pytest.raises(Refused, match="say why; 'user-change' needs a reason"):
        people.change("anna", roles=["supervisor"], act=Signed(by="admin"))
    people.change("anna", roles=["supervisor"], act=ADMIN)
    with pytest.raises(Denied):
        people.change("admin", roles=["qa"], act=Signed(by="anna", reason="revenge"))
    with pytest.raises(Refused, match="nobody changes their own roles"):
        people.change("admin", roles=["admin", "operator"], act=ADMIN)
    with pytest.raises(Refused, match="the last admin"):
        people.end("admin", act=ADMIN)
    people.end("anna", act=ADMIN)
    with pytest.raises(Denied, match="works here no more"):
        staffed.open_batch("B-2026-0001", product="x", act=Signed(by="anna"))
    told = [line for line in staffed.trail(by="admin", area="user").lines if line.subject == "anna"]
    change, end = told[-2:]
    assert (change.item, change.reason) == ("user-change", "asked for")
    assert change.old == '{"active":1,"id":"anna","name":"Anna","roles":"operator"}'
    assert change.new == '{"active":1,"id":"anna","name":"Anna","roles":"supervisor"}'
    assert end.item == "user-end"
    people.let_return("anna", act=ADMIN)
    found = people.find("anna")
    assert found is not None
    assert found.active


def test_a_token_is_good_once_for_an_hour_and_only_while_no_admin_can_sign_in(
    ledger: Ledger, clock: Clock
) -> None:
    people, own = people_of(ledger), desk(ledger)

    def begin(token: str, person: str = "admin") -> Person:
        return people.begin(own, token, person, name="A.", password=PASSWORD, by="root")

    with pytest.raises(Refused, match="culturewatch user bootstrap"):
        people.add("x", name="X", roles=["operator"], password=PASSWORD, act=Signed(by="root"))
    token = people.bootstrap(own, act=Signed(by="root"))
    later(clock, 60 * MINUTE)
    with pytest.raises(Refused, match="too old"):
        begin(token)
    fresh = people.bootstrap(own, act=Signed(by="root"))
    for wrong in (token, "", fresh + "x"):
        with pytest.raises(Refused):
            begin(wrong)
    assert begin(fresh).roles == ("admin",)
    with pytest.raises(Refused):
        begin(fresh, "second")
    with pytest.raises(Refused, match="can sign in"):
        people.bootstrap(own, act=Signed(by="root"))
    outcomes = [line.outcome for line in ledger.trail().lines if line.item == "bootstrap"]
    assert outcomes.count("a wrong token") == 5
    assert outcomes.count("used") == 1
    assert not [one for one in ledger.trail().lines if token in repr(one) or fresh in repr(one)]


@given(st.lists(st.sampled_from([WRONG, LOCKED, CLEARED]), max_size=8), st.integers(-100, 100))
def test_only_the_order_and_the_last_lock_out_decide(kinds: list[str], now: int) -> None:
    attempts = [Attempt(what, at) for at, what in enumerate(kinds)][::-1]
    found = standing(attempts, now, Patience(tries=5, locked_ms=10))
    run = len(kinds) - len("".join(k[0] for k in kinds).rstrip("w"))
    before = kinds[len(kinds) - run - 1] if run < len(kinds) else CLEARED
    locked_at = len(kinds) - run - 1
    still = before == LOCKED and now < locked_at + 10
    assert found == (run, locked_at + 10 if still else None)
