"""One patient's cells from the biopsy to a second bank, told in hours, and all that is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.bank import Bank
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.vial import Place, is_token, new_token, slots
from storage.acts import verify_chain

pytestmark = pytest.mark.long

TOKEN, OTHER = "PT-7F3K9M2Q", "PT-0A1B2C3D"
BIOPSY = "BX-2026-0001"
P0, A, C, POOL, AGAIN = (f"B-2026-000{n}" for n in (1, 2, 3, 4, 5))
ANNA = Signed(by="anna")
HOUR = 3_600_000
MONDAY = 1_767_596_400_000


class Clock(Protocol):
    now: int

    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


def slot(number: int, device: str = "ln2a") -> Place:
    return Place(device=device, rack="R1", box="B2", slot=str(number))


@pytest.fixture
def ledger(tmp_path: Path, ledger_url: str, clock: Clock) -> Ledger:
    return Ledger(
        ledger_url, devices=["inc1", "ln2a", "ln2b"], now=clock, keys=tmp_path / "patients"
    )


@pytest.fixture
def lineage(ledger: Ledger) -> Lineage:
    return Lineage(ledger)


@pytest.fixture
def bank(ledger: Ledger) -> Bank:
    return Bank(ledger)


@pytest.fixture
def told(ledger: Ledger, lineage: Lineage, clock: Clock) -> Ledger:
    """Until hour 30.

    0 the biopsy is taken and P0 begins in inc1; 10 it is passaged to P1 and split into A and C;
    20 A and C are pooled; 21 two vials of the pool are frozen into ln2a; 24 the second goes to
    ln2b; 26 the first is thawed into AGAIN; 30 now.
    """
    lineage.enrol(token=TOKEN, act=ANNA)
    lineage.take(BIOPSY, TOKEN, act=ANNA)
    lineage.start(P0, BIOPSY, product="fibroblasts", act=ANNA)
    ledger.place(P0, "inc1", act=ANNA)
    clock.at(10)
    lineage.passage(P0, act=ANNA)
    lineage.split(P0, [A, C], act=ANNA)
    ledger.place(A, "inc1", act=ANNA)
    clock.at(20)
    lineage.pool([A, C], POOL, act=ANNA)
    clock.at(21)
    lineage.freeze(POOL, [slot(1), slot(2)], act=ANNA)
    clock.at(24)
    lineage.store(f"{POOL}-V002", slot(1, "ln2b"), act=ANNA)
    clock.at(26)
    lineage.thaw(f"{POOL}-V001", into=AGAIN, act=ANNA)
    clock.at(30)
    return ledger


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
    assert [(stay.batch, stay.position) for stay in found.vials] == [(f"{POOL}-V002", "R1/B2/1")]
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


@pytest.mark.usefixtures("told")
def test_a_slot_holds_one_vial_at_a_time(lineage: Lineage, bank: Bank, clock: Clock) -> None:
    taken = bank.vials_in("ln2b", clock.now, clock.now + 1)[0]
    with pytest.raises(Refused, match="ln2b R1/B2/1: holds B-2026-0004-V002 at") as refused:
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
        told.correct(second.row, device="ln2a", position="R1/B2/2", act=why)
    moved = told.correct(second.row, position="R1/B2/7", act=why)
    assert (moved.position, moved.corrects) == ("R1/B2/7", second.row)
    earlier = bank.vials_in("ln2a", MONDAY + 22 * HOUR, MONDAY + 23 * HOUR)[1]
    assert earlier.batch == second.batch
    with pytest.raises(Refused, match="is in ln2b at that time"):
        told.withdraw(earlier.departure or 0, act=why)


@pytest.mark.usefixtures("told")
def test_cells_of_two_patients_are_never_mixed(ledger: Ledger, lineage: Lineage) -> None:
    lineage.enrol(token=OTHER, act=ANNA)
    lineage.take("BX-2026-0002", OTHER, act=ANNA)
    lineage.start("B-2026-0011", "BX-2026-0002", product="fibroblasts", act=ANNA)
    before = ledger.head()
    with pytest.raises(Refused, match=r"would hold cells of PH-.* and PH-.*; never mixed"):
        lineage.pool([POOL, "B-2026-0011"], "B-2026-0012", act=ANNA)
    ledger.open_batch("B-2026-0013", product="x", act=ANNA)
    with pytest.raises(Refused, match="whose cells B-2026-0013 holds is not entered"):
        lineage.pool([POOL, "B-2026-0013"], "B-2026-0012", act=ANNA)
    assert ledger.head().sequence == before.sequence + 1


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
@pytest.mark.parametrize(
    ("act", "said"),
    [
        pytest.param(lambda n: n.take("BX-2026-0001", TOKEN, act=ANNA), "exists already", id="two"),
        pytest.param(lambda n: n.take(P0, TOKEN, act=ANNA), "exists already", id="batch's id"),
        pytest.param(lambda n: n.take("BX-2026-0003", OTHER, act=ANNA), "enrol", id="no patient"),
        pytest.param(lambda n: n.enrol(token=TOKEN, act=ANNA), "exists already", id="token again"),
        pytest.param(
            lambda n: n.start("B-2026-0020", "BX-2026-0009", product="x", act=ANNA),
            "is not a biopsy",
            id="no biopsy",
        ),
        pytest.param(
            lambda n: n.start(
                "B-2026-0020",
                BIOPSY,
                product="x",
                act=Signed(by="a", at=MONDAY - HOUR, reason="late"),
            ),
            "cannot begin before BX-2026-0001 was taken",
            id="before the biopsy",
        ),
        pytest.param(
            lambda n: n.take("BX-2026-000\N{ARABIC-INDIC DIGIT ONE}", TOKEN, act=ANNA),
            "is not a batch id",
            id="digits that only look so",
        ),
        pytest.param(lambda n: n.passage(P0, number=1, act=ANNA), "is in passage P1", id="again"),
        pytest.param(lambda n: n.passage(A, act=ANNA), "is closed", id="passage of a closed one"),
        pytest.param(lambda n: n.split(A, ["B-2026-0020"], act=ANNA), "is closed", id="split"),
        pytest.param(lambda n: n.split(P0, [C], act=ANNA), "exists already", id="split into old"),
        pytest.param(lambda n: n.pool([P0], "B-2026-0020", act=ANNA), "of two", id="pool of one"),
        pytest.param(lambda n: n.freeze(A, [slot(5)], act=ANNA), "is closed", id="freeze"),
        pytest.param(
            lambda n: n.freeze(POOL, [slot(5, "ln2z")], act=ANNA),
            "'ln2z' is not a device of this site",
            id="no freezer",
        ),
        pytest.param(
            lambda n: n.store(
                f"{POOL}-V002", Place(device="ln2a", rack="R/1", box="B", slot="1"), act=ANNA
            ),
            "rack 'R/1' may hold",
            id="no rack",
        ),
        pytest.param(
            lambda n: n.store(f"{POOL}-V001", slot(5), act=ANNA), "is closed", id="thawed vial"
        ),
        pytest.param(lambda n: n.thaw(f"{POOL}-V001", act=ANNA), "is closed", id="thawed twice"),
        pytest.param(lambda n: n.thaw(f"{POOL}-V009", act=ANNA), "is not a vial", id="no vial"),
        pytest.param(lambda n: n.dispose(P0, act=ANNA), "say why", id="disposed for no reason"),
        pytest.param(
            lambda n: n.dispose(f"{POOL}-V001", act=Signed(by="a", reason="x")),
            "is closed",
            id="disposed after the thaw",
        ),
    ],
)
def test_what_contradicts_the_ledger_is_refused_and_leaves_nothing(
    ledger: Ledger, lineage: Lineage, act: Callable[[Lineage], object], said: str
) -> None:
    before = ledger.head()
    with pytest.raises(Refused, match=said):
        act(lineage)
    assert ledger.head() == before


@pytest.mark.usefixtures("told")
def test_a_vial_is_taken_out_and_stored_again(lineage: Lineage, bank: Bank, clock: Clock) -> None:
    vial = f"{POOL}-V002"
    lineage.take_out(vial, act=ANNA)
    with pytest.raises(Refused, match="is in no device"):
        lineage.take_out(vial, act=ANNA)
    clock.at(31)
    lineage.store(vial, slot(4), act=ANNA)
    assert [each.placement.position for each in bank.life(vial)][-1] == "R1/B2/4"
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


@pytest.mark.parametrize(
    "text",
    ["", "PT-MUELLER", "PT-ANNA1234I", "Anna Maier", "PT-1234567", "pt-7f3k9m2q", "PT-A1BCDEFG"],
)
def test_a_name_is_no_token(lineage: Lineage, text: str) -> None:
    assert not is_token(text)
    if text:
        with pytest.raises(Refused, match=r"is no token; .* never a name"):
            lineage.enrol(token=text, act=ANNA)


def test_a_token_is_made_when_none_is_given(lineage: Lineage) -> None:
    first, second = lineage.enrol(act=ANNA), lineage.enrol(act=ANNA)
    assert first != second
    assert is_token(first)
    assert is_token(new_token())


@given(st.text(max_size=30))
def test_a_token_never_holds_a_word(text: str) -> None:
    if is_token(text):
        assert sum(sign.isdigit() for sign in text) >= 2
        assert text.isascii()


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
