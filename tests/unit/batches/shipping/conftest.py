"""Two sites: the vials that the first sends to the second, at each stage of their way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from batches import consignment
from batches.accession import Accession
from batches.batch import Signed
from batches.cryo import Warmth
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.shipping import Shipping
from tests.unit.batches.conftest import Clock
from tests.unit.batches.shipping.consigned import (
    ANNA,
    BEN,
    EVA,
    PATIENT,
    SH,
    V1,
    V2,
    WARM,
    B,
    sealed,
    send,
)
from tests.unit.batches.vials import slot


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(ledger_url, now=clock, keys=tmp_path / "north")


@pytest.fixture
def other(further_url: Callable[[str], str], tmp_path: Path, clock: Clock) -> Ledger:
    url = further_url("south")
    return Ledger(url, devices=["ln2s"], now=clock, keys=tmp_path / "south")


@pytest.fixture
def shipping(ledger: Ledger) -> Shipping:
    return Shipping(ledger)


@pytest.fixture
def frozen(ledger: Ledger, clock: Clock) -> Lineage:
    """Three vials of a patient, frozen into ln2a in hour 1; hour 10 now."""
    lineage = Lineage(ledger)
    lineage.enrol(token=PATIENT, act=ANNA)
    lineage.take("BX-2026-0001", PATIENT, act=ANNA)
    lineage.start(B, "BX-2026-0001", product="fibroblasts", act=ANNA)
    clock.at(1)
    lineage.freeze(B, [slot(1), slot(2), slot(3)], act=ANNA)
    clock.at(10)
    return lineage


@pytest.fixture
def sent(frozen: Lineage, shipping: Shipping, clock: Clock) -> Lineage:
    """The first two of them were sent in hour 10; hour 12 now."""
    send(shipping, V1, V2)
    clock.at(12)
    return frozen


@pytest.fixture
def made(sent: Lineage, ledger: Ledger) -> consignment.Consignment:  # noqa: ARG001 # it was sent
    nothing = tuple(Warmth(threshold=t, above_ms=0, unknown_ms=0) for t in (-150.0, -135.0))
    return consignment.consign(SH, ledger=ledger, warmth={V1: nothing, V2: nothing}, by="anna")


@pytest.fixture
def there(
    made: consignment.Consignment, other: Ledger, shipping: Shipping, clock: Clock
) -> Shipping:
    """V1 and V2 came to the south in hour 14 and were delivered in the north's eyes; hour 20."""
    Accession(other).accept(sealed(made), site="south", act=EVA)
    clock.at(14)
    here = Shipping(other)
    here.receive(SH, {V1: slot(1, "ln2s"), V2: slot(2, "ln2s")}, state="frozen", act=EVA)
    shipping.deliver(SH, state="frozen, seal 4", act=BEN)
    clock.at(20)
    return here


@pytest.fixture
def returned(there: Shipping, other: Ledger, clock: Clock) -> consignment.Consignment:
    """The south sends V1 back in hour 20; hour 21 now."""
    back = there.ship(
        [V1], origin="south", to="north", carrier="Bote", shipper="DS-8", act=Signed(by="eva")
    )
    assert back.id == "SH-south-0001"
    clock.at(21)
    return consignment.consign(back.id, ledger=other, warmth={V1: WARM}, by="eva")
