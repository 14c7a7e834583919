"""The record of a batch that lived in two incubators, against values counted by hand."""

from pathlib import Path

import msgspec
import pandas as pd
import pytest

from batches.batch import Signed
from batches.ledger import Ledger
from batches.placement import Interval
from batches.policy import Verdict
from batches.record import BatchRecord, Made
from batches.setting import Setting
from devices import duration
from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Scan, Source
from tests.unit.batches.conftest import HOUR, MINUTE, MONDAY, B
from tests.unit.batches.record.conftest import Journal, Make

pytestmark = pytest.mark.long


def read(folder: Path) -> BatchRecord:
    def from_text(kind: type, value: object) -> object:
        assert kind is Duration
        return duration.parse(str(value))

    return msgspec.json.decode(
        (folder / "record.json").read_bytes(), type=BatchRecord, dec_hook=from_text
    )


def test_the_record_says_what_the_batch_went_through(written: Path) -> None:
    record = read(written)
    first, second = record.stays
    assert [(s.placement.device, s.span.length) for s in record.stays] == [
        ("inc1", 4 * HOUR),
        ("inc2", 4 * HOUR - 10 * MINUTE),
    ]
    heat = first.channels[0].exposure
    # 240 minutes, of which 5 at 38.5 °C and the rest at 37.0 °C.
    assert (heat.expected, heat.received, heat.good, heat.unknown_ms) == (240, 240, 240, 0)
    assert heat.mean == pytest.approx((235 * 37.0 + 5 * 38.5) / 240, abs=1e-12)
    assert (heat.minimum, heat.maximum) == (37.0, 38.5)
    assert (heat.limits.low, heat.limits.high) == (36.0, 38.0)
    (excursion,) = heat.excursions
    assert (excursion.start, excursion.end) == (MONDAY + HOUR, MONDAY + HOUR + 5 * MINUTE)
    assert heat.verdict is Verdict.OUT
    silent = second.channels[0].exposure
    # From 12:10 to 16:00 230 polls, of which those from 13:00 to 13:10 got no answer.
    assert (silent.received, silent.good, silent.rejected) == (230, 220, 10)
    assert silent.gaps == (Interval(MONDAY + 300 * MINUTE, MONDAY + 310 * MINUTE),)
    assert silent.verdict is Verdict.UNKNOWN
    assert silent.kinetic == pytest.approx(37.0, abs=1e-9)
    assert record.bench == (Interval(MONDAY + 4 * HOUR, MONDAY + 250 * MINUTE),)
    assert (record.complete, record.verdict) == (False, Verdict.OUT)


def test_the_record_tells_of_alarms_rules_devices_and_everything_entered(written: Path) -> None:
    record = read(written)
    (alarm,) = record.alarms
    assert (alarm.rule, alarm.occurrence, alarm.acknowledged_by) == ("inc1-hot", 1, "anna")
    assert (alarm.cleared_at or 0) - alarm.set_at == 4 * MINUTE
    assert [rule.id for rule in record.setting.rules][:2] == ["inc1-hot", "inc1-cold"]
    assert [e.id for e in record.setting.equipment] == ["inc1", "inc2"]
    assert [act.kind for act in record.acts] == [
        "open",
        "place",
        "leave",
        "place",
        "leave",
        "close",
    ]
    assert record.ledger_head.sequence == 6
    assert record.alarm_head.sequence == 3


def test_what_is_open_is_said_in_sentences(written: Path) -> None:
    assert read(written).open_items == (
        "In no device for 10m; its environment there is not measured.",
        "Stay 1 in inc1, temperature: 1 excursion, 5m out of limits.",
        "Stay 2 in inc2, temperature: 1 gap, 10m unknown.",
        "Stay 2 in inc2, CO2: 1 gap, 10m unknown.",
        "Stay 2 in inc2, door: 1 gap, 10m unknown.",
        (
            "Stay 1 in inc1, temperature: the sensor is not entered, so that its calibration is "
            "unknown (from 2026-01-05 08:00 CET to 2026-01-05 12:00 CET)."
        ),
        (
            "Stay 2 in inc2, temperature: the sensor is not entered, so that its calibration is "
            "unknown (from 2026-01-05 12:10 CET to 2026-01-05 16:00 CET)."
        ),
    )


