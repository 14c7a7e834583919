"""Only the vial that left comes back, and that it was away stays true."""

from pathlib import Path

import pytest

from batches import consignment, standing
from batches.accession import Accession
from batches.bank import Bank
from batches.batch import Signed
from batches.cryo import Warmth
from batches.custody import Custody
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.shipping import Shipping
from tests.unit.batches.conftest import HOUR, MONDAY, Clock
from tests.unit.batches.shipping.consigned import (
    BEN,
    PATIENT,
    SH,
    V1,
    V2,
    WHY,
    Change,
    replace,
    row_of,
    sealed,
    send,
    with_vial,
)
from tests.unit.batches.vials import slot

pytestmark = pytest.mark.long


@pytest.mark.parametrize("arrived", [False, True])
def test_that_it_was_there_cannot_be_taken_back_once_it_came_back(
    returned: consignment.Consignment,
    ledger: Ledger,
    shipping: Shipping,
    clock: Clock,
    arrived: bool,  # noqa: FBT001 # a case
) -> None:
    left, arrival = row_of(ledger, V1, "transfer"), row_of(ledger, V1, "arrive")
    journey = Accession(ledger).accept(sealed(returned), site="north", act=BEN).journeys[0]
    if arrived:
        clock.at(24)
        shipping.receive(returned.shipment, {V1: slot(5)}, state="frozen", act=BEN)
    before, custody = ledger.head(), Custody(ledger).of(V1)
    rows = range(journey.row, before.sequence + 1)
    came = next(row for row in rows if _kind(ledger, row) == "return")
    with pytest.raises(Refused, match="came back from the other site since") as refused:
        ledger.withdraw(left, act=WHY)
    assert refused.value.row == came
    with pytest.raises(Refused, match="take that back first") as refused:
        ledger.withdraw(arrival, act=WHY)
    stands = next((e.row for e in custody if e.what == "place" and e.at == clock()), None)
    assert refused.value.row == (stands if arrived else journey.row)
    assert (ledger.head(), Custody(ledger).of(V1)) == (before, custody)
    # V2 did not come back: it may yet be told that it never arrived there.
    ledger.withdraw(row_of(ledger, V2, "transfer"), act=WHY)
    assert Bank(ledger).vial(V2).ended_at is None


def _kind(ledger: Ledger, row: int) -> str:
    with ledger.database.reading() as connection:
        return standing.act(connection, row).kind


RETURNS: list[tuple[Change, str]] = [
    (lambda m: with_vial(m, passage=7), "is something else in this ledger"),
    (lambda m: with_vial(m, custody=()), "does not tell how it left here"),
    (
        lambda m: with_vial(
            m, custody=tuple(replace(h, row=h.row + 1) for h in m.vials[0].custody)
        ),
        "does not tell how it left here",
    ),
    (lambda m: with_vial(m, dispatched_at=MONDAY + 13 * HOUR), "sent back before it was delivered"),
    (lambda m: with_vial(m, patient="PT-0A1B2C3D"), "said to be of another patient"),
]


def test_cells_of_a_patient_who_was_erased_meanwhile_bring_nobody_back(
    returned: consignment.Consignment, frozen: Lineage, ledger: Ledger, tmp_path: Path
) -> None:
    frozen.erase(PATIENT, act=WHY, stored=True)
    keys = sorted((tmp_path / "north").iterdir())
    with pytest.raises(Refused, match="was erased here"):
        Accession(ledger).accept(sealed(returned), site="north", act=BEN)
    assert sorted((tmp_path / "north").iterdir()) == keys


def test_what_is_not_the_vial_that_left_does_not_come_back(
    returned: consignment.Consignment, ledger: Ledger
) -> None:
    before = ledger.head()
    for change, said in RETURNS:
        with pytest.raises(Refused, match=said):
            Accession(ledger).accept(sealed(change(returned)), site="north", act=BEN)
        assert ledger.head() == before, said


@pytest.mark.usefixtures("frozen")
def test_a_vial_that_did_not_leave_for_good_does_not_come_back(
    ledger: Ledger, shipping: Shipping, clock: Clock
) -> None:
    """What came of it here is said; what is wrong of that is taken back first."""
    send(shipping, V1, V2)
    clock.at(12)
    nothing = tuple(Warmth(threshold=t, above_ms=0, unknown_ms=0) for t in (-150.0, -135.0))
    sent = consignment.consign(SH, ledger=ledger, warmth=dict.fromkeys((V1, V2), nothing), by="a")
    back = replace(sent, shipment="SH-south-0001", origin="south", destination="north")
    with pytest.raises(Refused, match="was not delivered elsewhere"):
        Accession(ledger).accept(sealed(back), site="north", act=BEN)
    shipping.lose(SH, act=Signed(by="ben", reason="the van burned"))
    with pytest.raises(Refused, match="ended here by 'lose'"):
        Accession(ledger).accept(sealed(back), site="north", act=BEN)
