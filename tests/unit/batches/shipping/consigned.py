"""What the stories of shipped vials share: names, slots, and the files that go with them."""

from collections.abc import Callable

import msgspec

from batches import consignment
from batches.batch import Signed
from batches.cryo import Warmth
from batches.custody import Custody
from batches.ledger import Ledger
from batches.shipping import Shipping
from batches.transit import Shipment
from tests.unit.batches.conftest import HOUR

PATIENT = "PT-7F3K9M2Q"
B, AGAIN, ANEW = "B-2026-0001", "B-2026-0002", "C-2026-0001"
V1, V2, V3 = (f"{B}-V00{n}" for n in (1, 2, 3))
ANNA, BEN, EVA = (Signed(by=name) for name in ("anna", "ben", "eva"))
SH = "SH-north-0001"


def send(shipping: Shipping, *vials: str, logger: str = "") -> Shipment:
    return shipping.ship(
        vials, origin="north", to="south", carrier="Kurier", shipper="DS-7", act=ANNA, logger=logger
    )


WHY = Signed(by="ben", reason="why")


def row_of(ledger: Ledger, vial: str, kind: str) -> int:
    return next(e.row for e in Custody(ledger).of(vial) if e.what == kind and not e.void)


Change = Callable[[consignment.Consignment], consignment.Consignment]


replace = msgspec.structs.replace


def with_vial(made: consignment.Consignment, **changes: object) -> consignment.Consignment:
    return replace(made, vials=(replace(made.vials[0], **changes), *made.vials[1:]))


def sealed(made: consignment.Consignment) -> consignment.Sealed:
    return consignment.Sealed(consignment=made, sha256=consignment.digest(made))


WARM = (
    Warmth(threshold=-150.0, above_ms=2 * HOUR, unknown_ms=HOUR),
    Warmth(threshold=-135.0, above_ms=HOUR, unknown_ms=HOUR),
)
