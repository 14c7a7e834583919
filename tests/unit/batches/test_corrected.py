"""What was entered wrongly is set right or taken back: by a new row that names the old one."""

import pytest

from batches.batch import Signed
from batches.ledger import Ledger
from batches.placement import Refused
from tests.unit.batches.conftest import ANNA, B, Clock


def test_a_correction_is_a_new_row_that_names_the_old_one(lived: Ledger) -> None:
    first, second = lived.stays(B)
    why = Signed(by="carla", reason="the flask was on shelf 3")
    corrected = lived.correct(first.row, position="shelf 3", act=why)
    assert (corrected.position, corrected.start, corrected.end) == (
        "shelf 3",
        first.start,
        first.end,
    )
    assert corrected.corrects == first.row
    assert lived.stays(B) == (corrected, second)
    assert [act.kind for act in lived.acts(B)][-1] == "correct"
    with pytest.raises(Refused, match="corrected or taken back already") as refused:
        lived.correct(first.row, position="shelf 4", act=why)
    assert refused.value.row == corrected.row
    again = lived.correct(corrected.row, device="inc2", act=why)
    assert lived.batches_in("inc1", first.start) == ()
    assert lived.batches_in("inc2", first.start) == (again,)


def test_a_correction_needs_a_reason(lived: Ledger) -> None:
    row = lived.stays(B)[0].row
    with pytest.raises(Refused, match="a correction needs a reason"):
        lived.correct(row, position="x", act=ANNA)


def test_a_correction_may_not_make_two_stays_overlap(lived: Ledger) -> None:
    first, second = lived.stays(B)
    why = Signed(by="carla", reason="clock was wrong")
    with pytest.raises(Refused, match="is in inc2") as refused:
        lived.correct(first.row, end=second.start + 1, act=why)
    assert refused.value.row == second.row
    with pytest.raises(Refused, match="before the batch was opened"):
        lived.correct(first.row, start=first.start - 1, act=why)
    with pytest.raises(Refused, match="cannot outlast the batch"):
        lived.correct(second.row, end=None, act=why)


def test_a_correction_that_ends_before_it_starts_names_the_row_it_corrects(lived: Ledger) -> None:
    first = lived.stays(B)[0]
    with pytest.raises(Refused, match=rf"must end after it starts \(row {first.row}\)"):
        lived.correct(first.row, end=first.start, act=Signed(by="b", reason="x"))


def test_a_move_out_of_a_closed_batch_names_the_closing(lived: Ledger) -> None:
    closure = lived.batch(B).closure
    with pytest.raises(Refused, match=rf"is closed \(row {closure}\)"):
        lived.move(B, "inc1", act=ANNA)


def test_an_end_that_never_happened_is_taken_back(opened: Ledger, clock: Clock) -> None:
    opened.place(B, "inc1", act=ANNA)
    clock.at(1)
    ended = opened.remove(B, act=ANNA)
    assert ended.departure is not None
    opened.withdraw(ended.departure, act=Signed(by="anna", reason="wrong batch"))
    assert [p.batch for p in opened.at_risk("inc1")] == [B]


def test_taking_an_end_back_may_not_make_two_stays_overlap(lived: Ledger) -> None:
    first, second = lived.stays(B)
    lived.withdraw(lived.batch(B).closure or 0, act=Signed(by="a", reason="not harvested"))
    with pytest.raises(Refused, match="is in inc2") as refused:
        lived.withdraw(first.departure or 0, act=Signed(by="a", reason="wrong"))
    assert refused.value.row == second.row
    assert lived.stays(B)[0].end == first.end


def test_a_closing_taken_back_opens_the_batch_again(lived: Ledger) -> None:
    lived.withdraw(lived.batch(B).closure or 0, act=Signed(by="a", reason="not harvested"))
    assert lived.batch(B).is_open


def test_an_opening_is_not_taken_back(opened: Ledger) -> None:
    with pytest.raises(Refused, match="'open' cannot be taken back"):
        opened.withdraw(1, act=Signed(by="a", reason="x"))
    with pytest.raises(Refused, match="no such entry"):
        opened.withdraw(77, act=Signed(by="a", reason="x"))
    with pytest.raises(Refused, match="is not a stay"):
        opened.correct(1, position="x", act=Signed(by="a", reason="x"))


def test_the_product_of_a_batch_can_be_set_right(opened: Ledger) -> None:
    fixed = opened.amend(B, product="keratinocytes", act=Signed(by="a", reason="misread"))
    assert (fixed.product, fixed.protocol) == ("keratinocytes", "")
    assert fixed.opened_by == "anna"
    assert len(opened.batches()) == 1
