"""From a vial back to its patient, from a patient to all of theirs, and who was where."""

import pytest

from batches.bank import Bank
from batches.ledger import Ledger
from storage.acts import verify_chain
from tests.unit.batches.conftest import HOUR, MONDAY
from tests.unit.batches.lineage.cells import AGAIN, ANNA, BIOPSY, P0, POOL, TOKEN, A, C

pytestmark = pytest.mark.long


def test_a_vial_leads_back_to_its_patient(told: Ledger, bank: Bank) -> None:
    vial = f"{POOL}-V002"
    assert [(kin.child, kin.parent, kin.kind, (kin.at - MONDAY) / HOUR) for kin in
            bank.ancestors(vial)] == [
        (vial, POOL, "freeze", 21),
        (POOL, A, "pool", 20),
        (POOL, C, "pool", 20),
        (A, P0, "split", 10),
        (C, P0, "split", 10),
        (P0, BIOPSY, "start", 0),
        (BIOPSY, TOKEN, "biopsy", 0),
    ]  # fmt: skip
    assert bank.patient(vial) == TOKEN
    assert verify_chain(told.url) is None


@pytest.mark.usefixtures("told")
def test_a_patient_leads_to_every_batch_and_vial(bank: Bank) -> None:
    assert [kin.child for kin in bank.descendants(TOKEN)] == [
        BIOPSY,
        P0,
        *(A, C),
        *(POOL, POOL),
        *(f"{POOL}-V001", f"{POOL}-V002"),
        AGAIN,
    ]
    assert [kin.child for kin in bank.descendants(f"{POOL}-V001")] == [AGAIN]


@pytest.mark.usefixtures("told")
def test_passages_go_on_through_split_pool_and_thaw(bank: Bank, ledger: Ledger) -> None:
    assert [bank.passage_of(each) for each in (P0, A, POOL, AGAIN)] == [1, 1, 1, 1]
    assert [vial.passage for vial in bank.vials(POOL)] == [1, 1]
    assert ledger.batch(A).closed_why == f"pooled into {POOL}"
    assert ledger.batch(P0).is_open
    assert ledger.batch(AGAIN).product == "fibroblasts"


@pytest.mark.usefixtures("told")
def test_who_was_in_a_tank_is_exact_at_the_edges(bank: Bank) -> None:
    first, second = f"{POOL}-V001", f"{POOL}-V002"

    def inside(device: str, start: float, end: float) -> list[str]:
        found = bank.vials_in(device, MONDAY + round(start * HOUR), MONDAY + round(end * HOUR))
        return [stay.batch for stay in found]

    assert inside("ln2a", 0, 21) == []
    assert inside("ln2a", 0, 21 + 1 / HOUR) == [first, second]
    assert inside("ln2a", 24, 26) == [first]
    assert inside("ln2a", 26, 30) == []
    assert inside("ln2b", 24, 30) == [second]
    assert inside("ln2b", 30, 40) == [second]


def test_an_alarm_endangers_vials_and_batches_of_patients(told: Ledger, bank: Bank) -> None:
    found = bank.endangered("ln2b", MONDAY + 25 * HOUR, MONDAY + 26 * HOUR)
    assert [(stay.batch, stay.position) for stay in found.vials] == [(f"{POOL}-V002", "R1/B1/1")]
    assert (found.batches, found.patients, found.unknown) == ((), (TOKEN,), ())
    told.open_batch("B-2026-0009", product="x", act=ANNA)
    told.place("B-2026-0009", "inc1", act=ANNA)
    room = bank.endangered("inc1", MONDAY + 29 * HOUR, MONDAY + 31 * HOUR)
    assert {stay.batch for stay in room.batches} == {P0, "B-2026-0009"}
    assert (room.patients, room.unknown) == ((TOKEN,), ("B-2026-0009",))


def test_a_tank_of_vials_is_not_listed_as_batches_at_risk(told: Ledger) -> None:
    assert told.at_risk("ln2b") == ()
    assert list(told.all_at_risk()) == ["inc1"]


@pytest.mark.usefixtures("told")
def test_a_vial_went_through_what_its_parents_did_up_to_the_split(bank: Bank) -> None:
    lived = bank.life(f"{POOL}-V002")
    assert [
        (each.subject, each.placement.device, (each.start - MONDAY) / HOUR,
         None if each.end is None else (each.end - MONDAY) / HOUR)
        for each in lived
    ] == [
        (P0, "inc1", 0, 10),
        (A, "inc1", 10, 20),
        (f"{POOL}-V002", "ln2a", 21, 24),
        (f"{POOL}-V002", "ln2b", 24, None),
    ]  # fmt: skip
