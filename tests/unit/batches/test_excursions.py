"""The excursions of a period: against rules and protocols, with alarms, times and who was there."""

from pathlib import Path

import pytest

from alerts.reader import AlarmReader
from batches.batch import Signed
from batches.excursions import ExcursionReport, excursion_report
from batches.export.excursion_listing import excursions_report
from batches.export.listing import write_report
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.placement import Interval, Refused
from batches.policy import Allowed, Standing
from batches.protocol import ChannelLimit, Protocol, Step
from batches.record import Made
from batches.setting import Setting
from batches.survey import Readings
from batches.verify import verify
from devices.duration import parse

MINUTE = 60_000
HOUR = 60 * MINUTE
MONDAY = 1_767_596_400_000
B = "B-2026-0001"
DAY = Interval(MONDAY, MONDAY + 9 * HOUR)


@pytest.fixture
def report(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> ExcursionReport:
    """inc1 was at 38.5 °C from 9:00 to 9:05; the rules say 38, a protocol 38.2 and allows it."""
    return made(lived, journal, alarms, setting)


def made(
    ledger: Ledger,
    journal: Readings,
    alarms: AlarmReader,
    setting: Setting,
    *,
    span: Interval = DAY,
    devices: tuple[str, ...] = ("inc1", "inc2"),
) -> ExcursionReport:
    return excursion_report(
        span,
        devices,
        ledger=ledger,
        readings=journal,
        alarms=alarms,
        setting=setting,
        made=Made(by="quality", at=MONDAY + 9 * HOUR),
    )


def test_an_excursion_names_limits_alarm_and_who_was_there(report: ExcursionReport) -> None:
    (found,) = report.excursions
    excursion = found.judged.excursion
    assert (excursion.start - MONDAY, excursion.end - MONDAY) == (HOUR, HOUR + 5 * MINUTE)
    assert (found.channel, found.low, found.high, found.by) == (
        "inc1.temperature",
        36.0,
        38.0,
        "alarm rules",
    )
    assert found.alarms == (("inc1-hot", 1),)
    assert (found.batches, found.vials, found.patients) == ((B,), (), ())
    (alarm,) = report.alarms
    assert (alarm.acknowledged_by, (alarm.acknowledged_at or 0) - alarm.set_at) == (
        "anna",
        2 * MINUTE,
    )


def test_what_is_not_known_is_said(report: ExcursionReport) -> None:
    known = {each.channel: each for each in report.known}
    assert known["inc1.temperature"].unknown_ms == 0
    assert known["inc2.temperature"].unknown_ms == 10 * MINUTE
    # 530 of 540 minutes, never rounded up.
    assert report.open_items == ("inc2.temperature: 98.14 % known; what was between is not known.",)


def test_a_protocol_is_held_against_what_followed_it_only(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> None:
    limit = ChannelLimit(
        channel="temperature", high=38.2, allowed=Allowed(longest=parse("10m"), high=39.0)
    )
    step = Step(id="culture", devices=("inc*",), limit=(limit,))
    protocol = Protocol(name="fibroblast", version="3", step=(step,))
    lived.keep(protocol, act=Signed(by="q"))
    lived.amend(B, protocol=protocol.reference, act=Signed(by="q", reason="forgotten"))
    found = made(lived, journal, alarms, setting).excursions
    assert [(each.by, each.judged.standing) for each in found] == [
        ("alarm rules", Standing.NOT_ALLOWED),
        ("fibroblast@3, step culture", Standing.ALLOWED),
    ]
    # The batch had left inc1 at noon; before that nothing else follows the protocol.
    later = Interval(MONDAY + 4 * HOUR, MONDAY + 9 * HOUR)
    assert made(lived, journal, alarms, setting, span=later).excursions == ()


def test_readings_in_calibration_are_no_excursion(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> None:
    sensors = Instruments(lived)
    early = Signed(by="a", at=MONDAY, reason="entered later")
    sensors.register("T-1", model="m", act=early)
    sensors.install("T-1", "inc1.temperature", quantity="temperature", act=early)
    at = Signed(by="a", at=MONDAY + HOUR, reason="entered later")
    sensors.begin("T-1", until=MONDAY + 2 * HOUR, act=at)
    sensors.end("T-1", act=Signed(by="a", at=MONDAY + 2 * HOUR, reason="entered later"))
    found = made(lived, journal, alarms, setting, devices=("inc1",))
    assert found.excursions == ()
    assert [(each.unknown_ms, each.calibration_ms) for each in found.known] == [(HOUR, HOUR)]
    assert found.id == f"excursions/inc1/{MONDAY}-{MONDAY + 9 * HOUR}"


def test_what_cannot_be_reported_is_refused(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> None:
    with pytest.raises(Refused, match="the period is not over"):
        made(lived, journal, alarms, setting, span=Interval(MONDAY, MONDAY + 10 * HOUR))
    with pytest.raises(Refused, match="not a device of this site"):
        made(lived, journal, alarms, setting, devices=("inc9",))


def test_the_folder_verifies_and_holds_the_same_in_csv(
    report: ExcursionReport, tmp_path: Path, served: str
) -> None:
    out = write_report(excursions_report(report), tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == [
        "alarms.csv",
        "coverage.csv",
        "excursions.csv",
        "manifest.json",
        "report.html",
        "report.json",
    ]
    line = (out / "excursions.csv").read_text().splitlines()[1]
    assert line == (
        "2026-01-05 09:00 CET,2026-01-05 09:05 CET,5m,inc1.temperature,36 to 38,38.5,alarm rules,"
        "not allowed,inc1-hot no. 1,B-2026-0001,,"
    )
    acknowledged = (out / "alarms.csv").read_text().splitlines()[1]
    assert acknowledged.startswith("2026-01-05 09:02 CET,inc1-hot,1,high,")
    assert ",2026-01-05 09:04 CET,anna,2m,," in acknowledged
    assert verify(out, data=tmp_path / "data", ledger=served).sound
