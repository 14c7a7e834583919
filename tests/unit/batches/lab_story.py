"""A story of ``tests/stories/lab``, and the sites that it is told on."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from alerts.reader import AlarmReader
from alerts.schema import open_store
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.policy import Allowed
from batches.protocol import ChannelLimit, Step
from batches.protocol import Protocol as Plan
from batches.record import Made
from batches.setting import Equipment, Setting
from batches.survey import Channel
from batches.verify import verify
from culturewatch.make_record import Versions
from devices.duration import Duration
from devices.scan import Layout, Scan
from storage.archive.log import LogReader
from storage.archive.sealer import Heads, Sealer
from tests.unit.batches.conftest import HOUR, MINUTE, MONDAY, Clock
from tests.unit.storage.archive.week import store

PERIODS = {"inc1": "temperature", "ln2a": "vapour", "ln2s": "vapour", "dry1": "vapour"}


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


def told(record: dict[str, object]) -> Wanted:
    """What a record says of the stay in inc1."""
    found = msgspec.convert(record, Recorded)
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


class Recorded(msgspec.Struct):
    stays: tuple[_Stay, ...]
    bench: tuple[dict[str, int], ...]


class _Carried(msgspec.Struct):
    warmth: tuple[dict[str, float], ...]


class _Journey(msgspec.Struct):
    span: dict[str, int]
    exposures: tuple[_Exposure, ...]


class Life(msgspec.Struct):
    warmth: tuple[dict[str, float], ...]
    carried: tuple[_Carried, ...]
    journeys: tuple[_Journey, ...]
