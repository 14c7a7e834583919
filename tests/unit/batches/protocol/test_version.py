"""A batch is opened with a version that is kept, and a second person checks where it says so."""

import pytest

from batches.batch import Signed
from batches.ledger import Ledger
from batches.placement import Refused
from batches.protocol import digest, encode, load
from storage.acts import append, verify_chain
from tests.unit.batches.conftest import ANNA, B, Clock
from tests.unit.batches.protocol_file import Edit

pytestmark = pytest.mark.long


BEN = Signed(by="ben")


def test_a_batch_is_opened_with_a_version_that_is_kept(ledger: Ledger, edited: Edit) -> None:
    with pytest.raises(Refused, match=r"'fibroblast@3' is no protocol .* known: none yet"):
        ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    kept = ledger.keep(load(edited("3", "3")), act=ANNA)
    for name in ("fibroblast", "fibroblast@4", "@", "fibroblast@3\0"):
        with pytest.raises(Refused, match="known: fibroblast@3"):
            ledger.open_batch(B, product="x", protocol=name, act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    (adopted,) = ledger.dossier(B).protocols
    assert (adopted.reference, adopted.kept) == ("fibroblast@3", kept)
    assert verify_chain(ledger.url) is None


def test_a_version_is_kept_once_and_never_says_something_else(ledger: Ledger, edited: Edit) -> None:
    kept = ledger.keep(load(edited("3", "3")), act=ANNA)
    assert ledger.keep(load(edited("3", "3")), act=BEN) == kept
    assert ledger.head().sequence == kept.row == 1
    other = load(edited("low = 36.0", "low = 36.1"))
    with pytest.raises(Refused, match="give it a new version") as refused:
        ledger.keep(other, act=BEN)
    assert refused.value.row == kept.row
    newer = ledger.keep(load(edited('version = "3"', 'version = "4"')), act=BEN)
    assert ledger.protocols() == (kept, newer)


def test_where_the_protocol_demands_it_a_second_person_checks(
    ledger: Ledger, edited: Edit, clock: Clock
) -> None:
    ledger.keep(load(edited("3", "3")), act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    with pytest.raises(Refused, match="step 'culture' of fibroblast@3 needs a second person"):
        ledger.place(B, "inc1", act=ANNA)
    with pytest.raises(Refused, match="Anna did this and cannot check it as well"):
        ledger.place(B, "inc1", checked_by="Anna ", act=ANNA)
    assert ledger.stays(B) == ()
    assert ledger.place(B, "inc1", checked_by="ben", act=ANNA).checked_by == "ben"
    clock.at(1)
    with pytest.raises(Refused, match="needs a second person"):
        ledger.move(B, "inc2", act=ANNA)
    assert ledger.move(B, "inc2", checked_by="ben", act=ANNA).checked_by == "ben"
    assert [act.kind for act in ledger.acts(B)] == [
        *("open", "place", "check", "leave", "place", "check")
    ]


def test_a_correction_is_checked_anew(ledger: Ledger, edited: Edit, clock: Clock) -> None:
    ledger.keep(load(edited("3", "3")), act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    row = ledger.place(B, "inc1", checked_by="ben", act=ANNA).row
    clock.at(1)
    why = Signed(by="cleo", reason="it was the other one")
    with pytest.raises(Refused, match="cleo did this and cannot check it as well"):
        ledger.correct(row, device="inc2", checked_by="cleo", act=why)
    assert [stay.row for stay in ledger.stays(B)] == [row]
    # Without a second person it stands unchecked, which the record says.
    unchecked = ledger.correct(row, device="inc2", act=why)
    assert unchecked.checked_by is None
    found = ledger.correct(unchecked.row, position="S1", checked_by="anna", act=why)
    assert (found.device, found.by, found.checked_by, found.corrects) == (
        "inc2",
        "cleo",
        "anna",
        unchecked.row,
    )


def test_a_version_kept_before_guard_bands_were_known_is_the_same_version(
    ledger: Ledger, edited: Edit
) -> None:
    protocol = load(edited("3", "3"))
    spelled = encode(protocol).replace('"guard_band":false,', "")
    assert spelled != encode(protocol)
    detail = {
        "name": protocol.name,
        "version": protocol.version,
        "digest": digest(spelled),
        "content": spelled,
    }
    with ledger.database.writing() as connection:
        append(connection, ledger.clerk.entry("protocol", "x", ANNA), "protocol", detail)
    assert ledger.keep(protocol, act=ANNA).digest == digest(spelled)


def test_a_check_may_come_later_and_only_once(ledger: Ledger, clock: Clock) -> None:
    ledger.open_batch(B, product="x", act=ANNA)
    stay = ledger.place(B, "inc1", act=ANNA)
    clock.at(1)
    with pytest.raises(Refused, match="cannot check it as well"):
        ledger.check(stay.row, act=ANNA)
    assert ledger.check(stay.row, act=BEN).checked_by == "ben"
    with pytest.raises(Refused, match="was checked by ben already"):
        ledger.check(stay.row, act=Signed(by="carla"))
