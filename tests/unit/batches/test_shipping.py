"""Vials on the way: who gave and took, what is refused, and a life that goes on elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from alerts.reader import AlarmReader
from batches import consignment, standing
from batches.accession import Accession
from batches.bank import Bank
from batches.batch import Signed
from batches.calibration import Book
from batches.consignment import ConsignmentError
from batches.cryo import Warmth
from batches.custody import Custody
from batches.frozen import frozen_life
from batches.intake import Checked, enter
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.provenance import Status
from batches.record import Made, assemble
from batches.setting import Equipment, Setting
from batches.shipping import Shipping
from batches.survey import Channel, Readings
from batches.transit import Shipment
from batches.vial import Place
from devices.scan import Layout, Scan
from storage.acts import verify_chain
from storage.intake import Origin
from tests.intruder import everything, intruder_of

pytestmark = pytest.mark.long

PATIENT = "PT-7F3K9M2Q"
B, AGAIN, ANEW = "B-2026-0001", "B-2026-0002", "C-2026-0001"
V1, V2, V3 = (f"{B}-V00{n}" for n in (1, 2, 3))
ANNA, BEN, EVA = (Signed(by=name) for name in ("anna", "ben", "eva"))
MONDAY = 1_767_596_400_000
MINUTE, HOUR = 60_000, 3_600_000
SH = "SH-north-0001"


class Clock(Protocol):
    now: int

    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


class Journal(Readings, Protocol):
    def add(self, scan: Scan) -> None: ...


def slot(number: int, device: str = "ln2a") -> Place:
    return Place(device=device, rack="R1", box="B1", slot=str(number))


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
def bank(ledger: Ledger) -> Bank:
    return Bank(ledger)


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


def send(shipping: Shipping, *vials: str, logger: str = "") -> Shipment:
    return shipping.ship(
        vials, origin="north", to="south", carrier="Kurier", shipper="DS-7", act=ANNA, logger=logger
    )


@pytest.fixture
def sent(frozen: Lineage, shipping: Shipping, clock: Clock) -> Lineage:
    """The first two of them were sent in hour 10; hour 12 now."""
    send(shipping, V1, V2)
    clock.at(12)
    return frozen


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
WHY = Signed(by="ben", reason="why")


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
            lambda _, __, g: g.withdraw(_row(g, V1, "leave"), act=WHY),
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


def _row(ledger: Ledger, vial: str, kind: str) -> int:
    return next(e.row for e in Custody(ledger).of(vial) if e.what == kind and not e.void)


@pytest.mark.usefixtures("sent")
def test_what_is_lost_has_ended_until_it_is_found(
    ledger: Ledger, shipping: Shipping, bank: Bank, clock: Clock
) -> None:
    shipping.lose(SH, [V1], act=Signed(by="anna", reason="the courier says so"))
    assert (bank.vial(V1).ended_how, bank.vial(V2).ended_how) == ("lose", None)
    with pytest.raises(Refused, match="was lost already"):
        shipping.receive(SH, {V1: slot(8)}, state="x", act=BEN)
    found = Signed(by="ben", reason="found in a corner")
    arrival = _row(ledger, V1, "arrive")
    with pytest.raises(Refused, match="has ended; take that back first"):
        ledger.withdraw(arrival, act=found)
    ledger.withdraw(_row(ledger, V1, "lose"), act=found)
    ledger.withdraw(arrival, act=found)
    clock.at(13)
    shipping.receive(SH, {V1: slot(8)}, state="warm", act=BEN)
    assert bank.vial(V1).ended_at is None
    assert [each.void for each in Custody(ledger).of(V1) if each.what == "arrive"] == [True, False]
    with pytest.raises(Refused, match="is in ln2a since"):
        ledger.withdraw(_row(ledger, V1, "arrive"), act=found)


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


@pytest.fixture
def north(setting: Setting) -> Setting:
    return _site(setting, "ln2a")


@pytest.fixture
def south(setting: Setting) -> Setting:
    return _site(setting, "ln2s")


def _site(setting: Setting, *devices: str) -> Setting:
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


@pytest.fixture
def made(sent: Lineage, ledger: Ledger) -> consignment.Consignment:  # noqa: ARG001 # it was sent
    nothing = tuple(Warmth(threshold=t, above_ms=0, unknown_ms=0) for t in (-150.0, -135.0))
    return consignment.consign(SH, ledger=ledger, warmth={V1: nothing, V2: nothing}, by="anna")


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


Change = Callable[[consignment.Consignment], consignment.Consignment]
replace = msgspec.structs.replace


def _vial(made: consignment.Consignment, **changes: object) -> consignment.Consignment:
    return replace(made, vials=(replace(made.vials[0], **changes), *made.vials[1:]))


CHANGES: list[tuple[Change, str]] = [
    (lambda m: replace(m, vials=()), "holds no vial"),
    (lambda m: replace(m, vials=m.vials * 2), "names a vial twice"),
    (lambda m: replace(m, carrier="a\x1b[2Jb"), "characters that cannot be shown"),
    (lambda m: replace(m, carrier=f"for {PATIENT}"), "token where none belongs"),
    (lambda m: _vial(m, patient="Anna Maier"), "never a name"),
    (lambda m: _vial(m, patient="PT-0A1B2C3D"), "the consignment says that it is of PH-"),
    (lambda m: _vial(m, warmth=()), "is not told"),
    (lambda m: _vial(m, frozen_at=MONDAY + 11 * HOUR), "was frozen before its batch"),
    (lambda m: replace(m, ancestors=()), "is no vial of a batch"),
    (
        lambda m: replace(m, ancestors=tuple(replace(a, ended_at=1) for a in m.ancestors)),
        "ended before it began",
    ),
    (lambda m: _vial(m, dispatched_at=MONDAY + 99 * HOUR), "in the future"),
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


def sealed(made: consignment.Consignment) -> consignment.Sealed:
    return consignment.Sealed(consignment=made, sha256=consignment.digest(made))


def handed_over(ledger: Ledger, site: str, vial: str = V1) -> list[tuple[str, str, str, str]]:
    return [(h.site or site, h.what, h.gave, h.took) for h in Custody(ledger).of(vial)]


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


WARM = (
    Warmth(threshold=-150.0, above_ms=2 * HOUR, unknown_ms=HOUR),
    Warmth(threshold=-135.0, above_ms=HOUR, unknown_ms=HOUR),
)


@pytest.fixture
def returned(there: Shipping, other: Ledger, clock: Clock) -> consignment.Consignment:
    """The south sends V1 back in hour 20; hour 21 now."""
    back = there.ship(
        [V1], origin="south", to="north", carrier="Bote", shipper="DS-8", act=Signed(by="eva")
    )
    assert back.id == "SH-south-0001"
    clock.at(21)
    return consignment.consign(back.id, ledger=other, warmth={V1: WARM}, by="eva")


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


@pytest.mark.parametrize("arrived", [False, True])
def test_that_it_was_there_cannot_be_taken_back_once_it_came_back(
    returned: consignment.Consignment,
    ledger: Ledger,
    shipping: Shipping,
    clock: Clock,
    arrived: bool,  # noqa: FBT001 # a case
) -> None:
    left, arrival = _row(ledger, V1, "transfer"), _row(ledger, V1, "arrive")
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
    ledger.withdraw(_row(ledger, V2, "transfer"), act=WHY)
    assert Bank(ledger).vial(V2).ended_at is None


def _kind(ledger: Ledger, row: int) -> str:
    with ledger.database.reading() as connection:
        return standing.act(connection, row).kind


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


RETURNS: list[tuple[Change, str]] = [
    (lambda m: _vial(m, passage=7), "is something else in this ledger"),
    (lambda m: _vial(m, custody=()), "does not tell how it left here"),
    (
        lambda m: _vial(m, custody=tuple(replace(h, row=h.row + 1) for h in m.vials[0].custody)),
        "does not tell how it left here",
    ),
    (lambda m: _vial(m, dispatched_at=MONDAY + 13 * HOUR), "sent back before it was delivered"),
    (lambda m: _vial(m, patient="PT-0A1B2C3D"), "said to be of another patient"),
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
