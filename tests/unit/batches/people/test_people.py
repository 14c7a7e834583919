"""People are entered, changed and ended by admins, and the trail says so."""

import threading

import pytest

from batches.authority import Denied
from batches.batch import Signed
from batches.ledger import Ledger
from batches.people import People
from batches.person import Person, PersonError, check_id, check_name, check_roles
from batches.placement import Refused
from storage.acts import verify_chain
from tests.intruder import Intruder
from tests.unit.batches.conftest import MINUTE, MONDAY, Clock
from tests.unit.batches.people.access import ADMIN, later
from tests.unit.batches.staff import PASSWORD, desk, people_of
from tests.unit.batches.staff import again as opened_again


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


def test_a_changed_row_of_a_person_is_located(
    people: People, staffed: Ledger, intruder: Intruder
) -> None:
    row = people.find("anna")
    assert row is not None
    intruder.tamper("UPDATE person SET roles = 'admin' WHERE sequence = :row", {"row": row.row})
    broken = verify_chain(staffed.url)
    assert broken is not None
    assert (broken.table, broken.row, broken.field) == ("person", row.row, "roles")


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
