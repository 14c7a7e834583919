"""The frozen life of cells that were thawed, grown and frozen again, against hours by hand."""

from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from alerts.reader import AlarmReader
from batches.bank import Bank
from batches.batch import Signed
from batches.calibration import Book
from batches.cryo import Warmth
from batches.export.folder import make_record
from batches.frozen import frozen_life
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.policy import Verdict
from batches.protocol import ChannelLimit, Step
from batches.protocol import Protocol as Protocol_
from batches.record import Made, assemble
from batches.setting import Equipment, Setting
from batches.survey import Channel, Readings
from batches.verify import verify
from batches.vial import Place
from devices.quality import Quality
from devices.scan import Layout, Scan

MONDAY = 1_767_596_400_000
MINUTE, HOUR = 60_000, 3_600_000
ANNA = Signed(by="anna")
FIRST, SECOND = "B-2026-0001-V001", "B-2026-0002-V001"
PATIENT = "PT-7F3K9M2Q"
LAYOUT = Layout("ln2a", ("vapour", "lid"), ("temperature", "temperature"))


class Clock(Protocol):
    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


class Journal(Readings, Protocol):
    kept: dict[str, list[Scan]]

    def add(self, scan: Scan) -> None: ...


def reading(minute: int) -> Scan:
    """-190, but -140 in the third hour and -100 in the ninth; the lid's probe fails in hour 2."""
    at = MONDAY + minute * MINUTE
    vapour = {2: -140.0, 8: -100.0}.get(minute // 60, -190.0)
    if minute // 60 == 1:
        return Scan(LAYOUT, at, at, (vapour, None), bytes((Quality.GOOD, Quality.SENSOR_FAULT)))
    return Scan(LAYOUT, at, at, (vapour, -195.0), bytes(2))


@pytest.fixture
def freezer(setting: Setting) -> Setting:
    channels = tuple(Channel(key=key, quantity="temperature", unit="degC") for key in LAYOUT.keys)
    ln2a = Equipment(
        id="ln2a",
        name="",
        model="m",
        maker="m",
        manual="m",
        profile="p",
        profile_sha256="ab" * 32,
        period=MINUTE,
        channels=channels,
    )
    return Setting(
        site=setting.site,
        time_zone=setting.time_zone,
        equipment=(ln2a,),
        rules=(),
        software="0",
        configuration="c",
    )


@pytest.fixture
def twice(tmp_path: Path, ledger_url: str, clock: Clock, journal: Journal) -> Ledger:
    """Frozen from 0 to 4, grown in no freezer until 6, frozen again; out from 9 to 9:30."""
    journal.kept.clear()
    ledger = Ledger(ledger_url, now=clock, keys=tmp_path / "patients")
    lineage = Lineage(ledger)
    lineage.enrol(token=PATIENT, act=ANNA)
    lineage.take("BX-2026-0001", PATIENT, act=ANNA)
    lineage.start("B-2026-0001", "BX-2026-0001", product="x", act=ANNA)
    slot = Place(device="ln2a", rack="R", box="B", slot="1")
    lineage.freeze("B-2026-0001", [slot], act=ANNA)
    clock.at(4)
    lineage.thaw(FIRST, into="B-2026-0002", act=ANNA)
    clock.at(6)
    lineage.freeze("B-2026-0002", [slot], act=ANNA)
    clock.at(9)
    lineage.take_out(SECOND, act=ANNA)
    clock.at(9.5)
    lineage.store(SECOND, slot, act=ANNA)
    for minute in range(10 * 60):
        journal.add(reading(minute))
    return ledger


def test_time_above_the_limits_is_cumulated_over_two_freezings(
    twice: Ledger, journal: Journal, freezer: Setting
) -> None:
    found = frozen_life(
        SECOND,
        bank=Bank(twice),
        readings=journal,
        setting=freezer,
        book=Book(),
        now=MONDAY + 10 * HOUR,
    )
    # The first hour-long warming was of its parent; in the second it passed -135 as well.
    assert found.warmth == (
        Warmth(threshold=-150.0, above_ms=2 * HOUR, unknown_ms=HOUR // 2),
        Warmth(threshold=-135.0, above_ms=HOUR, unknown_ms=HOUR // 2),
    )
    assert [each.end - each.start for each in found.stays] == [3 * HOUR, HOUR // 2, 4 * HOUR]
    assert found.unwatched_ms == HOUR // 2


def test_the_record_of_a_vial_holds_what_its_cells_went_through(
    twice: Ledger,
    journal: Journal,
    freezer: Setting,
    alarms: AlarmReader,
    tmp_path: Path,
) -> None:
    folder = make_record(
        SECOND,
        tmp_path / "record",
        ledger=twice,
        readings=journal,
        alarms=alarms,
        setting=freezer,
        made=Made(by="quality", at=MONDAY + 10 * HOUR),
    )
    record = msgspec.json.decode((folder / "record.json").read_bytes())
    assert record["id"] == f"{SECOND}/{MONDAY + 10 * HOUR}"
    assert (record["vial"]["id"], record["batch"]["id"]) == (SECOND, "B-2026-0002")
    # Its own stays, and that of the vial it comes from until that was thawed.
    stays = [(s["placement"]["batch"], s["span"]) for s in record["stays"]]
    assert [(whose, (s["end"] - s["start"]) / HOUR) for whose, s in stays] == [
        (FIRST, 4),
        (SECOND, 3),
        (SECOND, 0.5),
    ]
    assert record["span"] == {"start": MONDAY, "end": MONDAY + 10 * HOUR}
    assert [(b["end"] - b["start"]) / HOUR for b in record["bench"]] == [2, 0.5]
    assert record["warmth"] == [
        {"threshold": -150.0, "above_ms": 2 * HOUR, "unknown_ms": HOUR // 2},
        {"threshold": -135.0, "above_ms": HOUR, "unknown_ms": HOUR // 2},
    ]
    assert [kin["parent"] for kin in record["parents"]] == [
        *("B-2026-0002", FIRST, "B-2026-0001", "BX-2026-0001", Bank(twice).handle(SECOND)),
    ]
    assert record["open_items"][0] == (
        "The vial is still kept; this record ends where it was made."
    )
    page = (folder / "record.html").read_text()
    assert f"<h1>{SECOND}</h1>" in page
    assert verify(folder).sound


def test_each_batch_a_vial_comes_from_is_judged_by_its_own_protocol(
    twice: Ledger, journal: Journal, freezer: Setting, alarms: AlarmReader
) -> None:
    step = Step(id="bank", devices=("ln2*",), limit=(ChannelLimit(channel="vapour", high=-120.0),))
    for version, batch in (("1", "B-2026-0001"), ("2", "B-2026-0002")):
        twice.keep(Protocol_(name="bank", version=version, step=(step,)), act=ANNA)
        named = Signed(by="anna", reason="was left out")
        twice.amend(batch, protocol=f"bank@{version}", act=named)
    record = assemble(
        SECOND,
        ledger=twice,
        readings=journal,
        alarms=alarms,
        setting=freezer,
        made=Made(by="quality", at=MONDAY + 10 * HOUR),
        visit=lambda *_: None,
    )
    assert [stay.protocol for stay in record.stays] == ["bank@1", "bank@2", "bank@2"]
    # -100 in the ninth hour, the third of the second vial.
    verdicts = [stay.channels[0].exposure.verdict for stay in record.stays]
    assert verdicts == [Verdict.IN, Verdict.OUT, Verdict.IN]
    assert not any("protocol was changed" in item for item in record.open_items)


def test_a_record_whose_stays_are_cut_says_the_same_of_the_whole_life(
    twice: Ledger, journal: Journal, freezer: Setting, alarms: AlarmReader, clock: Clock
) -> None:
    for version, hours in (("1", 6.5), ("2", 8.5)):
        clock.at(hours)
        limit = ChannelLimit(channel="vapour", high=-120.0)
        step = Step(id="bank", devices=("ln2*",), limit=(limit,))
        twice.keep(Protocol_(name="bank", version=version, step=(step,)), act=ANNA)
        named = Signed(by="anna", reason="was left out")
        twice.amend("B-2026-0002", protocol=f"bank@{version}", act=named)
    clock.at(10)
    made = Made(by="quality", at=MONDAY + 10 * HOUR)
    record = assemble(
        SECOND,
        ledger=twice,
        readings=journal,
        alarms=alarms,
        setting=freezer,
        made=made,
        visit=lambda *_: None,
    )
    life = frozen_life(
        SECOND, bank=Bank(twice), readings=journal, setting=freezer, book=Book(), now=made.at
    )
    assert len(record.stays) > len(life.stays)
    assert (record.warmth, record.journeys, record.carried) == (life.warmth, (), ())


def test_a_freezer_that_the_site_does_not_know_is_refused(
    tmp_path: Path, ledger_url: str, clock: Clock, journal: Journal, setting: Setting
) -> None:
    ledger = Ledger(ledger_url, now=clock, keys=tmp_path / "patients")
    lineage = Lineage(ledger)
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    lineage.passage("B-2026-0001", act=ANNA)
    lineage.freeze("B-2026-0001", [Place(device="ln2z", rack="R", box="B", slot="1")], act=ANNA)
    with pytest.raises(Refused, match="stood in ln2z, which this site does not know"):
        frozen_life(
            FIRST,
            bank=Bank(ledger),
            readings=journal,
            setting=setting,
            book=Book(),
            now=MONDAY + HOUR,
        )
