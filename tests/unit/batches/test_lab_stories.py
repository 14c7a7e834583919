"""``tests/stories/lab``: what a patient's cells went through, on real journals and ledgers.

The records are held against values that were computed by hand in the story's file.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from batches import consignment
from batches.accession import Accession
from batches.bank import Bank
from batches.batch import Signed
from batches.custody import Custody
from batches.frozen import frozen_life
from batches.instruments import Instruments
from batches.intake import Checked, enter
from batches.lineage import Lineage
from batches.shipping import Shipping
from batches.verify import verify
from batches.vial import Place
from storage.intake import Origin
from tests.unit.batches.conftest import ANNA, MINUTE, Clock
from tests.unit.batches.conftest import B as BATCH
from tests.unit.batches.lab_story import PLAN, Lab, Life, Story, hour, laboratory, told

pytestmark = pytest.mark.long


STORY = Path(__file__).parents[2] / "stories" / "lab" / "three-thaws.toml"
THIRD = "B-2026-0001-V003"
BEN, EVA = (Signed(by=name) for name in ("ben", "eva"))


@pytest.fixture
def served_too() -> Callable[[], str]:
    """The address of one more ledger, where ledgers are not in folders of data."""
    return lambda: ""


def grow(north: Lab, clock: Clock, patient: str) -> None:
    """From the biopsy to three vials in the bank, with another probe on the way."""
    ledger, lineage, probes = north.ledger, Lineage(north.ledger), Instruments(north.ledger)
    for serial in ("T-1", "T-2"):
        probes.register(serial, model="Pt100", act=ANNA)
    probes.install("T-1", "inc1.temperature", quantity="temperature", act=ANNA)
    ledger.keep(PLAN, act=ANNA)
    lineage.enrol(token=patient, act=ANNA)
    lineage.take("BX-2026-0001", patient, act=ANNA)
    lineage.start(BATCH, "BX-2026-0001", product="fibroblasts", act=ANNA, protocol="fibroblast@1")
    lineage.passage(BATCH, act=ANNA)
    ledger.place(BATCH, "inc1", act=ANNA)
    clock.at(8)
    probes.swap("inc1.temperature", "T-2", act=BEN)
    clock.at(10)
    ledger.remove(BATCH, act=ANNA)
    clock.at(11)
    slots = [Place(device="ln2a", rack="R1", box="B1", slot=str(n)) for n in (1, 2, 3)]
    lineage.freeze(BATCH, slots, act=ANNA)
    ledger.close(BATCH, act=ANNA)


def thaw_two(north: Lab, clock: Clock) -> None:
    """The first two treatments."""
    for n in (1, 2):
        clock.at(14 + n)
        Lineage(north.ledger).thaw(f"{BATCH}-V00{n}", into=f"B-2026-000{n + 1}", act=ANNA)


def send(north: Lab, south: Lab, clock: Clock, folder: Path) -> None:
    """The third vial goes south, with all that the north knows of it, and a logger."""
    clock.at(22)
    shipped = Shipping(north.ledger).ship(
        [THIRD],
        origin="north",
        to="south",
        carrier="courier",
        shipper="DS-7",
        act=ANNA,
        logger="dry1",
    )
    with north.log() as readings:
        life = frozen_life(
            THIRD,
            bank=Bank(north.ledger),
            readings=readings,
            setting=north.setting,
            book=Instruments(north.ledger).book(),
            now=hour(22),
        )
    made = consignment.consign(
        shipped.id, ledger=north.ledger, warmth={THIRD: life.warmth}, by="anna"
    )
    consignment.write(made, folder / "sent.json")
    clock.at(23)
    Accession(south.ledger).accept(consignment.read(folder / "sent.json"), site="south", act=EVA)
    clock.at(26)
    place = Place(device="ln2s", rack="R1", box="B1", slot="1")
    Shipping(south.ledger).receive(shipped.id, {THIRD: place}, state="frozen", act=EVA)
    Shipping(north.ledger).deliver(shipped.id, state="frozen", act=BEN)
    origin = Origin(
        id="ab" * 32,
        device="dry1",
        channel="vapour",
        quantity="temperature",
        file="dry1.csv",
        by="eva",
        readings=180,
        start=hour(23),
        end=hour(26) - MINUTE,
    )
    enter(south.ledger, Checked(origin=origin, period=MINUTE, gaps=(), empty=0), act=EVA)


@pytest.mark.long
def test_a_patient_from_the_biopsy_to_the_third_thaw_at_a_second_site(
    tmp_path: Path, clock: Clock, served_too: Callable[[], str]
) -> None:
    story = msgspec.toml.decode(STORY.read_bytes(), type=Story)
    north = laboratory(tmp_path / "north", ("inc1", "ln2a"), clock, story, served_too())
    south = laboratory(tmp_path / "south", ("ln2s",), clock, story, served_too())
    grow(north, clock, story.patient)
    clock.at(12)
    before = north.record(BATCH, tmp_path / "r1", 12)
    thaw_two(north, clock)
    clock.at(20)
    (stay,) = north.ledger.stays(BATCH)
    late = Signed(by="ben", reason="left at 9:30, entered late")
    north.ledger.correct(stay.row, end=hour(9.5), act=late)
    clock.at(21)
    after = north.record(BATCH, tmp_path / "r2", 21)
    for record, wanted in ((before, story.batch["before"]), (after, story.batch["after"])):
        found = told(record)
        assert found.mean == pytest.approx(wanted.mean, abs=1e-9)
        assert msgspec.structs.replace(found, mean=wanted.mean) == wanted
    assert "left at 9:30, entered late" in (tmp_path / "r2" / "record.json").read_text()
    # Both probes stand in the record, each for its time.
    for serial in ("T-1", "T-2"):
        assert serial in (tmp_path / "r1" / "record.json").read_text()

    send(north, south, clock, tmp_path)
    clock.at(30)
    Lineage(south.ledger).thaw(THIRD, into="C-2026-0001", act=EVA)
    clock.at(31)
    record = south.record(THIRD, tmp_path / "r3", 31)
    life = msgspec.convert(record, Life)
    vial = story.vial
    assert [
        (w["threshold"], w["above_ms"] / MINUTE, w["unknown_ms"] / MINUTE) for w in life.warmth
    ] == [
        (-150.0, vial["above_150_min"], vial["unknown_min"]),
        (-135.0, vial["above_135_min"], vial["unknown_min"]),
    ]
    (carried,) = life.carried
    assert [w["above_ms"] / MINUTE for w in carried.warmth] == [
        vial["carried_150_min"],
        vial["carried_135_min"],
    ]
    (way,) = life.journeys
    known = [each for each in way.exposures if each.maximum is not None]
    assert max(each.maximum or 0.0 for each in known) == vial["way_warmest"]
    length = way.span["end"] - way.span["start"]
    heard = sum(each.end - each.start - each.unknown_ms for each in way.exposures)
    assert (length / MINUTE, (length - heard) / MINUTE) == (
        vial["way_min"],
        vial["way_unknown_min"],
    )
    bank = Bank(south.ledger)
    assert bank.patient(THIRD) == story.patient
    assert "C-2026-0001" in {kin.child for kin in bank.descendants(story.patient)}
    whats = [each.what for each in Custody(south.ledger).of(THIRD)]
    assert (whats[0], whats[-1]) == ("freeze", "thaw")
    # What is kept for good names nobody.
    for path in (tmp_path / "r3").iterdir():
        assert story.patient.encode() not in path.read_bytes(), path.name
    assert all(verify(lab.data).sound for lab in (north, south))
