"""Table A2 cell by cell: what becomes of an alarm, what is said, and who is paged."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.core import A2, Event, apply, void
from alerts.engine.moment import Moment
from alerts.engine.overlay import Overlay, Shelf
from alerts.engine.trend import Trend
from alerts.policy import Policy, Step
from alerts.rule import Rule, Severity
from devices.duration import Duration

WALL = 1_000_000
CHAIN = Policy(
    id="chain",
    steps=(Step(after=Duration(0), to=("A",)), Step(after=Duration(300), to=("B",))),
    repeat_gap=Duration(600),
)
RULE = Rule(id="hot", channel="inc1.temperature", kind="high", limit=38.0, severity="high")
LATCHING = replace(RULE, latching=True)
RE_ALARMING = replace(RULE, re_alarm=Duration(3_600))

NORMAL = Alarm(occurrence=3)
UNACKED = Alarm(
    phase=Phase.U,
    occurrence=4,
    activation=1,
    since=100,
    value=38.4,
    severity=Severity.HIGH,
    worst=Severity.HIGH,
    paged=("A",),
    paged_at=100,
    escalation=Escalation(Status.RUN, 0, 100, 400),
)
ACKED = replace(
    UNACKED,
    phase=Phase.A,
    acked_by=("A",),
    acked_at=200,
    seen=Severity.HIGH,
    escalation=Escalation(Status.HELD),
)
RETURNED = replace(UNACKED, phase=Phase.R, escalation=Escalation())
LATCHED = replace(RETURNED, phase=Phase.LU)
LATCHED_ACKED = replace(ACKED, phase=Phase.LA, escalation=Escalation())
RISING = tuple((at, 1.0 + at) for at in range(0, 100, 10))
FALLING = tuple((at, 1.0 - at / 1_000) for at in range(0, 100, 10))


def moment(rule: Rule = RULE, policy: Policy | None = CHAIN, *, now: int = 1_000) -> Moment:
    return Moment(
        now=now,
        offset=WALL,
        rule=rule,
        policy=policy,
        severity=Severity.HIGH,
        since=now,
        value=38.2,
        by="P",
        command="c1",
    )


class Cell(NamedTuple):
    """From ``alarm`` by ``event`` to ``phase``, saying ``said`` (``what to`` where to a person)."""

    alarm: Alarm
    event: Event
    phase: Phase
    said: str = ""
    rule: Rule = RULE
    change: Callable[[Moment], None] = lambda _: None
    case: str = ""


def removed(now: Moment) -> None:
    now.removed, now.why = True, "rule removed by P"


def no_longer(now: Moment) -> None:
    now.still, now.why = False, "limit edited by P"


def critical(now: Moment) -> None:
    now.severity = Severity.CRITICAL


def lower(now: Moment) -> None:
    now.severity = Severity.LOW


def saw_less(now: Moment) -> None:
    now.seen = Severity.MEDIUM


def explained(now: Moment) -> None:
    now.cause = "power"


NOTHING_OPEN = "nothing to acknowledge: there is no open alarm"
STILL_ACTIVE = "it is still active; a reset needs the condition to be gone"
PAST_GAP = replace(RETURNED, paged_at=400)
INSIDE_GAP = replace(RETURNED, paged_at=401)
TWO = replace(UNACKED, paged=("A", "B"))
RE_LATCHING = replace(RE_ALARMING, latching=True)
HEALING = replace(ACKED, trend=Trend(FALLING, 0))
WORSE = replace(ACKED, trend=Trend(RISING, 0))
GONE = "clear, notice A"
CELLS = [
    Cell(NORMAL, Event.SET, Phase.U, "set, queued A"),
    Cell(NORMAL, Event.SET, Phase.U, "set, inhibited", change=explained, case="explained"),
    Cell(NORMAL, Event.CLEAR, Phase.N),
    Cell(NORMAL, Event.ACK, Phase.N, "refused"),
    Cell(NORMAL, Event.UNACK, Phase.N, "refused"),
    Cell(NORMAL, Event.RESET, Phase.N, "refused"),
    Cell(NORMAL, Event.SEV_UP, Phase.N),
    Cell(NORMAL, Event.SEV_DOWN, Phase.N),
    Cell(NORMAL, Event.RE_ALARM, Phase.N),
    Cell(NORMAL, Event.EDIT, Phase.N),
    Cell(NORMAL, Event.RESTART, Phase.N),
    Cell(UNACKED, Event.SET, Phase.U),
    Cell(UNACKED, Event.CLEAR, Phase.R, GONE),
    Cell(UNACKED, Event.CLEAR, Phase.LU, GONE, LATCHING, case="latching"),
    Cell(TWO, Event.ACK, Phase.A, "ack, notice A, notice B"),
    Cell(UNACKED, Event.ACK, Phase.U, "refused", change=saw_less, case="saw less"),
    Cell(UNACKED, Event.UNACK, Phase.U, "refused"),
    Cell(UNACKED, Event.RESET, Phase.U, "refused"),
    Cell(UNACKED, Event.SEV_UP, Phase.U, "sev_up, queued A", change=critical),
    Cell(UNACKED, Event.SEV_UP, Phase.U, "sev_up", case="no worse than it was"),
    Cell(UNACKED, Event.SEV_DOWN, Phase.U, "sev_down", change=lower),
    Cell(UNACKED, Event.RE_ALARM, Phase.U),
    Cell(UNACKED, Event.EDIT, Phase.U, case="still true"),
    Cell(UNACKED, Event.EDIT, Phase.R, GONE, change=no_longer, case="no longer true"),
    Cell(UNACKED, Event.EDIT, Phase.LU, GONE, LATCHING, no_longer, "no longer true, latching"),
    Cell(UNACKED, Event.EDIT, Phase.N, "closed A", change=removed, case="removed"),
    Cell(UNACKED, Event.RESTART, Phase.U),
    Cell(ACKED, Event.SET, Phase.A),
    Cell(ACKED, Event.CLEAR, Phase.N, "clear, all_clear A"),
    Cell(ACKED, Event.CLEAR, Phase.LA, "clear", LATCHING, case="latching"),
    Cell(ACKED, Event.ACK, Phase.A, "ack"),
    Cell(ACKED, Event.ACK, Phase.A, "refused", change=saw_less, case="saw less"),
    Cell(ACKED, Event.UNACK, Phase.U, "unack, queued A"),
    Cell(ACKED, Event.RESET, Phase.A, "refused"),
    Cell(ACKED, Event.SEV_UP, Phase.U, "sev_up, queued A", change=critical),
    Cell(ACKED, Event.SEV_UP, Phase.A, "sev_up", case="only back to what was acknowledged"),
    Cell(ACKED, Event.SEV_DOWN, Phase.A, "sev_down", change=lower),
    Cell(ACKED, Event.RE_ALARM, Phase.U, "re_alarm, queued A", RE_ALARMING, case="no trend"),
    Cell(WORSE, Event.RE_ALARM, Phase.U, "re_alarm, queued A", RE_ALARMING, case="getting worse"),
    Cell(HEALING, Event.RE_ALARM, Phase.A, "", RE_ALARMING, case="on its way back"),
    Cell(ACKED, Event.EDIT, Phase.A, case="still true"),
    Cell(ACKED, Event.EDIT, Phase.N, "clear, all_clear A", change=no_longer, case="no longer true"),
    Cell(ACKED, Event.EDIT, Phase.LA, "clear", LATCHING, no_longer, "no longer true, latching"),
    Cell(ACKED, Event.EDIT, Phase.N, "closed A", change=removed, case="removed"),
    Cell(ACKED, Event.RESTART, Phase.A),
    Cell(PAST_GAP, Event.SET, Phase.U, "set, queued A", case="after the repeat gap"),
    Cell(INSIDE_GAP, Event.SET, Phase.U, "set", case="inside the repeat gap"),
    Cell(RETURNED, Event.CLEAR, Phase.R),
    Cell(RETURNED, Event.ACK, Phase.N, "ack, all_clear A"),
    Cell(RETURNED, Event.ACK, Phase.R, "refused", change=saw_less, case="saw less"),
    Cell(RETURNED, Event.UNACK, Phase.R, "refused"),
    Cell(RETURNED, Event.RESET, Phase.R, "refused"),
    Cell(RETURNED, Event.SEV_UP, Phase.R),
    Cell(RETURNED, Event.SEV_DOWN, Phase.R),
    Cell(RETURNED, Event.RE_ALARM, Phase.R, "notice A", RE_ALARMING),
    Cell(RETURNED, Event.EDIT, Phase.N, "closed A", change=no_longer),
    Cell(RETURNED, Event.EDIT, Phase.N, "closed A", change=removed, case="removed"),
    Cell(RETURNED, Event.RESTART, Phase.R),
    Cell(LATCHED, Event.SET, Phase.U, "set, queued A", LATCHING),
    Cell(LATCHED, Event.CLEAR, Phase.LU, rule=LATCHING),
    Cell(replace(LATCHED, paged=("B",)), Event.ACK, Phase.LA, "ack, notice B", LATCHING),
    Cell(LATCHED, Event.ACK, Phase.LU, "refused", LATCHING, saw_less, "saw less"),
    Cell(LATCHED, Event.UNACK, Phase.LU, "refused", LATCHING),
    Cell(LATCHED, Event.RESET, Phase.LU, "refused", LATCHING),
    Cell(LATCHED, Event.SEV_UP, Phase.LU, rule=LATCHING),
    Cell(LATCHED, Event.SEV_DOWN, Phase.LU, rule=LATCHING),
    Cell(LATCHED, Event.RE_ALARM, Phase.LU, "notice A", RE_LATCHING),
    Cell(LATCHED, Event.EDIT, Phase.N, "closed A", LATCHING, no_longer),
    Cell(LATCHED, Event.RESTART, Phase.LU, rule=LATCHING),
    Cell(LATCHED_ACKED, Event.SET, Phase.U, "set, queued A", LATCHING),
    Cell(LATCHED_ACKED, Event.CLEAR, Phase.LA, rule=LATCHING),
    Cell(LATCHED_ACKED, Event.ACK, Phase.LA, "ack", LATCHING),
    Cell(LATCHED_ACKED, Event.UNACK, Phase.LU, "unack, queued A", LATCHING),
    Cell(LATCHED_ACKED, Event.RESET, Phase.N, "reset, all_clear A", LATCHING),
    Cell(LATCHED_ACKED, Event.SEV_UP, Phase.LA, rule=LATCHING),
    Cell(LATCHED_ACKED, Event.SEV_DOWN, Phase.LA, rule=LATCHING),
    Cell(LATCHED_ACKED, Event.RE_ALARM, Phase.LA, "notice A", RE_LATCHING),
    Cell(LATCHED_ACKED, Event.EDIT, Phase.N, "closed A", LATCHING, no_longer),
    Cell(LATCHED_ACKED, Event.RESTART, Phase.LA, rule=LATCHING),
]


REFUSED = {
    **{(Phase.N, event): NOTHING_OPEN for event in (Event.ACK, Event.UNACK, Event.RESET)},
    **{(phase, Event.UNACK): "it is not acknowledged" for phase in (Phase.U, Phase.R, Phase.LU)},
    **{(phase, Event.RESET): STILL_ACTIVE for phase in (Phase.U, Phase.A)},
    (Phase.R, Event.RESET): "it does not latch; acknowledge it instead",
    (Phase.LU, Event.RESET): "acknowledge it first",
}


def words(now: Moment) -> str:
    return ", ".join(f"{one.what} {one.to}".strip() for one in now.said)


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell.alarm.phase}-{cell.event}-{cell.case}".rstrip("-")
)
def test_each_cell_of_a2_does_what_the_table_says(cell: Cell) -> None:
    now = moment(cell.rule)
    cell.change(now)
    after = apply(cell.alarm, cell.event, now)
    assert after.phase is cell.phase
    assert words(now) == cell.said
    assert all(one.at == 1_000 + WALL and one.rule == "hot" for one in now.said)


def test_no_cell_of_a2_is_forgotten() -> None:
    wanted = set(product(Phase, Event))
    assert len(wanted) == 60
    assert set(A2) == wanted
    assert {(cell.alarm.phase, cell.event) for cell in CELLS} == wanted


@pytest.mark.parametrize("cell", [c for c in CELLS if not c.said], ids=lambda c: c.event.value)
def test_what_says_nothing_keeps_the_alarm_as_it_is(cell: Cell) -> None:
    now = moment(cell.rule)
    cell.change(now)
    after = apply(cell.alarm, cell.event, now)
    assert replace(after, remind_due=None) == replace(cell.alarm, remind_due=None)


@pytest.mark.parametrize(
    "cell", [c for c in CELLS if c.said == "refused"], ids=lambda c: f"{c.alarm.phase}-{c.event}"
)
def test_a_refusal_says_why_answers_the_command_and_changes_nothing(cell: Cell) -> None:
    now = moment(cell.rule)
    cell.change(now)
    assert apply(cell.alarm, cell.event, now) is cell.alarm
    assert (now.said[0].command, now.said[0].by) == ("c1", "P")
    seen_less = "it has risen to high; you saw medium. Look at it again"
    told = REFUSED[cell.alarm.phase, cell.event] if now.seen is None else seen_less
    assert now.said[0].why == told


def test_a_new_occurrence_is_counted_and_starts_clean() -> None:
    after = apply(NORMAL, Event.SET, moment())
    assert (after.occurrence, after.activation, after.since) == (4, 1, 1_000)
    assert after.paged == ("A",)
    assert after.escalation == Escalation(Status.RUN, 0, 1_000, 1_300)
    assert (after.severity, after.worst, after.seen) == (Severity.HIGH, Severity.HIGH, None)


def test_the_same_occurrence_is_activated_again() -> None:
    after = apply(PAST_GAP, Event.SET, moment())
    assert (after.occurrence, after.activation, after.page_due) == (4, 2, None)


def test_an_activation_has_the_severity_and_the_worst_that_it_makes() -> None:
    now = moment()
    critical(now)
    after = apply(PAST_GAP, Event.SET, now)
    assert (after.severity, after.worst) == (Severity.CRITICAL, Severity.CRITICAL)
    lower(now)
    after = apply(PAST_GAP, Event.SET, now)
    assert (after.severity, after.worst) == (Severity.LOW, Severity.HIGH)


def test_of_what_latched_and_comes_again_nobody_has_acknowledged_anything() -> None:
    after = apply(LATCHED_ACKED, Event.SET, moment(LATCHING))
    assert (after.acked_by, after.acked_at, after.seen) == ((), 0, None)


def test_whether_it_is_on_its_way_back_is_asked_from_each_acknowledgement_on() -> None:
    assert apply(replace(UNACKED, trend=Trend(RISING, 5)), Event.ACK, moment()).trend == Trend()


def test_a_shelf_for_one_occurrence_ends_with_one_that_was_acknowledged() -> None:
    shelf = Shelf(until=9_000, one_shot=True, by="S", reason="r")
    now = moment()
    after = apply(replace(ACKED, overlay=Overlay(shelf=shelf)), Event.CLEAR, now)
    assert after.overlay.shelf is None
    assert words(now) == "clear, all_clear A, unshelved"


def test_a_page_inside_the_repeat_gap_waits_for_its_end() -> None:
    after = apply(INSIDE_GAP, Event.SET, moment())
    assert (after.activation, after.page_due) == (2, 1_001)


def test_the_gap_of_the_rule_counts_before_that_of_the_policy() -> None:
    now = moment(replace(RULE, repeat_gap=Duration(0)))
    assert apply(INSIDE_GAP, Event.SET, now).page_due is None
    assert words(now) == "set, queued A"


def test_who_was_never_paged_is_paged_without_a_gap() -> None:
    now = moment()
    apply(replace(RETURNED, paged=(), paged_at=None), Event.SET, now)
    assert words(now) == "set, queued A"


def test_escalation_of_a_critical_alarm_outlives_its_return() -> None:
    worst = replace(UNACKED, worst=Severity.CRITICAL)
    assert apply(worst, Event.CLEAR, moment()).escalation == UNACKED.escalation
    assert apply(UNACKED, Event.CLEAR, moment()).escalation == Escalation()


def test_a_critical_one_that_comes_again_pages_all_who_were_reached() -> None:
    running = replace(
        PAST_GAP, worst=Severity.CRITICAL, escalation=Escalation(Status.RUN, 1, 100, None)
    )
    now = moment()
    after = apply(running, Event.SET, now)
    assert words(now) == "set, queued A, queued B"
    assert after.escalation == running.escalation


def test_a_policy_that_became_shorter_is_no_obstacle() -> None:
    short = replace(CHAIN, steps=CHAIN.steps[:1])
    now = moment(policy=short)
    critical(now)
    apply(replace(UNACKED, escalation=Escalation(Status.RUN, 1, 100, None)), Event.SEV_UP, now)
    assert words(now) == "sev_up, queued A"


def test_a_page_for_a_rise_is_not_repeated_when_a_consequence_is_released() -> None:
    waiting = replace(UNACKED, escalation=Escalation(), release_due=1_500)
    now = moment()
    critical(now)
    assert apply(waiting, Event.SEV_UP, now).release_due is None


def test_an_ack_holds_the_escalation_and_is_for_the_severity_that_was_seen() -> None:
    after = apply(replace(UNACKED, worst=Severity.CRITICAL), Event.ACK, moment(RE_ALARMING))
    assert (after.acked_by, after.acked_at, after.seen) == (("P",), 1_000, Severity.CRITICAL)
    assert (after.escalation.status, after.escalation.due) == (Status.HELD, None)
    assert after.remind_due == 4_600


def test_who_acknowledges_is_not_told_that_they_did() -> None:
    now = moment()
    now.by = "B"
    apply(TWO, Event.ACK, now)
    assert words(now) == "ack, notice A"


def test_an_ack_ends_a_pending_repeat() -> None:
    assert apply(replace(UNACKED, page_due=1_500), Event.ACK, moment()).page_due is None


def test_an_ack_that_saw_the_worst_is_taken() -> None:
    now = moment()
    now.seen = Severity.HIGH
    assert apply(UNACKED, Event.ACK, now).phase is Phase.A


def test_a_second_ack_adds_a_name_and_a_third_by_the_same_none() -> None:
    after = apply(ACKED, Event.ACK, moment())
    assert after.acked_by == ("A", "P")
    assert apply(after, Event.ACK, moment()).acked_by == ("A", "P")
    assert (after.acked_at, after.escalation) == (ACKED.acked_at, ACKED.escalation)


def test_unack_and_re_alarm_begin_from_step_0() -> None:
    for event in (Event.UNACK, Event.RE_ALARM):
        after = apply(replace(ACKED, remind_due=1_000), event, moment(RE_ALARMING))
        assert after.escalation == Escalation(Status.RUN, 0, 1_000, 1_300)
        assert (after.acked_by, after.seen, after.remind_due) == ((), None, None)


def test_a_re_alarm_says_who_had_it_and_since_when() -> None:
    now = moment(RE_ALARMING)
    apply(ACKED, Event.RE_ALARM, now)
    assert now.said[0].why == "acknowledged by A at 1970-01-01 00:16:40 UTC, not fixed"


def test_a_rise_while_unacked_does_not_delay_who_is_due_next() -> None:
    now = moment()
    critical(now)
    after = apply(UNACKED, Event.SEV_UP, now)
    assert after.escalation.due == UNACKED.escalation.due
    assert (after.severity, after.worst) == (Severity.CRITICAL, Severity.CRITICAL)


def test_a_fall_keeps_the_worst() -> None:
    now = moment()
    lower(now)
    after = apply(ACKED, Event.SEV_DOWN, now)
    assert (after.severity, after.worst, after.seen) == (
        Severity.LOW,
        Severity.HIGH,
        Severity.HIGH,
    )
    assert now.said[0].severity == "low"


def test_everyone_paged_gets_one_closing_message_that_says_why() -> None:
    now = moment()
    no_longer(now)
    after = apply(replace(ACKED, paged=("A", "B")), Event.EDIT, now)
    assert words(now) == "clear, all_clear A, all_clear B"
    assert {one.why for one in now.said} == {"limit edited by P"}
    assert (after.occurrence, after.paged, after.worst) == (4, (), None)


def test_a_removed_rule_that_paged_nobody_is_closed_all_the_same() -> None:
    now = moment()
    removed(now)
    apply(replace(UNACKED, paged=()), Event.EDIT, now)
    assert words(now) == "closed"


def test_a_consequence_is_listed_and_its_paging_rests() -> None:
    now = moment()
    explained(now)
    after = apply(NORMAL, Event.SET, now)
    assert (after.under, after.paged, after.escalation) == ("power", (), Escalation())
    assert now.said[-1].detail == {"cause": "power"}


def test_without_a_policy_nobody_is_paged() -> None:
    now = moment(policy=None)
    assert apply(NORMAL, Event.SET, now).escalation == Escalation()
    assert words(now) == "set"


def test_a_void_occurrence_is_taken_back_from_everyone_paged() -> None:
    now = moment()
    after = void(TWO, now)
    assert words(now) == "void, all_clear A, all_clear B"
    assert now.said[1].why.startswith("correction: ")
    assert after.phase is Phase.N


def test_there_is_nothing_to_take_back_from_a_normal_alarm() -> None:
    now = moment()
    assert void(NORMAL, now) is NORMAL
    assert not now.said


def test_states_before_and_after_stand_in_what_a_person_did() -> None:
    for alarm, event, change in (
        (UNACKED, Event.ACK, {"from": "U", "to": "A"}),
        (RETURNED, Event.ACK, {"from": "R", "to": "N"}),
        (LATCHED, Event.ACK, {"from": "LU", "to": "LA"}),
        (ACKED, Event.UNACK, {"from": "A", "to": "U"}),
        (LATCHED_ACKED, Event.RESET, {"from": "LA", "to": "N"}),
    ):
        now = moment(LATCHING)
        apply(alarm, event, now)
        assert now.said[0].detail == change
