"""What admins do about people from a screen: kept, refused and told as at the command line."""

from pathlib import Path

import pytest

from batches.ledger import Ledger
from batches.password import Passwords
from batches.person import Role
from batches.proof import NotAuthenticated, Why
from console.entrance import Entrance
from console.orders import Became
from console.people_desk import PeopleDesk
from tests.unit.batches.staff import PASSWORD, QUICK, enlist, folder, people_of
from tests.unit.console.lab import ledger_of, settings
from tests.unit.console.test_orders import visitor

pytestmark = pytest.mark.long

WHY = "a new colleague"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = ledger_of(tmp_path)
    enlist(ledger, {"admin": ["admin"], "olga": ["operator"]})
    return ledger


@pytest.fixture
def desk(tmp_path: Path, ledger: Ledger) -> PeopleDesk:
    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    return PeopleDesk(Entrance(settings(tmp_path), passwords=passwords))


async def test_the_password_that_is_made_is_good_for_choosing_another_and_stands_nowhere(
    tmp_path: Path, ledger: Ledger, desk: PeopleDesk
) -> None:
    admin = visitor(ledger, "admin")
    came = await desk.enter(admin, " sue ", name="Sue", roles=["supervisor"], reason=WHY)
    assert (came.ordered.became, len(came.password)) == (Became.DONE, 16)
    people = people_of(ledger)
    found = people.authenticate("sue", came.password)
    assert isinstance(found, NotAuthenticated)
    assert found.why is Why.CHANGE
    people.change_password("sue", came.password, PASSWORD)
    assert not isinstance(people.authenticate("sue", PASSWORD), NotAuthenticated)
    again = await desk.reset(admin, "sue", reason="forgotten")
    assert again.password != came.password
    assert isinstance(people.authenticate("sue", PASSWORD), NotAuthenticated)
    for password in (came.password, again.password):
        assert not files_with(tmp_path, password)


def files_with(data: Path, text: str) -> list[Path]:
    files = [path for path in data.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if text.encode() in path.read_bytes()]


async def test_roles_names_and_leaving_are_the_ledgers(ledger: Ledger, desk: PeopleDesk) -> None:
    admin = visitor(ledger, "admin")
    changed = await desk.change(
        admin, "olga", name="Olga B.", roles=["supervisor", "operator"], reason="more to do"
    )
    assert changed.became is Became.DONE
    found = people_of(ledger).find("olga")
    assert found is not None
    assert (found.name, found.roles) == ("Olga B.", (Role.OPERATOR, Role.SUPERVISOR))
    assert (await desk.end(admin, "olga", reason="left")).became is Became.DONE
    assert [one.person.active for one in desk.everybody()] == [True, False]
    assert (await desk.end(admin, "olga", reason="left")).became is Became.REFUSED
    assert (await desk.let_return(admin, "olga", reason="is back")).became is Became.DONE


async def test_an_admin_may_change_their_own_name_and_not_their_roles(
    ledger: Ledger, desk: PeopleDesk
) -> None:
    admin = visitor(ledger, "admin")
    named = await desk.change(admin, "admin", name="Ada", roles=["admin"], reason="married")
    assert named.became is Became.DONE
    more = await desk.change(admin, "admin", name="Ada", roles=["admin", "operator"], reason="x")
    assert (more.became, "their own roles" in more.why) == (Became.REFUSED, True)
    gone = await desk.end(admin, "admin", reason="left")
    assert (gone.became, "the last admin" in gone.why) == (Became.REFUSED, True)


@pytest.mark.parametrize(
    ("person", "roles", "why"),
    [
        ("sue", ["qa", "operator"], "qa"),
        ("sue", ["boss"], "boss"),
        ("sue", [], "role"),
        ("s u e", ["operator"], "an id is of letters"),
        ("OLGA", ["operator"], "there is olga already"),
    ],
)
async def test_what_cannot_be_so_is_refused_in_words(
    ledger: Ledger, desk: PeopleDesk, person: str, roles: list[str], why: str
) -> None:
    came = await desk.enter(visitor(ledger, "admin"), person, name="Sue", roles=roles, reason=WHY)
    assert (came.ordered.became, came.password) == (Became.REFUSED, "")
    assert why in came.ordered.why


async def test_a_change_needs_a_reason(ledger: Ledger, desk: PeopleDesk) -> None:
    refused = await desk.unlock(visitor(ledger, "admin"), "olga", reason=" \n")
    assert (refused.became, "needs a reason" in refused.why) == (Became.REFUSED, True)


async def test_who_is_no_admin_is_denied_and_each_try_is_kept(
    ledger: Ledger, desk: PeopleDesk
) -> None:
    olga = visitor(ledger, "olga")
    outcomes = [
        (await desk.enter(olga, "sue", name="Sue", roles=["qa"], reason=WHY)).ordered,
        (await desk.reset(olga, "admin", reason=WHY)).ordered,
        await desk.change(olga, "olga", name="Olga", roles=["admin"], reason=WHY),
        await desk.unlock(olga, "olga", reason=WHY),
        await desk.end(olga, "admin", reason=WHY),
        await desk.let_return(olga, "olga", reason=WHY),
    ]
    assert {one.became for one in outcomes} == {Became.REFUSED}
    lines = ledger.trail(by="olga").lines
    tried = [line.item for line in lines if line.outcome == "has no role that may do this"]
    assert sorted(tried) == sorted(
        ["user-add", "password-reset", "user-change", "unlock", "user-end", "user-return"]
    )


async def test_a_lock_out_is_seen_and_ended(ledger: Ledger, desk: PeopleDesk) -> None:
    proof = people_of(ledger)._proof
    with ledger.database.writing() as connection:
        for _ in range(5):
            proof._wrong(connection, "olga")
    assert [one.locked_until is not None for one in desk.everybody()] == [False, True]
    ordered = await desk.unlock(visitor(ledger, "admin"), "olga", reason="it was her")
    assert ordered.became is Became.DONE
    assert [one.locked_until for one in desk.everybody()] == [None, None]