def test_an_alarm_before_the_batch_came_is_not_in_its_record(
    make: Make, lived: Ledger, tmp_path: Path
) -> None:
    row = lived.stays(B)[0].row
    late = Signed(by="a", reason="it came an hour and ten minutes later")
    lived.correct(row, start=MONDAY + 70 * MINUTE, act=late)
    assert read(make(out=tmp_path / "later")).alarms == ()


def test_an_alarm_whose_rule_was_taken_away_since_is_in_the_record(
    make: Make, setting: Setting
) -> None:
    kept = tuple(rule for rule in setting.rules if rule.id != "inc1-hot")
    (alarm,) = read(make(setting=msgspec.structs.replace(setting, rules=kept))).alarms
    assert (alarm.rule, alarm.channel) == ("inc1-hot", "inc1.temperature")


def test_a_batch_still_there_is_recorded_up_to_the_making(
    make: Make, lived: Ledger, made: Made
) -> None:
    lived.withdraw(lived.batch(B).closure or 0, act=Signed(by="a", reason="x"))
    departure = lived.stays(B)[1].departure or 0
    lived.withdraw(departure, act=Signed(by="a", reason="x"))
    record = read(make())
    assert record.stays[1].span.end == made.at
    assert record.stays[1].placement.end is None
    assert record.open_items[0].startswith("The batch is still open")


def test_a_batch_without_limits_is_never_called_in_limits(make: Make, setting: Setting) -> None:
    record = read(make(setting=msgspec.structs.replace(setting, rules=())))
    assert (record.complete, record.verdict) == (False, Verdict.UNKNOWN)
    assert "Stay 1 in inc1: no limits are in force, so nothing can be said to be in limits." in (
        record.open_items
    )


def test_a_batch_that_was_fine_is_in_limits_and_complete(make: Make, journal: Journal) -> None:
    for device, scans in journal.kept.items():
        journal.kept[device] = [
            Scan(s.layout, s.at, s.received, (37.0, 5.0, 0.0), bytes(3)) for s in scans
        ]
    folder = make()
    record = read(folder)
    assert (record.complete, record.verdict) == (True, Verdict.IN)
    # It was on the bench for ten minutes: nothing is said about those.
    page = (folder / "record.html").read_text()
    assert "throughout every stay" in page
    assert "at all times" not in page


def test_tests_and_possible_repeats_are_shown_and_not_judged(make: Make, journal: Journal) -> None:
    scans = journal.kept["inc1"]
    at = MONDAY + 2 * HOUR + 1
    shape = scans[0].layout
    scans.append(Scan(shape, at, at, (99.0, 5.0, 0.0), bytes(3), Source.TEST))
    scans.append(Scan(shape, at + 1, at, (98.0, 5.0, 0.0), bytes(3), repeat=True))
    calibrated = bytes((Quality.IN_CALIBRATION, 0, 0))
    scans.append(Scan(shape, at + 2, at, (97.0, 5.0, 0.0), calibrated))
    scans.sort(key=lambda scan: scan.at)
    folder = make()
    assert read(folder).stays[0].channels[0].exposure.maximum == 38.5
    table = pd.read_csv(folder / "readings.csv")
    kept = table[table["value"].isin([97.0, 98.0, 99.0])]
    assert list(kept["source"]) == ["test", "repeat", "live"]
    assert list(kept["quality"]) == ["good", "good", "in_calibration"]


def test_damaged_entries_of_the_journal_are_an_open_item(make: Make, journal: Journal) -> None:
    journal.damaged = {7: "row 7 does not match its checksum"}
    record = read(make())
    assert record.damaged == {"7": "row 7 does not match its checksum"}
    assert "1 entries of the journal are damaged and were left out." in record.open_items
