"""The frozen life of cells that were thawed, grown and frozen again, against hours by hand."""

from typing import Protocol

import pytest

from batches.bank import Bank
from batches.batch import Signed
from batches.cryo import Warmth
from batches.frozen import frozen_life
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.setting import Equipment, Setting
from batches.survey import Channel, Readings
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


def test_time_above_the_limits_is_cumulated_over_two_freezings(
    ledger_url: str,
    clock: Clock,
    journal: Journal,
    freezer: Setting,
) -> None:
    ledger = Ledger(ledger_url, now=clock)
    lineage = Lineage(ledger)
    lineage.enrol(token=PATIENT, act=ANNA)
    lineage.take("BX-2026-0001", PATIENT, act=ANNA)
    lineage.start("B-2026-0001", "BX-2026-0001", product="x", act=ANNA)
    slot = Place(device="ln2a", rack="R", box="B", slot="1")
    # Frozen from 0 to 4, grown in no freezer until 6, frozen again; out of it from 9 to 9:30.
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
    found = frozen_life(
        SECOND, bank=Bank(ledger), readings=journal, setting=freezer, now=MONDAY + 10 * HOUR
    )
    # The first hour-long warming was of its parent; in the second it passed -135 as well.
    assert found.warmth == (
        Warmth(threshold=-150.0, above_ms=2 * HOUR, unknown_ms=HOUR // 2),
        Warmth(threshold=-135.0, above_ms=HOUR, unknown_ms=HOUR // 2),
    )
    assert [each.end - each.start for each in found.stays] == [3 * HOUR, HOUR // 2, 4 * HOUR]
    assert found.unwatched_ms == HOUR // 2


def test_a_freezer_that_the_site_does_not_know_is_refused(
    ledger_url: str, clock: Clock, journal: Journal, setting: Setting
) -> None:
    ledger = Ledger(ledger_url, now=clock)
    lineage = Lineage(ledger)
    ledger.open_batch("B-2026-0001", product="x", act=ANNA)
    lineage.passage("B-2026-0001", act=ANNA)
    lineage.freeze("B-2026-0001", [Place(device="ln2z", rack="R", box="B", slot="1")], act=ANNA)
    with pytest.raises(Refused, match="stood in ln2z, which this site does not know"):
        frozen_life(FIRST, bank=Bank(ledger), readings=journal, setting=setting, now=MONDAY + HOUR)
