"""Each timer that an alarm has: nothing before it is due, and marked late when it is done late."""

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.annunciator import NOBODY, Act, Annunciator
from alerts.engine.clock import Clock
from alerts.engine.flapping import Flapping
from alerts.engine.monitor import Monitor, Touched
from alerts.engine.overlay import Design, Overlay, Service, Shelf
from alerts.engine.signal import Signal, Trust
from alerts.engine.timers import Timers
from alerts.engine.watch import Channel, News
from alerts.rule import Rule, Severity
from alerts.transition import What
from devices.duration import parse
from tests.unit.alerts.engine.lab import CHAIN, HOT  # a test's own

NOW = 1_000
SPEC = ChannelSpec(id=HOT.channel, quantity="temperature", period_ms=10_000, resolution=0.01)
AGAIN = replace(HOT, re_alarm=parse("30m"), flapping=3, flapping_window=parse("2m"))
OPEN = Alarm(
    phase=Phase.U,
    occurrence=1,
    activation=2,
    since=500,
    value=38.5,
    severity=Severity.HIGH,
    worst=Severity.HIGH,
    paged=("A",),
)
RUNNING = Escalation(status=Status.RUN, step=0, begun=NOW - 300_000, due=NOW)
SHELF = Shelf(until=NOW, one_shot=False, by="B", reason="defrost")


def made() -> Annunciator:
    found = Annunciator(Clock(None), Timers(), {})
    found.clock.now = NOW
    return found


def monitor(alarm: Alarm, rule: Rule = AGAIN) -> Monitor:
    found = Monitor(rule, SPEC, CHAIN, 0)
    found.alarm = alarm
    return found


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("alarm", "whats", "why"),
    [
        (replace(OPEN, overlay=Overlay(shelf=SHELF)), {What.UNSHELVED, What.QUEUED}, ""),
        (
            replace(OPEN, overlay=Overlay(design=Design(until=NOW, cause="door"))),
            {What.UNSUPPRESSED, What.SYSTEM, What.QUEUED},
            "",
        ),
        (
            replace(OPEN, overlay=Overlay(service=Service(until=NOW, by="B", reason="r"))),
            {What.IN_SERVICE, What.QUEUED},
            "",
        ),
        (replace(OPEN, flapping=Flapping(due=NOW)), {What.FLAPPING}, ""),
        (
            replace(OPEN, release_due=NOW),
            {What.QUEUED},
            "still active although what explained it is over",
        ),
        (
            replace(OPEN, page_due=NOW),
            {What.QUEUED},
            "active again; the gap between repeated pages is over",
        ),
        (replace(OPEN, phase=Phase.R, remind_due=NOW), {What.NOTICE}, ""),
        (replace(OPEN, phase=Phase.A, remind_due=NOW), {What.RE_ALARM, What.QUEUED}, ""),
        (replace(OPEN, escalation=RUNNING), {What.ESCALATE, What.QUEUED}, ""),
    ],
)
def test_each_timer_of_an_alarm_is_worked_off_when_it_is_due(
    alarm: Alarm, whats: set[What], why: str, *, late: bool
) -> None:
    one, annunciator = monitor(alarm), made()
    annunciator.work_off(one, NOW - 1, late=late)
    assert (annunciator.said, one.alarm) == ([], alarm)
    annunciator.work_off(one, NOW, late=late)
    assert {told.what for told in annunciator.said} == whats
    assert {told.late for told in annunciator.said} == {late}
    assert one.alarm != alarm
    assert one.alarm.due is None or one.alarm.due > NOW
    assert annunciator.dirty == {one}
    assert annunciator.timers.next() == one.due()
    if why:
        assert {told.why for told in annunciator.said} == {why}


def test_a_page_that_waited_is_not_waited_for_again_though_nobody_is_on_call() -> None:
    one, annunciator = monitor(replace(OPEN, page_due=NOW, escalation=RUNNING)), made()
    annunciator.rota["chain"] = {"0": ()}
    one.alarm = replace(one.alarm, escalation=replace(RUNNING, due=NOW + 1))
    annunciator.work_off(one, NOW, late=False)
    assert (annunciator.said, one.alarm.page_due) == ([], None)


