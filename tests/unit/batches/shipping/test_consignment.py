"""The file that goes with the vials: what it carries into another ledger, and what it cannot."""

from pathlib import Path

import pytest

from batches import consignment
from batches.accession import Accession
from batches.bank import Bank
from batches.consignment import ConsignmentError
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.shipping import Shipping
from storage.acts import verify_chain
from tests.unit.batches.conftest import HOUR, MONDAY, Clock
from tests.unit.batches.shipping.consigned import (
    EVA,
    PATIENT,
    SH,
    V1,
    V2,
    V3,
    WHY,
    B,
    Change,
    replace,
    send,
    with_vial,
)

pytestmark = pytest.mark.long


def test_a_consignment_that_was_changed_or_is_none_is_refused(
    tmp_path: Path, made: consignment.Consignment
) -> None:
    path = tmp_path / "sent.json"
    consignment.write(made, path)
    with pytest.raises(FileExistsError):
        consignment.write(made, path)
    good = path.read_text()
    path.write_text(good.replace('"passage": 0', '"passage": 1', 1))
    with pytest.raises(ConsignmentError, match="was changed since it was written"):
        consignment.read(path)
    for bad in ("", "{}", "[1]", good[:-40], '{"consignment": null, "sha256": "a"}'):
        path.write_text(bad)
        with pytest.raises(ConsignmentError, match="is no consignment"):
            consignment.read(path)


CHANGES: list[tuple[Change, str]] = [
    (lambda m: replace(m, vials=()), "holds no vial"),
    (lambda m: replace(m, vials=m.vials * 2), "names a vial twice"),
    (lambda m: replace(m, carrier="a\x1b[2Jb"), "characters that cannot be shown"),
    (lambda m: replace(m, carrier=f"for {PATIENT}"), "token where none belongs"),
    (lambda m: with_vial(m, patient="Anna Maier"), "never a name"),
    (lambda m: with_vial(m, patient="PT-0A1B2C3D"), "the consignment says that it is of PH-"),
    (lambda m: with_vial(m, warmth=()), "is not told"),
    (lambda m: with_vial(m, frozen_at=MONDAY + 11 * HOUR), "was frozen before its batch"),
    (lambda m: replace(m, ancestors=()), "is no vial of a batch"),
    (
        lambda m: replace(m, ancestors=tuple(replace(a, ended_at=1) for a in m.ancestors)),
        "ended before it began",
    ),
    (lambda m: with_vial(m, dispatched_at=MONDAY + 99 * HOUR), "in the future"),
]


def test_a_hostile_consignment_enters_nothing(other: Ledger, made: consignment.Consignment) -> None:
    before = other.head()
    for change, said in CHANGES:
        bad = change(made)
        sealed = consignment.Sealed(consignment=bad, sha256=consignment.digest(bad))
        with pytest.raises(Refused, match=said) as refused:
            Accession(other).accept(sealed, site="south", act=EVA)
        assert "Maier" not in str(refused.value)
        assert other.head() == before, said


def test_ids_of_two_sites_may_not_mean_two_things(
    other: Ledger, made: consignment.Consignment
) -> None:
    other.open_batch(B, product="something else", act=EVA)
    sealed = consignment.Sealed(consignment=made, sha256=consignment.digest(made))
    with pytest.raises(Refused, match=f"{B}: is something else in this ledger"):
        Accession(other).accept(sealed, site="south", act=EVA)


def test_the_same_bank_comes_in_two_shipments(
    clock: Clock, ledger: Ledger, other: Ledger, shipping: Shipping, made: consignment.Consignment
) -> None:
    Accession(other).accept(
        consignment.Sealed(consignment=made, sha256=consignment.digest(made)),
        site="south",
        act=EVA,
    )
    second = send(shipping, V3)
    clock.at(13)
    warmth = {V3: made.vials[0].warmth}
    rest = consignment.consign(second.id, ledger=ledger, warmth=warmth, by="anna")
    Accession(other).accept(
        consignment.Sealed(consignment=rest, sha256=consignment.digest(rest)),
        site="south",
        act=EVA,
    )
    assert {Bank(other).handle(v) for v in (V1, V2, V3)} == {Bank(other).handle(V1)}
    assert verify_chain(other.url) is None


def test_cells_of_a_patient_who_was_erased_go_to_no_other_site(
    sent: Lineage, ledger: Ledger
) -> None:
    sent.erase(PATIENT, act=WHY, stored=True)
    with pytest.raises(Refused, match="was erased or the key is not here"):
        consignment.consign(SH, ledger=ledger, warmth={V1: (), V2: ()}, by="anna")
