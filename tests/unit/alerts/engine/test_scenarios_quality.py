"""Hard scenarios 45 to 52: causes and consequences, silence, faults and suspect values."""

import pytest

from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from devices.quality import Quality
from devices.scan import Source
from tests.unit.alerts.engine.lab import (  # a test's own
    BROKEN,
    HOT,
    SILENT,
    ms,
)
from tests.unit.alerts.engine.scenario import BRIEF, PAGES, lab

POWER = Rule(id="power", channel="room.power", kind="discrete", limit=1.0, policy="chain")
COLD = Rule(
    id="cold",
    channel="inc1.temperature",
    kind="low",
    limit=36.0,
    on_delay=parse("1m"),
    policy="chain",
    inhibited_by="power",
)


def test_45_a_consequence_pages_when_its_cause_is_over_and_it_is_not() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.sample("0:00", 1.0, of="room.power")
    room.order("0:05", "ack", target="power")
    room.hold("0:10", "2:00", 35.0)
    assert room.said(What.QUEUED, What.INHIBITED, rule="cold") == ["0:01:10 inhibited cold"]
    room.sample("2:05", 0.0, of="room.power")
    room.hold("2:10", "3:10", 35.0)
    assert room.said(What.QUEUED, rule="cold") == ["0:03:05 queued cold A"]
    assert room.engine.view("cold").under == ""


def test_45_a_consequence_that_is_over_in_time_never_pages() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.sample("0:00", 1.0, of="room.power")
    room.hold("0:10", "2:00", 35.0)
    room.sample("2:05", 0.0, of="room.power")
    room.hold("2:10", "5:10", 37.0)
    assert not room.said(What.QUEUED, rule="cold")
    assert room.engine.view("cold").state == "R"


def test_45_a_cause_that_comes_later_takes_over_the_paging() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.hold("0:00", "1:00", 35.0)
    assert room.said(What.QUEUED) == ["0:01:00 queued cold A"]
    room.sample("1:05", 1.0, of="room.power")
    assert room.said(What.INHIBITED) == ["0:01:05 inhibited cold"]
    room.hold("1:10", "8:00", 35.0)
    assert room.said(What.QUEUED)[1:] == ["0:01:05 queued power A", "0:06:05 queued power B"]


def test_45_a_consequence_that_somebody_has_stays_theirs() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.hold("0:00", "1:00", 35.0)
    room.order("1:01", "ack", target="cold")
    room.sample("1:05", 1.0, of="room.power")
    assert room.engine.view("cold").state == "A"
    assert room.engine.view("cold").under == ""


def test_47_silence_leaves_the_alarm_active_and_only_a_live_sample_ends_it() -> None:
    room = lab(HOT, SILENT)
    room.hold("0:00", "5:00", 38.1)
    room.ticks("5:30")
    assert room.engine.view("hot").state == "U"
    assert room.engine.view("hot").quality == "STALE"
    assert room.engine.view("silent").state == "U"
    room.sample("6:00", 37.0, taken="5:25", source=Source.BACKFILL)
    assert room.engine.view("hot").quality == "STALE"
    room.sample("6:10", 37.0)
    assert room.engine.view("silent").state == "R"
    room.hold("6:20", "8:10", 37.0)
    assert room.engine.view("hot").state == "R"


@pytest.mark.parametrize("quality", [Quality.SENSOR_FAULT, Quality.OUT_OF_RANGE])
def test_48_a_fault_code_neither_sets_nor_clears_and_has_its_own_alarm(quality: Quality) -> None:
    room = lab(HOT, BROKEN)
    room.hold("0:00", "5:00", 38.1)
    room.sample("5:10", None, quality=quality)
    assert room.engine.view("hot").state == "U"
    assert room.engine.view("hot").quality == "BAD"
    assert room.said(*PAGES, rule="broken") == ["0:05:10 set broken", "0:05:10 queued broken A"]
    assert room.last(What.QUALITY).why == f"bad: {quality.word}"
    room.sample("5:20", 38.1)
    assert room.engine.view("broken").state == "R"


def test_48_on_the_way_to_an_alarm_a_fault_cancels_nothing() -> None:
    room = lab(HOT)
    room.hold("0:00", "2:00", 38.1)
    for at in range(ms("2:10"), ms("5:01"), 10_000):
        room.sample(at, None, quality=Quality.SENSOR_FAULT)
    room.ticks("5:01")
    assert room.said(What.SET) == ["0:05:00 set hot"]


@pytest.mark.parametrize("quality", [Quality.SUSPECT, Quality.TEST, Quality.IN_CALIBRATION])
def test_50_a_suspect_value_does_not_page(quality: Quality) -> None:
    room = lab(BRIEF)
    room.sample("0:00", 37.0)
    room.sample("0:10", 120.0, quality=quality)
    room.sample("0:20", 37.0)
    assert not room.said(*PAGES)
    assert [one.detail["quality"] for one in room.told if one.what is What.QUALITY] == [
        "GOOD",
        "SUSPECT",
        "GOOD",
    ]


def test_52_a_channel_that_never_reports_alarms_after_its_grace_over_a_restart() -> None:
    room = lab(SILENT)
    room.reload()
    room.started("0:20")
    room.ticks("1:00")
    assert room.said(*PAGES) == ["0:00:30 set silent", "0:00:30 queued silent A"]
    assert room.last(What.QUALITY).why == "never reported"