@pytest.mark.parametrize(
    ("rule", "wait"),
    [
        (HOT, 300_000),
        (Rule(id="s", channel=HOT.channel, kind="silence"), 30_000),
        (Rule(id="s", channel=HOT.channel, kind="silence", on_delay=parse("1m")), 60_000),
    ],
)
def test_a_consequence_waits_for_its_own_delay_when_its_cause_is_over(
    rule: Rule, wait: int
) -> None:
    cause = monitor(replace(OPEN, phase=Phase.A))
    one = monitor(replace(OPEN, under="hot"), rule)
    for phase, due in ((Phase.U, NOW + wait), (Phase.A, None), (Phase.LU, None)):
        annunciator = made()
        cause.alarm = replace(OPEN, phase=Phase.A)
        one.alarm = replace(OPEN, under="hot", phase=phase)
        cause.consequences = [one]
        annunciator.apply(Touched(cause, 0, ()))
        assert (one.alarm.under, one.alarm.release_due) == ("", due)
        assert annunciator.dirty == {cause, one}


def test_what_tells_how_samples_come_is_released_at_once() -> None:
    cause = monitor(replace(OPEN, phase=Phase.A))
    faulty = Rule(id="f", channel=HOT.channel, kind="out-of-range", on_delay=parse("1m"))
    one = monitor(replace(OPEN, under="hot"), faulty)
    cause.consequences = [one]
    annunciator = made()
    annunciator.apply(Touched(cause, 0, ()))
    (page,) = [told for told in annunciator.said if told.what is What.QUEUED]
    assert (page.rule, page.late) == ("f", False)
    assert page.why == "still active although what explained it is over"
    assert one.alarm.release_due is None


@pytest.mark.parametrize(
    ("trust", "severity"),
    [
        (Trust.GOOD, "advisory"),
        (Trust.SUSPECT, "advisory"),
        (Trust.BAD, "critical"),
        (Trust.STALE, "critical"),
        (Trust.NEVER, "critical"),
    ],
)
def test_quality_is_an_advisory_while_there_are_values(trust: Trust, severity: str) -> None:
    annunciator = made()
    annunciator.clock.offset = 50
    channel = Channel(SPEC, [monitor(Alarm())])
    channel.signal = Signal(trust=trust, heard=700)
    annunciator.announce([News(channel, "told", ())])
    (told,) = annunciator.said
    assert (told.what, told.severity, told.why) == (What.QUALITY, severity, "told")
    assert (told.at, told.since, told.detail) == (NOW + 50, 750, {"quality": trust.value})
    channel.monitors[0].removed = True
    channel.define()
    annunciator.announce([News(channel, "told", ())])
    assert annunciator.said == [told]


def test_what_nobody_did_has_no_name_no_command_and_no_note() -> None:
    assert NOBODY == Act() == ("", "", "")


def test_a_state_that_changed_is_stored_though_nothing_is_said() -> None:
    annunciator, one = made(), monitor(Alarm())
    annunciator.apply(Touched(one, -1, ()))
    assert annunciator.dirty == set()
    one.changed = True
    annunciator.apply(Touched(one, -1, ()))
    assert annunciator.dirty == {one}
    annunciator.dirty.clear()
    annunciator.apply(Touched(one, -1, ()))
    assert annunciator.dirty == set()


@pytest.mark.parametrize("late", [False, True])
def test_that_a_rule_cannot_be_judged_is_said_once_by_whom_it_was_found(*, late: bool) -> None:
    annunciator, one = made(), monitor(Alarm())
    one.failed, one.error = True, "ValueError: no"
    for _ in range(2):
        annunciator.apply(Touched(one, -1, ()), Act("B", "c1"), late=late)
    system, told, *pages = annunciator.said
    assert [page.what for page in pages] == [What.QUEUED]
    for said in annunciator.said:
        assert (said.late, said.by, said.command) == (late, "B", "c1")
        assert said.why == "cannot be judged: ValueError: no"
    assert (system.what, told.what, told.since) == (What.SYSTEM, What.SET, NOW)
