"""Vials on the way: who gave and took, what is refused, what is lost and what goes back."""

from collections.abc import Callable

import pytest

from batches.bank import Bank
from batches.batch import Signed
from batches.custody import Custody
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.provenance import Status
from batches.shipping import Shipping
from storage.acts import verify_chain
from tests.unit.batches.conftest import HOUR, MONDAY, Clock
from tests.unit.batches.shipping.consigned import (
    ANNA,
    BEN,
    EVA,
    SH,
    V1,
    V2,
    V3,
    WHY,
    B,
    row_of,
    send,
)
from tests.unit.batches.vials import slot

pytestmark = pytest.mark.long


@pytest.mark.usefixtures("sent")
def test_a_vial_on_the_way_has_left_its_slot_and_is_a_stay_of_its_own(
    bank: Bank, ledger: Ledger
) -> None:
    assert [stay.batch for stay in bank.vials_in("ln2a", MONDAY + 11 * HOUR, MONDAY + 12 * HOUR)] \
        == [V3]  # fmt: skip
    stored, travelling = bank.life(V1)[-2:]
    assert (stored.status, stored.end) == (Status.PLACED, MONDAY + 10 * HOUR)
    assert (travelling.status, travelling.start, travelling.end) == (
        Status.TRANSIT,
        MONDAY + 10 * HOUR,
        None,
    )
    assert travelling.placement.position == SH
    assert verify_chain(ledger.url) is None


@pytest.mark.usefixtures("sent")
def test_another_person_takes_it_in_and_the_chain_of_custody_tells(
    ledger: Ledger, shipping: Shipping, bank: Bank
) -> None:
    places = {V1: slot(7, "ln2b"), V2: slot(8, "ln2b")}
    with pytest.raises(Refused, match=f"{V1}: Anna gave it away and cannot confirm") as refused:
        shipping.receive(SH, places, state="frozen", act=Signed(by="Anna"))
    assert refused.value.row == shipping.shipment(SH).journeys[0].row
    took = shipping.receive(SH, places, state="frozen, seal intact", act=BEN)
    assert [(j.outcome, j.took, j.state) for j in took.journeys] == [
        ("received", "ben", "frozen, seal intact")
    ] * 2
    now = ledger.clerk.now()
    assert [stay.position for stay in bank.vials_in("ln2b", now, now + 1)] == [
        "R1/B1/7",
        "R1/B1/8",
    ]
    assert [(h.what, h.gave, h.took, h.state, (h.at - MONDAY) / HOUR) for h in
            Custody(ledger).of(V1)] == [
        ("freeze", "", "anna", "", 1),
        ("place", "anna", "ln2a R1/B1/1", "", 1),
        ("leave", "ln2a R1/B1/1", "anna", "", 10),
        ("dispatch", "anna", "Kurier, DS-7 to south", "", 10),
        ("arrive", "Kurier, DS-7", "ben", "received: frozen, seal intact", 12),
        ("place", "ben", "ln2b R1/B1/7", "", 12),
    ]  # fmt: skip
    with pytest.raises(Refused, match="all of it has arrived"):
        shipping.lose(SH, act=Signed(by="ben", reason="x"))


Act = Callable[[Lineage, Shipping, Ledger], object]


