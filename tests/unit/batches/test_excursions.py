"""The excursions of a period: against rules and protocols, with alarms, times and who was there."""

from pathlib import Path

import pytest

from alerts.reader import AlarmReader
from alerts.rule import Rule
from batches.batch import Signed
from batches.excursions import ExcursionReport, excursion_report
from batches.export.excursion_listing import excursions_report
from batches.export.listing import write_report
from batches.in_force import InForce, RulesSince
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
    past: InForce | None = None,
) -> ExcursionReport:
    return excursion_report(
        span,
        devices,
        ledger=ledger,
        readings=journal,
        alarms=alarms,
        setting=setting,
        made=Made(by="quality", at=MONDAY + 9 * HOUR),
        past=past,
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


def ran(minutes: int, digest: str, limit: float | None) -> RulesSince:
    """From so many minutes past 8:00 on one rule, or rules that were not kept."""
    rule = Rule(id="hot", channel="inc1.temperature", kind="high", limit=limit)
    return RulesSince(
        since=MONDAY + minutes * MINUTE,
        digest=digest,
        software="0.1.0",
        why="the core started with them",
        rules=None if limit is None else (rule,),
    )


def found_under(report: ExcursionReport) -> list[tuple[int, int, str, float | None]]:
    """Minutes past 8:00, the rulebook that judged, and its limit."""
    return [
        (
            (each.judged.excursion.start - MONDAY) // MINUTE,
            (each.judged.excursion.end - MONDAY) // MINUTE,
            each.rules,
            each.high,
        )
        for each in report.excursions
    ]


def test_the_rules_of_then_judge_not_those_of_today(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> None:
    # It was at 38.5 °C from 9:00 to 9:05. At 9:02 the limit was lowered from 39 to 38.2; today's
    # rules say 38.
    past = InForce(rules=(ran(-60, "a", 39.0), ran(62, "b", 38.2)))
    found = made(lived, journal, alarms, setting, devices=("inc1",), past=past)
    assert found_under(found) == [(62, 65, "b", 38.2)]
    assert [each.digest for each in found.rules] == ["a", "b"]
    # The other way round it was out of limits only until the limit was raised.
    past = InForce(rules=(ran(-60, "b", 38.2), ran(62, "a", 39.0)))
    found = made(lived, journal, alarms, setting, devices=("inc1",), past=past)
    assert found_under(found) == [(60, 62, "b", 38.2)]
    # What a change within it cuts in two is named as one.
    past = InForce(rules=(ran(-60, "b", 38.2), ran(62, "c", 38.0)))
    found = made(lived, journal, alarms, setting, devices=("inc1",), past=past)
    assert found_under(found) == [(60, 62, "b", 38.2), (62, 65, "c", 38.0)]
    whole = Interval(MONDAY + HOUR, MONDAY + 65 * MINUTE)
    assert [each.judged.whole for each in found.excursions] == [whole, whole]
    assert [each.coverage for each in found.known] == [100.0]


def test_rules_that_were_not_kept_and_times_without_limits_are_open_items(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> None:
    past = InForce(rules=(ran(-60, "0123456789abcdef", None), ran(120, "b", 38.2)))
    found = made(lived, journal, alarms, setting, devices=("inc1",), past=past)
    assert found.excursions == ()
    unkept, unlimited = found.open_items
    assert unkept == (
        "The alarm rules 0123456789ab that ran from 2026-01-05 07:00 CET on were not kept; what "
        "the limits were is not known."
    )
    assert unlimited == (
        "inc1: no limits were in force from 2026-01-05 08:00 CET until 2026-01-05 10:00 CET, so "
        "no excursion can be found then."
    )


def test_a_protocol_judges_from_when_it_was_adopted_on(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting
) -> None:
    for version, high in (("1", 38.2), ("2", 39.0)):
        limit = ChannelLimit(channel="temperature", high=high)
        step = Step(id="culture", devices=("inc*",), limit=(limit,))
        lived.keep(Protocol(name="f", version=version, step=(step,)), act=Signed(by="q"))
    lived.amend(B, protocol="f@1", act=Signed(by="q", reason="forgotten"))
    # The looser version holds from 9:03 on, and excuses nothing of what was before.
    later = Signed(by="q", at=MONDAY + 63 * MINUTE, reason="version 2 is approved")
    lived.amend(B, protocol="f@2", act=later)
    found = made(lived, journal, alarms, setting, devices=("inc1",)).excursions
    assert [(each.by, each.judged.excursion.end - MONDAY, each.batches) for each in found] == [
        ("alarm rules", 65 * MINUTE, (B,)),
        ("f@1, step culture", 63 * MINUTE, (B,)),
    ]


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
    assert found.id == f"excursions/inc1/{MONDAY}-{MONDAY + 9 * HOUR}/{MONDAY + 9 * HOUR}"


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
        "record.html",
        "record.json",
        "record.pdf",
        "verify_record.py",
    ]
    line = (out / "excursions.csv").read_text().splitlines()[1]
    assert line == (
        "2026-01-05 09:00 CET,2026-01-05 09:05 CET,5m,inc1.temperature,36 to 38,38.5,alarm rules,"
        "not allowed,inc1-hot no. 1,B-2026-0001,,"
    )
    acknowledged = (out / "alarms.csv").read_text().splitlines()[1]
    assert acknowledged.startswith("2026-01-05 09:02 CET,inc1-hot,1,high,")
    assert ",2026-01-05 09:04 CET,anna,2m,," in acknowledged
    assert verify(out).sound
    # It was not entered in the ledger as a version, so that does not know it.
    (fault,) = verify(out, data=tmp_path / "data", ledger=served).faults
    assert "never entered a record with this manifest" in fault.what
