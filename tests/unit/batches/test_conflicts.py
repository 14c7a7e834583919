"""What cannot have been is refused, and the entry that stands against it is named by its row."""

from pathlib import Path
from typing import Protocol

import pytest

from batches.bank import Bank
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.shipping import Shipping
from batches.vial import Place

B, OTHER = "B-2026-0001", "B-2026-0002"
V = f"{B}-V001"
ANNA = Signed(by="anna")
MONDAY, HOUR = 1_767_596_400_000, 3_600_000


class Clock(Protocol):
    now: int

    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    """B in inc1 from hour 1 to 5, a vial of it in ln2a from hour 4; OTHER is open. Hour 10."""
    made = Ledger(ledger_url, now=clock, keys=tmp_path / "patients")
    made.open_batch(B, product="x", act=ANNA)
    made.open_batch(OTHER, product="x", act=ANNA)
    clock.at(1)
    made.place(B, "inc1", position="1", act=ANNA)
    Lineage(made).passage(B, act=ANNA)
    clock.at(4)
    Lineage(made).freeze(B, [slot(1)], act=ANNA)
    clock.at(5)
    made.remove(B, act=ANNA)
    clock.at(10)
    return made


def slot(number: int) -> Place:
    return Place(device="ln2a", rack="1", box="1", slot=str(number))


def late(hours: float) -> Signed:
    return Signed(by="anna", at=MONDAY + round(hours * HOUR), reason="from the paper log")


def test_a_stay_that_overlaps_another_names_it(ledger: Ledger) -> None:
    (stay,) = ledger.stays(B)
    for start, end in ((0.5, 1.5), (2, 3), (4.9, 6), (0, 9)):
        with pytest.raises(Refused, match="is in inc1 at that time") as refused:
            ledger.place(B, "inc2", act=late(start), until=MONDAY + round(end * HOUR))
        assert refused.value.row == stay.row
    # Half-open: what begins where the other ends is beside it.
    ledger.place(B, "inc2", act=late(5), until=MONDAY + 6 * HOUR)
    ledger.place(B, "inc2", act=late(0.5), until=MONDAY + 1 * HOUR)


def test_a_slot_that_is_taken_names_whose_it_is(ledger: Ledger) -> None:
    (stay,) = Bank(ledger).vials_in("ln2a", MONDAY + 9 * HOUR, MONDAY + 10 * HOUR)
    with pytest.raises(Refused, match=f"ln2a 1/1/1: holds {V}") as refused:
        Lineage(ledger).freeze(B, [slot(1)], act=ANNA)
    assert refused.value.row == stay.row


def test_a_closed_batch_is_neither_moved_nor_placed_and_its_closing_is_named(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.place(OTHER, "inc1", act=ANNA)
    clock.at(11)
    closing = ledger.close(OTHER, act=ANNA).closure
    stay = ledger.stays(OTHER)[0]
    clock.at(12)
    for act in (
        lambda: ledger.move(OTHER, "inc2", act=ANNA),
        lambda: ledger.move(OTHER, "inc2", act=late(10.5)),
        lambda: ledger.place(OTHER, "inc2", act=ANNA),
        lambda: ledger.remove(OTHER, act=ANNA),
        lambda: ledger.close(OTHER, act=ANNA),
        lambda: ledger.correct(stay.row, end=None, act=late(11.5)),
        lambda: ledger.correct(stay.row, end=MONDAY + 12 * HOUR, act=late(11.5)),
    ):
        with pytest.raises(Refused, match=r"is closed|cannot outlast") as refused:
            act()
        assert refused.value.row == closing


def test_a_vial_that_ended_goes_nowhere_and_its_end_is_named(ledger: Ledger, clock: Clock) -> None:
    lineage = Lineage(ledger)
    ending = lineage.thaw(V, act=ANNA).ending
    clock.at(11)
    for act in (
        lambda: lineage.store(V, slot(2), act=ANNA),
        lambda: lineage.take_out(V, act=ANNA),
        lambda: lineage.thaw(V, act=ANNA),
        lambda: Shipping(ledger).ship([V], origin="a", to="b", carrier="c", shipper="d", act=ANNA),
    ):
        with pytest.raises(Refused, match="is closed") as refused:
            act()
        assert refused.value.row == ending


def test_an_end_before_its_start_names_what_it_contradicts(ledger: Ledger) -> None:
    (stay,) = ledger.stays(B)
    with pytest.raises(Refused, match="must end after it starts"):
        ledger.place(B, "inc2", act=late(7), until=MONDAY + 6 * HOUR)
    for change in ({"end": stay.start}, {"start": stay.end}, {"end": stay.start - 1}):
        with pytest.raises(Refused, match="must end after it starts") as refused:
            ledger.correct(stay.row, act=late(9), **change)
        assert refused.value.row == stay.row
    ledger.place(B, "inc2", act=late(7))
    here = ledger.stays(B)[-1]
    for when in (6, 7):
        with pytest.raises(Refused, match="cannot leave before it came") as left:
            ledger.remove(B, act=late(when))
        assert left.value.row == here.row
    opened = ledger.batch(OTHER)
    with pytest.raises(Refused, match="cannot close before it was opened") as closed:
        ledger.close(OTHER, act=late(-1))
    assert closed.value.row == opened.row
    with pytest.raises(Refused, match="cannot start before the batch was opened") as early:
        ledger.place(OTHER, "inc1", act=late(-1))
    assert early.value.row == opened.row


def test_a_journey_in_the_past_may_not_cross_a_stay(ledger: Ledger) -> None:
    shipping = Shipping(ledger)
    (stay,) = Bank(ledger).vials_in("ln2a", MONDAY + 9 * HOUR, MONDAY + 10 * HOUR)
    ship = {"origin": "a", "to": "b", "carrier": "c", "shipper": "d"}
    with pytest.raises(Refused, match="cannot leave before it came") as refused:
        shipping.ship([V], act=late(4), **ship)
    assert refused.value.row == stay.row
    with pytest.raises(Refused, match="was not frozen yet"):
        shipping.ship([V], act=late(3), **ship)
    Lineage(ledger).store(V, slot(2), act=late(8))
    with pytest.raises(Refused, match="cannot leave before it came"):
        shipping.ship([V], act=late(7), **ship)