CONTRADICTIONS: list[tuple[Act, str]] = [
        (lambda n, _, __: n.store(V1, slot(9), act=ANNA), f"{V1}: is on the way to south in {SH}"),
        (lambda n, _, __: n.thaw(V1, act=ANNA), "enter its arrival first"),
        (lambda n, _, __: n.dispose(V1, act=WHY), "enter its arrival first"),
        (lambda n, _, __: n.take_out(V1, act=ANNA), "is in no device"),
        (lambda _, s, __: send(s, V1), "enter its arrival first"),
        (lambda _, s, __: send(s, V3, V3), "is named twice"),
        (lambda _, s, __: send(s), "name the vials"),
        (lambda _, s, __: send(s, f"{B}-V009"), "is not a vial"),
        (
            lambda _, s, __: s.ship(
                [V3], origin="north", to=" ", carrier="K", shipper="D", act=ANNA
            ),
            "destination: say it",
        ),
        (
            lambda _, s, __: s.receive(SH, {V3: slot(9)}, state="x", act=BEN),
            f"{V3}: is not in {SH}",
        ),
        (
            lambda _, s, __: s.receive(SH, {V1: slot(3)}, state="x", act=BEN),
            f"ln2a R1/B1/3: holds {V3}",
        ),
        (
            lambda _, s, __: s.receive(SH, {V1: slot(8), V2: slot(8)}, state="x", act=BEN),
            f"is given to {V1} as well",
        ),
        (lambda _, s, __: s.receive(SH, {V1: slot(8)}, state=" ", act=BEN), "condition: say"),
        (lambda _, s, __: s.receive("SH-9", {V1: slot(8)}, state="x", act=BEN), "is no shipment"),
        (
            lambda _, s, __: s.receive(
                SH, {V1: slot(8)}, state="x", act=BEN, checked_by="Ben "
            ),
            "ben did this and cannot check it",
        ),
        (
            lambda _, s, __: s.receive(
                SH,
                {V1: slot(8)},
                state="x",
                act=Signed(by="ben", at=MONDAY + 10 * HOUR, reason="late"),
            ),
            "cannot arrive before it left",
        ),
        (lambda _, s, __: s.lose(SH, act=BEN), "say how it is known"),
        (lambda _, s, __: s.refuse(SH, state="warm", act=BEN), "say why they were not taken"),
        (
            lambda _, __, g: g.withdraw(row_of(g, V1, "leave"), act=WHY),
            "is on the way to south",
        ),
        (
            lambda n, _, __: n.store(
                V1, slot(9), act=Signed(by="a", at=MONDAY + 11 * HOUR, reason="r")
            ),
            "is on the way",
        ),
    ]  # fmt: skip


def test_what_contradicts_the_journey_is_refused_and_leaves_nothing(
    ledger: Ledger, shipping: Shipping, sent: Lineage
) -> None:
    before = ledger.head()
    for act, said in CONTRADICTIONS:
        with pytest.raises(Refused, match=said):
            act(sent, shipping, ledger)
        assert ledger.head() == before, said


@pytest.mark.usefixtures("sent")
def test_what_is_lost_has_ended_until_it_is_found(
    ledger: Ledger, shipping: Shipping, bank: Bank, clock: Clock
) -> None:
    shipping.lose(SH, [V1], act=Signed(by="anna", reason="the courier says so"))
    assert (bank.vial(V1).ended_how, bank.vial(V2).ended_how) == ("lose", None)
    with pytest.raises(Refused, match="was lost already"):
        shipping.receive(SH, {V1: slot(8)}, state="x", act=BEN)
    found = Signed(by="ben", reason="found in a corner")
    arrival = row_of(ledger, V1, "arrive")
    with pytest.raises(Refused, match="has ended; take that back first"):
        ledger.withdraw(arrival, act=found)
    ledger.withdraw(row_of(ledger, V1, "lose"), act=found)
    ledger.withdraw(arrival, act=found)
    clock.at(13)
    shipping.receive(SH, {V1: slot(8)}, state="warm", act=BEN)
    assert bank.vial(V1).ended_at is None
    assert [each.void for each in Custody(ledger).of(V1) if each.what == "arrive"] == [True, False]
    with pytest.raises(Refused, match="is in ln2a since"):
        ledger.withdraw(row_of(ledger, V1, "arrive"), act=found)


@pytest.mark.usefixtures("sent")
def test_what_is_refused_is_in_no_store_and_may_go_back(
    shipping: Shipping, bank: Bank, clock: Clock
) -> None:
    turned = Signed(by="eva", reason="the logger showed -60 degC")
    shipping.refuse(SH, [V1], state="thawed", act=turned)
    assert bank.life(V1)[-1].end == MONDAY + 12 * HOUR
    clock.at(13)
    back = shipping.ship(
        [V1], origin="north", to="north", carrier="Kurier", shipper="DS-7", act=EVA
    )
    assert back.id == "SH-north-0002"
    clock.at(14)
    shipping.receive(back.id, {V1: slot(1)}, state="thawed", act=ANNA)
    assert [each.status for each in bank.life(V1)] == [
        Status.PLACED,
        Status.TRANSIT,
        Status.TRANSIT,
        Status.PLACED,
    ]
