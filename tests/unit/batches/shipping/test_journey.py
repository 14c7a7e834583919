"""The life of a vial goes on in the ledger of another site, and in both when it comes back."""

from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from alerts.reader import AlarmReader
from batches import consignment
from batches.accession import Accession
from batches.bank import Bank
from batches.calibration import Book
from batches.cryo import Warmth
from batches.custody import Custody
from batches.frozen import frozen_life
from batches.intake import Checked, enter
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.record import Made, assemble
from batches.setting import Equipment, Setting
from batches.shipping import Shipping
from batches.survey import Channel, Readings
from devices.scan import Layout, Scan
from storage.acts import verify_chain
from storage.intake import Origin
from tests.intruder import everything, intruder_of
from tests.unit.batches.conftest import HOUR, MINUTE, MONDAY, Clock
from tests.unit.batches.shipping.consigned import (
    AGAIN,
    ANEW,
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

pytestmark = pytest.mark.long


class Journal(Readings, Protocol):
    def add(self, scan: Scan) -> None: ...


@pytest.fixture
def north(setting: Setting) -> Setting:
    return site_of(setting, "ln2a")


@pytest.fixture
def south(setting: Setting) -> Setting:
    return site_of(setting, "ln2s")


def site_of(setting: Setting, *devices: str) -> Setting:
    channels = (Channel(key="vapour", quantity="temperature", unit="degC"),)
    equipment = tuple(
        Equipment(
            id=device,
            name="",
            model="m",
            maker="m",
            manual="m",
            profile="p",
            profile_sha256="ab" * 32,
            period=MINUTE,
            channels=channels,
        )
        for device in devices
    )
    return msgspec.structs.replace(setting, equipment=equipment, rules=())


def fill(journal: Journal, device: str, hours: tuple[int, int], warm: dict[int, float]) -> None:
    """A reading a minute in ``hours``: -190 degC, and ``warm`` by the hour."""
    layout = Layout(device, ("vapour",), ("temperature",))
    for minute in range(hours[0] * 60, hours[1] * 60):
        at = MONDAY + minute * MINUTE
        journal.add(Scan(layout, at, at, (warm.get(minute // 60, -190.0),), bytes(1)))


def taken_in(ledger: Ledger, device: str, start: int, end: int) -> None:
    """A logger's file of these hours, a reading a minute, was imported."""
    origin = Origin(
        id="ab" * 32,
        device=device,
        channel="vapour",
        quantity="temperature",
        file="logger.csv",
        by="eva",
        readings=(end - start) * 60,
        start=MONDAY + start * HOUR,
        end=MONDAY + end * HOUR - MINUTE,
    )
    enter(ledger, Checked(origin=origin, period=MINUTE, gaps=(), empty=0), act=EVA)


def hours_warm(warmth: tuple[Warmth, ...]) -> list[tuple[float, float, float]]:
    return [(w.threshold, w.above_ms / HOUR, w.unknown_ms / HOUR) for w in warmth]


def test_the_life_of_a_vial_goes_on_in_the_ledger_of_another_site(  # noqa: PLR0915, PLR0917 # one story
    tmp_path: Path,
    clock: Clock,
    ledger: Ledger,
    other: Ledger,
    frozen: Lineage,
    shipping: Shipping,
    journal: Journal,
    north: Setting,
    south: Setting,
    alarms: AlarmReader,
) -> None:
    """By hand.

    In the north: V1 frozen at 1, -140 in hour 2 (1 h above -150, 0 above -135), thawed at 5 into
    AGAIN; its vial frozen at 6, -100 in hour 8 (1 h above both), sent at 10. So 2 h and 1 h.
    On the way 10 to 14 with a logger: -120 in hour 13, nothing known in hours 10 and 11.
    In the south from 14: -145 in hour 15. At 20: 2+1+1 = 4 h above -150, 1+1 = 2 h above -135,
    and 2 h unknown.
    """
    clock.at(5)
    frozen.thaw(V1, into=AGAIN, act=ANNA)
    clock.at(6)
    (vial,) = frozen.freeze(AGAIN, [slot(9)], act=ANNA)
    clock.at(10)
    fill(journal, "ln2a", (0, 20), {2: -140.0, 8: -100.0})
    send(shipping, vial.id, logger="dry1")
    here = frozen_life(
        vial.id,
        bank=Bank(ledger),
        readings=journal,
        setting=north,
        book=Book(),
        now=MONDAY + 10 * HOUR,
    )
    assert hours_warm(here.warmth) == [(-150.0, 2, 0), (-135.0, 1, 0)]
    made = consignment.consign(SH, ledger=ledger, warmth={vial.id: here.warmth}, by="anna")
    assert made.head == ledger.head()
    path = tmp_path / "sent.json"
    sha256 = consignment.write(made, path)

    clock.at(11)
    sealed = consignment.read(path)
    assert (sealed.sha256, sealed.consignment) == (sha256, made)
    accession = Accession(other)
    with pytest.raises(Refused, match="left from here"):
        accession.accept(sealed, site="north", act=EVA)
    came = accession.accept(sealed, site="south", act=EVA)
    assert [(j.vial, j.gave, j.end) for j in came.journeys] == [(vial.id, "anna", None)]
    with pytest.raises(Refused, match=f"{SH}: is entered already"):
        accession.accept(sealed, site="south", act=EVA)

    clock.at(14)
    with pytest.raises(Refused, match="anna gave it away"):
        Shipping(other).receive(SH, {vial.id: slot(1, "ln2s")}, state="frozen", act=ANNA)
    Shipping(other).receive(SH, {vial.id: slot(1, "ln2s")}, state="frozen", act=EVA)
    fill(journal, "dry1", (12, 14), {13: -120.0})
    taken_in(other, "dry1", 12, 14)
    fill(journal, "ln2s", (13, 21), {15: -145.0})
    there = frozen_life(
        vial.id,
        bank=Bank(other),
        readings=journal,
        setting=south,
        book=Book(),
        now=MONDAY + 20 * HOUR,
    )
    assert hours_warm(there.warmth) == [(-150.0, 4, 2), (-135.0, 2, 2)]
    record = assemble(
        vial.id,
        ledger=other,
        readings=journal,
        alarms=alarms,
        setting=south,
        made=Made(by="quality", at=MONDAY + 20 * HOUR),
        visit=lambda *_: None,
    )
    # The record says the same, with the way here and what the north said of it.
    assert (record.warmth, record.carried) == (there.warmth, there.carried)
    (journey,) = record.journeys
    assert (journey.warmest, journey.unknown_ms / HOUR) == (-120.0, 2)
    assert "On the way (SH-north-0001) for 4h: 2h unknown." in record.open_items
    assert not any("In no device for 4h" in item for item in record.open_items)

    bank = Bank(other)
    assert bank.patient(vial.id) == PATIENT
    assert [kin.child for kin in bank.ancestors(vial.id)] == [vial.id, AGAIN, V1, B, "BX-2026-0001"]
    assert not other.batch(AGAIN).is_open
    told = Custody(other).of(vial.id)
    assert [(h.site, h.what, h.gave, h.took) for h in told if h.what in {"freeze", "arrive"}] == [
        ("north", "freeze", "", "anna"),
        ("", "arrive", "Kurier, DS-7", "eva"),
    ]
    assert PATIENT not in everything(intruder_of(other.url))
    assert verify_chain(other.url) is None

    # Thawed and frozen again in the south, it still carries all of that.
    clock.at(20)
    Lineage(other).thaw(vial.id, into=ANEW, act=EVA)
    clock.at(21)
    (last,) = Lineage(other).freeze(ANEW, [slot(2, "ln2s")], act=EVA)
    later = frozen_life(
        last.id, bank=bank, readings=journal, setting=south, book=Book(), now=clock.now
    )
    assert hours_warm(later.warmth) == [(-150.0, 4, 2), (-135.0, 2, 2)]

    # And in the north its life has ended once its arrival is known.
    shipping.deliver(SH, state="frozen", act=BEN)
    assert Bank(ledger).vial(vial.id).ended_how == "transfer"
    with pytest.raises(Refused, match="is closed"):
        frozen.thaw(vial.id, act=BEN)


def handed_over(ledger: Ledger, site: str, vial: str = V1) -> list[tuple[str, str, str, str]]:
    return [(h.site or site, h.what, h.gave, h.took) for h in Custody(ledger).of(vial)]


CHAIN = [
    ("north", "freeze", "", "anna"),
    ("north", "place", "anna", "ln2a R1/B1/1"),
    ("north", "leave", "ln2a R1/B1/1", "anna"),
    ("north", "dispatch", "anna", "Kurier, DS-7 to south"),
    ("south", "arrive", "Kurier, DS-7", "eva"),
    ("south", "place", "eva", "ln2s R1/B1/1"),
]


BACK = [
    ("south", "leave", "ln2s R1/B1/1", "eva"),
    ("south", "dispatch", "eva", "Bote, DS-8 to north"),
]


def test_a_vial_that_was_shipped_comes_back_and_its_life_goes_on_in_both_ledgers(  # noqa: PLR0917 # each is a fixture
    returned: consignment.Consignment,
    ledger: Ledger,
    other: Ledger,
    shipping: Shipping,
    there: Shipping,
    clock: Clock,
    journal: Journal,
    north: Setting,
    alarms: AlarmReader,
) -> None:
    bank = Bank(ledger)
    assert bank.vial(V1).ended_how == "transfer"
    (journey,) = Accession(ledger).accept(sealed(returned), site="north", act=BEN).journeys
    assert (journey.vial, journey.gave, journey.start) == (V1, "eva", MONDAY + 20 * HOUR)
    assert (bank.vial(V1).ended_at, bank.vial(V2).ended_how) == (None, "transfer")
    with pytest.raises(Refused, match="is on the way to north"):
        Lineage(ledger).thaw(V1, act=BEN)
    clock.at(24)
    with pytest.raises(Refused, match="eva gave it away"):
        shipping.receive("SH-south-0001", {V1: slot(5)}, state="frozen", act=EVA)
    shipping.receive("SH-south-0001", {V1: slot(5)}, state="frozen", act=BEN)
    there.deliver("SH-south-0001", state="frozen", act=ANNA)
    assert Bank(other).vial(V1).ended_how == "transfer"

    # Nobody is missing between the freezer it left and the freezer it stands in, and nobody twice.
    took = [("north", "arrive", "Bote, DS-8", "ben"), ("north", "place", "ben", "ln2a R1/B1/5")]
    told = handed_over(ledger, "north")
    given = [("north", "arrive", "Kurier, DS-7", "ben"), ("north", "transfer", "ben", "")]
    assert sorted(told) == sorted([*CHAIN, *BACK, *given, *took])
    assert told[:4] == CHAIN[:4]
    assert told[-4:] == [*BACK, *took]
    at_south = handed_over(other, "south")
    assert at_south[: len(CHAIN) + 2] == [*CHAIN, *BACK]

    # Warm for 2 h and 1 h, and an hour unknown, says the south; 4 h on the way, then -140 in 25.
    fill(journal, "ln2a", (0, 30), {25: -140.0})
    frozen = frozen_life(
        V1, bank=bank, readings=journal, setting=north, book=Book(), now=MONDAY + 30 * HOUR
    )
    assert hours_warm(frozen.warmth) == [(-150.0, 3, 5), (-135.0, 1, 5)]
    clock.at(30)
    record = assemble(
        V1,
        ledger=ledger,
        readings=journal,
        alarms=alarms,
        setting=north,
        made=Made(by="quality", at=clock.now),
        visit=lambda *_: None,
    )
    stood = [(stay.placement.device, stay.placement.position) for stay in record.stays]
    assert stood == [("ln2a", "R1/B1/1"), ("ln2a", "R1/B1/5")]
    # Where it was in between another ledger says; before it was frozen its batch was nowhere.
    assert [(gap.start, gap.end) for gap in record.bench] == [(MONDAY, MONDAY + HOUR)]
    for each in (ledger, other):
        assert verify_chain(each.url) is None


def test_it_may_go_and_come_again(  # noqa: PLR0917 # both sites
    returned: consignment.Consignment,
    ledger: Ledger,
    other: Ledger,
    shipping: Shipping,
    there: Shipping,
    clock: Clock,
) -> None:
    Accession(ledger).accept(sealed(returned), site="north", act=BEN)
    clock.at(24)
    shipping.receive(returned.shipment, {V1: slot(5)}, state="frozen", act=BEN)
    there.deliver(returned.shipment, state="frozen", act=ANNA)
    clock.at(30)
    again = send(shipping, V1)
    clock.at(31)
    once_more = consignment.consign(again.id, ledger=ledger, warmth={V1: WARM}, by="anna")
    Accession(other).accept(sealed(once_more), site="south", act=EVA)
    clock.at(33)
    there.receive(again.id, {V1: slot(7, "ln2s")}, state="frozen", act=EVA)
    assert handed_over(other, "south") == [
        *CHAIN[:4],
        ("north", "arrive", "Kurier, DS-7", "ben"),
        ("north", "transfer", "ben", ""),
        *CHAIN[4:],
        *BACK,
        ("north", "arrive", "Bote, DS-8", "ben"),
        ("north", "place", "ben", "ln2a R1/B1/5"),
        ("south", "arrive", "Bote, DS-8", "anna"),
        ("south", "transfer", "anna", ""),
        ("north", "leave", "ln2a R1/B1/5", "anna"),
        ("north", "dispatch", "anna", "Kurier, DS-7 to south"),
        ("south", "arrive", "Kurier, DS-7", "eva"),
        ("south", "place", "eva", "ln2s R1/B1/7"),
    ]
    (carried,) = Bank(other).provenance(V1).carried
    assert (carried.shipment, carried.until) == (again.id, MONDAY + 30 * HOUR)
    assert verify_chain(other.url) is None
