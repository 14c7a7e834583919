"""What the cells of table A2 mean for people: who is paged again, who hears the end, who has it."""

from msgspec.structs import replace

from alerts.engine.alarm import Escalation, Phase, Status
from alerts.engine.core import Event, apply, void
from alerts.engine.overlay import Overlay, Shelf
from alerts.engine.trend import Trend
from alerts.rule import Severity
from devices.duration import Duration
from tests.unit.alerts.engine.alarm_states import (
    ACKED,
    CHAIN,
    INSIDE_GAP,
    LATCHED,
    LATCHED_ACKED,
    LATCHING,
    NORMAL,
    PAST_GAP,
    RE_ALARMING,
    RETURNED,
    RISING,
    RULE,
    TWO,
    UNACKED,
    critical,
    explained,
    lower,
    moment,
    no_longer,
    removed,
    words,
)


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
