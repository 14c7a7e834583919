"""What screens and stories are shown of an alarm, field by field."""

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.filter_state import Filter, Stage
from alerts.engine.monitor import Monitor
from alerts.engine.overlay import Design, Overlay, Service, Shelf
from alerts.engine.signal import Signal, Trust
from alerts.engine.view import AlarmView, Quiet, view_of
from alerts.rule import Limit, Rule, Severity

SPEC = ChannelSpec(id="inc1.temperature", quantity="temperature", period_ms=10_000, resolution=0.01)
RULE = Rule(
    id="hot",
    channel=SPEC.id,
    kind="high",
    limit=38.0,
    steps=(Limit(limit=40.0, severity="critical"),),
)
SIGNAL = Signal(trust=Trust.SUSPECT, value=38.5, good_at=400)
OFFSET = 1_000
ALARM = Alarm(
    phase=Phase.A,
    occurrence=4,
    activation=2,
    since=100,
    value=38.4,
    severity=Severity.HIGH,
    worst=Severity.CRITICAL,
    acked_by=("A",),
    paged=("A", "B"),
    under="power",
    escalation=Escalation(Status.RUN, 1, 100, 700),
    overlay=Overlay(
        shelf=Shelf(1_500, one_shot=False, by="S", reason="calibration"),
        design=Design(1_600, "door-open holds"),
        service=Service(1_700, "T", "repair"),
        held=3,
    ),
)


def monitor(alarm: Alarm = ALARM) -> Monitor:
    made = Monitor(RULE, SPEC, None, 0)
    made.alarm = alarm
    made.filters = (Filter(stage=Stage.F2), Filter(stage=Stage.F1))
    return made


def test_an_open_alarm_is_shown_in_full() -> None:
    cause = monitor()
    cause.error = "ValueError: no"
    listed = monitor(replace(ALARM, under="hot"))
    listed.rule = replace(RULE, id="warm")
    cause.consequences = [listed]
    assert view_of(cause, SIGNAL, OFFSET) == AlarmView(
        rule="hot",
        channel="inc1.temperature",
        state="A",
        filter="F2",
        quality="SUSPECT",
        overlay="OOS",
        escalation="RUN",
        step=1,
        step_due=1_700,
        severity="high",
        worst="critical",
        occurrence=4,
        activation=2,
        since=1_100,
        acked_by=("A",),
        paged=("A", "B"),
        under="power",
        consequences=("warm",),
        quiet=(
            Quiet(how="out of service", until=2_700, why="repair", by="T"),
            Quiet(how="suppressed by design", until=2_600, why="door-open holds", by=""),
            Quiet(how="shelved", until=2_500, why="calibration", by="S"),
        ),
        held=3,
        error="ValueError: no",
        value=38.5,
        value_at=1_400,
    )


def test_a_normal_one_has_neither_a_beginning_nor_a_severity() -> None:
    calm = monitor(Alarm(occurrence=4, since=100))
    calm.filters = (Filter(stage=Stage.F1), Filter())
    shown = view_of(calm, Signal(), OFFSET)
    assert (shown.state, shown.filter, shown.quality) == ("N", "F1", "NEVER")
    assert (shown.step, shown.step_due, shown.since, shown.value_at) == (None, None, None, None)
    assert (shown.severity, shown.worst, shown.overlay, shown.quiet) == ("", "", "none", ())
    assert (shown.occurrence, shown.held, shown.error, shown.value) == (4, 0, "", None)


def test_the_filter_of_the_highest_limit_that_is_set_is_shown() -> None:
    both = monitor()
    both.filters = (Filter(stage=Stage.F2), Filter(stage=Stage.F3))
    assert view_of(both, SIGNAL, OFFSET).filter == "F3"


def test_the_first_step_is_a_step() -> None:
    first = replace(ALARM, escalation=Escalation(Status.RUN, 0, 100, None))
    assert view_of(monitor(first), SIGNAL, OFFSET).step == 0


@pytest.mark.parametrize(
    ("state", "quiet"),
    [
        (
            Overlay(shelf=Shelf(1_500, one_shot=True, by="S", reason="loading")),
            Quiet(how="shelved for one occurrence", until=2_500, why="loading", by="S"),
        ),
        (
            Overlay(design=Design(1_600, "door-open holds", 1_200)),
            Quiet(how="suppressed by design", until=2_200, why="door-open holds"),
        ),
    ],
)
def test_what_keeps_it_quiet_is_told_with_its_end(state: Overlay, quiet: Quiet) -> None:
    shown = view_of(monitor(replace(ALARM, overlay=state)), SIGNAL, OFFSET)
    assert shown.quiet == (quiet,)
