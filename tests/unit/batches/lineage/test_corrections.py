"""Where something comes from is set right or taken back, and never made to contradict itself."""

import pytest

from batches.bank import Bank
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from tests.unit.batches.conftest import HOUR, MONDAY
from tests.unit.batches.lineage.cells import AGAIN, ANNA, BIOPSY, OTHER, P0, POOL, TOKEN, A, C

pytestmark = pytest.mark.long


def test_where_something_comes_from_is_corrected_with_a_reason(
    told: Ledger, lineage: Lineage, bank: Bank
) -> None:
    (taken,) = (kin for kin in bank.descendants(TOKEN) if kin.child == BIOPSY)
    lineage.enrol(token=OTHER, act=ANNA)
    with pytest.raises(Refused, match="a correction needs a reason"):
        lineage.relink(taken.row, OTHER, act=ANNA)
    why = Signed(by="anna", reason="two tokens were swapped")
    told.open_batch("B-2026-0020", product="x", act=ANNA)
    with pytest.raises(Refused, match="a biopsy comes from a patient of this ledger"):
        lineage.relink(taken.row, "B-2026-0020", act=why)
    assert lineage.relink(taken.row, OTHER, act=why).at == taken.at
    assert bank.patient(f"{POOL}-V002") == OTHER
    assert bank.descendants(TOKEN) == ()
    with pytest.raises(Refused, match="corrected or taken back already"):
        lineage.relink(taken.row, TOKEN, act=why)
    assert [act.kind for act in told.acts(BIOPSY)] == ["biopsy", "biopsy", "relink"]


@pytest.mark.usefixtures("told")
def test_nothing_comes_from_what_comes_from_it(lineage: Lineage, bank: Bank) -> None:
    why = Signed(by="anna", reason="x")
    (start,) = (kin for kin in bank.ancestors(P0) if kin.child == P0)
    for parent in (P0, POOL, f"{POOL}-V001"):
        with pytest.raises(Refused, match="cannot come from"):
            lineage.relink(start.row, parent, act=why)
    with pytest.raises(Refused, match="says of nothing where it comes from"):
        lineage.relink(1, OTHER, act=why)


def test_a_correction_may_not_mix_two_patients(lineage: Lineage, bank: Bank) -> None:
    for token, biopsy, batch in ((TOKEN, BIOPSY, P0), (OTHER, "BX-2026-0002", A)):
        lineage.enrol(token=token, act=ANNA)
        lineage.take(biopsy, token, act=ANNA)
        lineage.start(batch, biopsy, product="x", act=ANNA)
    lineage.split(P0, [C], act=ANNA)
    lineage.pool([P0, C], POOL, act=ANNA)
    (split,) = (kin for kin in bank.ancestors(C) if kin.child == C)
    with pytest.raises(Refused, match="never mixed"):
        lineage.relink(split.row, A, act=Signed(by="anna", reason="x"))


@pytest.mark.usefixtures("told")
def test_a_passage_entered_by_mistake_is_taken_back(
    ledger: Ledger, lineage: Lineage, bank: Bank
) -> None:
    lineage.passage(P0, number=7, act=ANNA)
    ledger.withdraw(ledger.head().sequence, act=Signed(by="anna", reason="typo"))
    assert bank.passage_of(P0) == 1
    assert lineage.passage(P0, act=ANNA) == 2


@pytest.mark.usefixtures("told")
def test_nothing_ends_before_what_came_of_it(ledger: Ledger, lineage: Lineage) -> None:
    # P0 was split at 10, the pool was frozen at 21.
    late = Signed(by="anna", at=MONDAY + 20 * HOUR + 1, reason="found in the log")
    with pytest.raises(Refused, match=f"{POOL}-V001 came of it after that"):
        ledger.close(POOL, act=late)
    with pytest.raises(Refused, match=f"{POOL}-V001 came of it after that"):
        lineage.dispose(POOL, act=late)
    with pytest.raises(Refused, match=f"{A} came of it after that"):
        ledger.close(P0, act=Signed(by="anna", at=MONDAY + HOUR, reason="found in the log"))


def test_a_thaw_is_not_taken_back_while_a_batch_grows_of_it(
    told: Ledger, lineage: Lineage, bank: Bank
) -> None:
    why = Signed(by="anna", reason="it was the other vial")
    thaw = bank.vial(f"{POOL}-V001").ending or 0
    with pytest.raises(Refused, match=f"{AGAIN} came of it; relink that first"):
        told.withdraw(thaw, act=why)
    lineage.thaw(f"{POOL}-V002", act=ANNA)
    (link,) = (kin for kin in bank.ancestors(AGAIN) if kin.child == AGAIN)
    lineage.relink(link.row, f"{POOL}-V002", act=why)
    told.withdraw(thaw, act=why)
    assert bank.vial(f"{POOL}-V001").ended_at is None


@pytest.mark.usefixtures("told")
def test_nothing_comes_from_what_began_after_it(lineage: Lineage, bank: Bank) -> None:
    lineage.start("B-2026-0020", BIOPSY, product="x", act=ANNA)
    (split,) = (kin for kin in bank.ancestors(A) if kin.child == A)
    why = Signed(by="anna", reason="x")
    with pytest.raises(Refused, match="B-2026-0020 began after B-2026-0002"):
        lineage.relink(split.row, "B-2026-0020", act=why)
