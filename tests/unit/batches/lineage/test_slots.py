"""A slot holds one vial at a time, whatever is taken out, stored again or corrected."""

import pytest

from batches.bank import Bank
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.vial import slots
from tests.unit.batches.conftest import HOUR, MONDAY, Clock
from tests.unit.batches.lineage.cells import ANNA, P0, POOL
from tests.unit.batches.vials import slot

pytestmark = pytest.mark.long


@pytest.mark.usefixtures("told")
def test_a_slot_holds_one_vial_at_a_time(lineage: Lineage, bank: Bank, clock: Clock) -> None:
    taken = bank.vials_in("ln2b", clock.now, clock.now + 1)[0]
    with pytest.raises(Refused, match="ln2b R1/B1/1: holds B-2026-0004-V002 at") as refused:
        lineage.freeze(POOL, [slot(9), slot(1, "ln2b")], act=ANNA)
    assert refused.value.row == taken.row
    assert len(bank.vials(POOL)) == 2
    # The first one's slot is free since it was thawed at 26; not yet at 25.
    late = Signed(by="anna", at=MONDAY + 25 * HOUR, reason="found in the log")
    with pytest.raises(Refused, match="holds B-2026-0004-V001"):
        lineage.freeze(POOL, [slot(1)], act=late)
    (vial,) = lineage.freeze(POOL, [slot(1)], act=ANNA)
    assert vial.id == f"{POOL}-V003"


def test_a_correction_or_withdrawal_may_not_use_a_slot_twice(
    told: Ledger, lineage: Lineage, bank: Bank, clock: Clock
) -> None:
    why = Signed(by="anna", reason="misread")
    (second,) = bank.vials_in("ln2b", clock.now, clock.now + 1)
    (vial,) = lineage.freeze(POOL, [slot(2)], act=ANNA)
    with pytest.raises(Refused, match=f"holds {vial.id}"):
        told.correct(second.row, device="ln2a", position="R1/B1/2", act=why)
    moved = told.correct(second.row, position="R1/B1/7", act=why)
    assert (moved.position, moved.corrects) == ("R1/B1/7", second.row)
    earlier = bank.vials_in("ln2a", MONDAY + 22 * HOUR, MONDAY + 23 * HOUR)[1]
    assert earlier.batch == second.batch
    with pytest.raises(Refused, match="is in ln2b at that time"):
        told.withdraw(earlier.departure or 0, act=why)


@pytest.mark.usefixtures("told")
def test_a_vial_is_taken_out_and_stored_again(lineage: Lineage, bank: Bank, clock: Clock) -> None:
    vial = f"{POOL}-V002"
    lineage.take_out(vial, act=ANNA)
    with pytest.raises(Refused, match="is in no device"):
        lineage.take_out(vial, act=ANNA)
    clock.at(31)
    lineage.store(vial, slot(4), act=ANNA)
    assert [each.placement.position for each in bank.life(vial)][-1] == "R1/B1/4"
    assert bank.vials_in("ln2b", clock.now, clock.now + 1) == ()


@pytest.mark.usefixtures("told")
def test_what_is_disposed_of_ends_where_it_was(
    ledger: Ledger, lineage: Lineage, bank: Bank, clock: Clock
) -> None:
    why = Signed(by="ben", reason="patient withdrew")
    lineage.dispose(f"{POOL}-V002", act=why)
    lineage.dispose(P0, act=why)
    vial = bank.vial(f"{POOL}-V002")
    assert (vial.ended_how, vial.ended_by, vial.ended_why) == ("dispose", "ben", why.reason)
    assert ledger.batch(P0).closed_why == why.reason
    assert bank.endangered("ln2b", clock.now, clock.now + 1).vials == ()
    ledger.withdraw(vial.ending or 0, act=Signed(by="ben", reason="it was another vial"))
    assert bank.vial(vial.id).ended_at is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("1-3", ("1", "2", "3")),
        ("A1, A2", ("A1", "A2")),
        ("7,9-10", ("7", "9", "10")),
        ("5", ("5",)),
    ],
)
def test_slots_are_named_in_runs_and_one_by_one(text: str, named: tuple[str, ...]) -> None:
    assert slots(text) == named


@pytest.mark.parametrize("text", ["", "1,", "3-1", "1-999", "a/b", "1-3,2"])
def test_what_names_no_slots_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"names|no run of slots"):
        slots(text)
