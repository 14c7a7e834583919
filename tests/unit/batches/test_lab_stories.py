"""``tests/stories/lab``: what a patient's cells went through, on real journals and ledgers.

The records are held against values that were computed by hand in the story's file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import pytest

from alerts.reader import AlarmReader
from alerts.schema import open_store
from batches import consignment
from batches.accession import Accession
from batches.bank import Bank
from batches.batch import Signed
from batches.custody import Custody
from batches.export.folder import make_record
from batches.frozen import frozen_life
from batches.instruments import Instruments
from batches.intake import Checked, enter
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.policy import Allowed
from batches.protocol import ChannelLimit, Step
from batches.protocol import Protocol as Plan
from batches.record import Made
from batches.setting import Equipment, Setting
from batches.shipping import Shipping
from batches.survey import Channel
from batches.verify import verify
from batches.vial import Place
from culturewatch.make_record import Versions
from devices.duration import Duration
from devices.scan import Layout, Scan
from storage.archive.log import LogReader
from storage.archive.sealer import Heads, Sealer
from storage.intake import Origin
from tests.unit.storage.archive.week import store

pytestmark = pytest.mark.long

STORY = Path(__file__).parents[2] / "stories" / "lab" / "three-thaws.toml"
MONDAY = 1_767_596_400_000
MINUTE, HOUR = 60_000, 3_600_000
BATCH, THIRD = "B-2026-0001", "B-2026-0001-V003"
PERIODS = {"inc1": "temperature", "ln2a": "vapour", "ln2s": "vapour", "dry1": "vapour"}
ANNA, BEN, EVA = (Signed(by=name) for name in ("anna", "ben", "eva"))


class Readings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: str
    device: str
    hours: tuple[float, float]
    usual: float
    other: tuple[tuple[float, float, float], ...] = ()
    gone: tuple[tuple[float, float], ...] = ()


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    length_min: float
    unknown_min: float
    mean: float
    minimum: float
    maximum: float
    excursions_min: tuple[float, ...]
    allowed: tuple[bool, ...]
    verdict: str
    bench_min: float


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patient: str
    readings: tuple[Readings, ...]
    batch: dict[str, Wanted]
    vial: dict[str, float]


class Clock(Protocol):
    now: int

    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


def hour(hours: float) -> int:
    return MONDAY + round(hours * HOUR)


def scans(told: Readings) -> Iterator[Scan]:
    key = PERIODS[told.device]
    layout = Layout(told.device, (key,), ("temperature",))
    for at in range(hour(told.hours[0]), hour(told.hours[1]), MINUTE):
        if any(hour(start) <= at < hour(end) for start, end in told.gone):
            continue
        here = [v for start, end, v in told.other if hour(start) <= at < hour(end)]
        yield Scan(layout, at, at + 30, (here[0] if here else told.usual,), bytes(1))


class Lab(NamedTuple):
    """One of the sites: its folder of data, ledger, devices."""

    data: Path
    ledger: Ledger
    setting: Setting
    served: str

    @contextmanager
    def log(self) -> Iterator[LogReader]:
        with LogReader(self.data) as log:
            yield log

    def record(self, subject: str, out: Path, hours: float) -> dict[str, object]:
        """The record as of then, which verifies; what its JSON says."""
        versions = Versions(self.ledger, subject, "quality")
        with self.log() as readings, AlarmReader(self.data / "alarms.db") as alarms:
            make_record(
                subject,
                out,
                ledger=self.ledger,
                readings=readings,
                alarms=alarms,
                setting=self.setting,
                made=Made(by="quality", at=hour(hours)),
                former=versions.former,
                keeping=partial(versions.keeping, out),
            )
        assert verify(out).sound
        assert verify(out, data=self.data, ledger=self.served).sound
        found = msgspec.json.decode((out / "record.json").read_bytes())
        assert isinstance(found, dict)
        return found


@pytest.fixture
def served_too() -> Callable[[], str]:
    """The address of one more ledger, where ledgers are not in folders of data."""
    return lambda: ""


def laboratory(
    base: Path, devices: tuple[str, ...], clock: Clock, story: Story, served: str
) -> Lab:
    """A site with its readings on disk, those of the first day sealed."""
    data = base / "data"
    log = sorted(
        (scan for told in story.readings if told.site == base.name for scan in scans(told)),
        key=lambda scan: scan.received,
    )
    store(data, log)
    Sealer(data, heads=lambda: Heads(None, None), software="0").seal(hour(26))
    open_store(data / "alarms.db").close()
    equipment = tuple(
        Equipment(
            id=each,
            name="",
            model="m",
            maker="m",
            manual="m",
            profile="p",
            profile_sha256="ab" * 32,
            period=MINUTE,
            channels=(Channel(key=PERIODS[each], quantity="temperature", unit="degC"),),
        )
        for each in devices
    )
    setting = Setting(
        site=base.name,
        time_zone="Europe/Zurich",
        equipment=equipment,
        rules=(),
        software="0",
        configuration="c",
    )
    url, keys = served or f"sqlite:///{data}/ledger.db", data / "secrets" / "patients"
    return Lab(data, Ledger(url, now=clock, keys=keys), setting, served)


PLAN = Plan(
    name="fibroblast",
    version="1",
    step=(
        Step(
            id="culture",
            devices=("inc*",),
            limit=(
                ChannelLimit(
                    channel="temperature",
                    low=36.5,
                    high=37.5,
                    coverage=99.0,
                    allowed=Allowed(low=34.0, high=38.5, longest=Duration(15 * MINUTE)),
                ),
            ),
        ),
        Step(
            id="bank",
            devices=("ln2*",),
            limit=(ChannelLimit(channel="vapour", high=-150.0, coverage=90.0),),
        ),
    ),
)


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


def told(record: dict[str, object]) -> Wanted:
    """What a record says of the stay in inc1."""
    found = msgspec.convert(record, _Record)
    (stay,) = found.stays
    exposure = stay.channels[0].exposure
    assert exposure.mean is not None
    assert exposure.minimum is not None
    assert exposure.maximum is not None
    return Wanted(
        length_min=(stay.span["end"] - stay.span["start"]) / MINUTE,
        unknown_min=exposure.unknown_ms / MINUTE,
        mean=exposure.mean,
        minimum=exposure.minimum,
        maximum=exposure.maximum,
        excursions_min=tuple(
            (j.excursion.end - j.excursion.start) / MINUTE for j in exposure.judged
        ),
        allowed=tuple(each.standing == "allowed" for each in exposure.judged),
        verdict=str(exposure.verdict),
        bench_min=sum(each["end"] - each["start"] for each in found.bench) / MINUTE,
    )


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
    life = msgspec.convert(record, _Life)
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


class _Excursion(msgspec.Struct):
    start: int
    end: int


class _Judged(msgspec.Struct):
    excursion: _Excursion
    standing: str


class _Exposure(msgspec.Struct):
    start: int
    end: int
    unknown_ms: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    judged: tuple[_Judged, ...]
    verdict: str | None


class _Channel(msgspec.Struct):
    exposure: _Exposure


class _Stay(msgspec.Struct):
    span: dict[str, int]
    channels: tuple[_Channel, ...]


class _Record(msgspec.Struct):
    stays: tuple[_Stay, ...]
    bench: tuple[dict[str, int], ...]


class _Carried(msgspec.Struct):
    warmth: tuple[dict[str, float], ...]


class _Journey(msgspec.Struct):
    span: dict[str, int]
    exposures: tuple[_Exposure, ...]


class _Life(msgspec.Struct):
    warmth: tuple[dict[str, float], ...]
    carried: tuple[_Carried, ...]
    journeys: tuple[_Journey, ...]
