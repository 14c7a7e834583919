"""Which open alarms a new shift takes over, and which it only hears of."""

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.clock import Clock
from alerts.engine.handover import Change, hand_over
from alerts.engine.monitor import Monitor
from alerts.engine.overlay import Overlay, Shelf
from alerts.engine.timers import Timers
from alerts.rule import Severity
from alerts.transition import What
from tests.unit.alerts.engine.lab import CHAIN, HOT  # a test's own

SPEC = ChannelSpec(id=HOT.channel, quantity="temperature", period_ms=10_000, resolution=0.01)
RUNNING = Escalation(status=Status.RUN, step=1, begun=100, due=900)
OPEN = Alarm(phase=Phase.U, occurrence=3, activation=1, worst=Severity.HIGH, escalation=RUNNING)
SHELVED = Overlay(shelf=Shelf(until=9_000, one_shot=False, by="B", reason="defrost"))
EVERYBODY = replace(RUNNING, status=Status.EXHAUSTED, step=-1)


@pytest.mark.parametrize(
    ("alarm", "takes"),
    [
        (OPEN, True),
        (replace(OPEN, phase=Phase.R), True),
        (replace(OPEN, phase=Phase.LU), True),
        (replace(OPEN, phase=Phase.A), False),
        (replace(OPEN, phase=Phase.LA), False),
        (replace(OPEN, under="power"), False),
        (replace(OPEN, overlay=SHELVED), False),
        (replace(OPEN, escalation=replace(RUNNING, step=0)), False),
        (replace(OPEN, escalation=replace(RUNNING, step=2)), True),
        (replace(OPEN, escalation=replace(RUNNING, status=Status.HELD)), False),
        (replace(OPEN, escalation=EVERYBODY), True),
    ],
)
def test_only_what_nobody_has_and_was_paged_for_that_step_is_taken_over(
    alarm: Alarm, *, takes: bool
) -> None:
    monitor = Monitor(HOT, SPEC, CHAIN, 0)
    monitor.alarm = alarm
    made = Annunciator(Clock(None), Timers(), {})
    hand_over([monitor], made, Change(CHAIN, 1, ("B",), ("C",)), Act(by="rota", command="c1"))
    assert [one.to for one in made.said if one.what is What.QUEUED] == (["C"] if takes else [])
    lists = [one.detail for one in made.said if one.what is What.HANDOVER]
    mine, empty = '[["hot",3]]', "[]"
    came = {"take": mine, "know": empty} if takes else {"take": empty, "know": mine}
    assert lists == [came, {"take": empty, "know": mine}]


def test_nobody_on_call_is_said_of_the_step_that_has_nobody() -> None:
    monitor = Monitor(HOT, SPEC, CHAIN, 0)
    monitor.alarm = OPEN
    made = Annunciator(Clock(None), Timers(), {})
    hand_over([monitor], made, Change(CHAIN, 0, ("A",), ()), Act(by="rota", command="c1"))
    said = made.said[0]
    told = "nobody on call for step 0 of 'chain', and it has no fallback list"
    assert (said.what, said.step, said.why) == (What.SYSTEM, 0, told)


def test_a_page_that_waits_for_the_end_of_its_gap_still_comes() -> None:
    monitor = Monitor(HOT, SPEC, CHAIN, 0)
    monitor.alarm = replace(OPEN, paged=("B",), page_due=700)
    made = Annunciator(Clock(None), Timers(), {})
    hand_over([monitor], made, Change(CHAIN, 1, ("B",), ("C",)), Act(by="rota", command="c1"))
    assert (monitor.alarm.paged, monitor.alarm.page_due) == (("B", "C"), 700)
