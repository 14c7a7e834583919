"""A laboratory of two incubators, its ledger in a real file, and one day of readings."""

import shutil
from collections.abc import Iterator, Mapping
from itertools import groupby, starmap
from pathlib import Path

import pytest

from alerts import history
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.schema import open_store
from alerts.transition import Transition, What
from batches.bank import Bank
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.record import Made
from batches.setting import Equipment, Setting
from batches.survey import Channel
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.archive.columns import of_scans
from storage.archive.pieces import Piece

MONDAY = 1_767_596_400_000
"""2026-01-05 07:00:00 UTC, 08:00 in Zurich."""
MINUTE = 60_000
HOUR = 60 * MINUTE
B = "B-2026-0001"
ANNA = Signed(by="anna")


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> int:
        return self.now

    def at(self, hours: float) -> None:
        self.now = MONDAY + round(hours * HOUR)


class Journal:
    """Scans in memory, asked for like the journal's."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Scan]] = {}
        self.damaged: Mapping[int, str] = {}

    @property
    def last(self) -> int:
        return sum(map(len, self.kept.values()))

    def add(self, scan: Scan) -> None:
        self.kept.setdefault(scan.device, []).append(scan)

    def pieces(self, device: str, start: int, end: int) -> Iterator[Piece]:
        kept = enumerate(self.kept.get(device, []), 1)
        found = [(scan.at, n, scan) for n, scan in kept if start <= scan.at < end]
        for _, same in groupby(found, key=lambda each: each[2].layout):
            yield from starmap(Piece, of_scans(list(same)))


def layout(device: str) -> Layout:
    return Layout(
        device,
        ("temperature", "carbon_dioxide", "door"),
        ("temperature", "carbon_dioxide", "state"),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Ledger:
    return Ledger(ledger_url, devices=["inc1", "inc2"], now=clock)


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.open_batch(B, product="fibroblasts", act=ANNA)
    return ledger


@pytest.fixture
def lineage(ledger: Ledger) -> Lineage:
    return Lineage(ledger)


@pytest.fixture
def bank(ledger: Ledger) -> Bank:
    return Bank(ledger)


@pytest.fixture
def lived(ledger: Ledger, clock: Clock) -> Ledger:
    """B-2026-0001: inc1 from 8 to 12, on the bench for 10 minutes, inc2 until 16, closed."""
    return live(ledger, clock)


def live(ledger: Ledger, clock: Clock) -> Ledger:
    anna = Signed(by="anna")
    ledger.open_batch("B-2026-0001", product="fibroblasts <P2>", act=anna)
    ledger.place("B-2026-0001", "inc1", position="shelf 2", act=anna)
    clock.at(4)
    ledger.remove("B-2026-0001", act=anna)
    clock.at(4 + 1 / 6)
    ledger.place("B-2026-0001", "inc2", position="shelf 1", act=Signed(by="ben"))
    clock.at(8)
    ledger.close("B-2026-0001", act=Signed(by="ben", reason="harvested"))
    clock.at(9)
    return ledger


@pytest.fixture
def journal() -> Journal:
    """A reading a minute; inc1 is at 38.5 °C from 9:00 to 9:05, inc2 silent from 13:00 to 13:10."""
    return day()


def day() -> Journal:
    kept = Journal()
    for device in ("inc1", "inc2"):
        kept.kept[device] = [_scan(device, minute) for minute in range(-5, 9 * 60)]
    return kept


def _scan(device: str, minute: int) -> Scan:
    at = MONDAY + minute * MINUTE
    if device == "inc2" and 300 <= minute < 310:
        silent = bytes((Quality.NO_ANSWER,)) * 3
        return Scan(layout(device), at, at, (None, None, None), silent)
    warm = 38.5 if device == "inc1" and 60 <= minute < 65 else 37.0
    return Scan(layout(device), at, at + 40, (warm, 5.0, 0.0), bytes(3))


@pytest.fixture
def setting() -> Setting:
    return site()


def site() -> Setting:
    channels = (
        Channel(key="temperature", quantity="temperature", unit="degC"),
        Channel(key="carbon_dioxide", quantity="carbon_dioxide", unit="%", name="CO2"),
        Channel(key="door", quantity="state", unit="1"),
    )
    equipment = tuple(
        Equipment(
            id=device,
            name="Room 4",
            model="Simulated CO2 incubator",
            maker="culturewatch",
            manual="none",
            profile="sim-incubator",
            profile_sha256="ab" * 32,
            period=MINUTE,
            channels=channels,
        )
        for device in ("inc1", "inc2")
    )
    rules = tuple(
        rule
        for device in ("inc1", "inc2")
        for rule in (
            Rule(
                id=f"{device}-hot",
                channel=f"{device}.temperature",
                kind="high",
                limit=38.0,
                action="Open the door of the spare incubator and move the flasks.",
            ),
            Rule(id=f"{device}-cold", channel=f"{device}.temperature", kind="low", limit=36.0),
        )
    )
    return Setting(
        site="Cell laboratory",
        time_zone="Europe/Zurich",
        equipment=equipment,
        rules=rules,
        software="0.1.0",
        configuration="cd" * 32,
    )


@pytest.fixture
def alarms(tmp_path: Path) -> Iterator[AlarmReader]:
    """inc1-hot was set at 9:02, acknowledged at 9:04 by anna, cleared at 9:06."""
    with alarmed(tmp_path / "data" / "alarms.db") as reader:
        yield reader


def alarmed(path: Path) -> AlarmReader:
    store = open_store(path)
    nine = MONDAY + HOUR
    facts = {
        "rule": "inc1-hot",
        "channel": "inc1.temperature",
        "occurrence": 1,
        "severity": "high",
    }
    for seq, (what, minute, by) in enumerate(
        [(What.SET, 2, ""), (What.ACK, 4, "anna"), (What.CLEAR, 6, "")], start=1
    ):
        entry = Transition(at=nine + minute * MINUTE, what=what, by=by, **facts)  # type: ignore[arg-type] # facts of mixed types
        history.append(store, seq, entry)
    store.close()
    return AlarmReader(path)


@pytest.fixture
def made() -> Made:
    return Made(by="quality", at=MONDAY + 9 * HOUR)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of all that, made once; who changes it takes a copy."""
    return write(tmp_path_factory.mktemp("written"))


def write(base: Path) -> Path:
    clock = Clock()
    with alarmed(base / "data" / "alarms.db") as alarms:
        return make_record(
            "B-2026-0001",
            base / "record",
            ledger=live(Ledger(f"sqlite:///{base}/data/ledger.db", now=clock), clock),
            readings=day(),
            alarms=alarms,
            setting=site(),
            made=Made(by="quality", at=MONDAY + 9 * HOUR),
        )


@pytest.fixture
def record(written: Path, tmp_path: Path) -> Path:
    """A copy of the record, to be changed."""
    return Path(shutil.copytree(written, tmp_path / "record"))
