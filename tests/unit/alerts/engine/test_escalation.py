"""Table A5 cell by cell, and what a chain does over time."""

from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.escalation import A5, Event, escalate
from alerts.engine.moment import Moment
from alerts.policy import Policy, Step
from alerts.rule import Rule, Severity
from alerts.transition import What
from devices.duration import Duration

RULE = Rule(id="hot", channel="inc1.temperature", kind="high", limit=38.0)
CHAIN = Policy(
    id="chain",
    steps=(Step(after=Duration(0), to=("A",)), Step(after=Duration(300), to=("B", "C"))),
    loop_after=Duration(900),
    fallback=("M",),
)
IDLE = Escalation()
FIRST = Escalation(Status.RUN, 0, 1_000, 1_300)
LAST = Escalation(Status.RUN, 1, 1_000, 1_900)
OVER = Escalation(Status.RUN, 1, 1_000)
HELD = Escalation(Status.HELD, 1)
EXHAUSTED = Escalation(Status.EXHAUSTED, 0, 1_900, 2_200)


class Cell(NamedTuple):
    """From ``before`` by ``event`` at ``now`` to ``after``, paging ``paged``."""

    before: Escalation
    event: Event
    now: int
    after: Escalation
    paged: str = ""
    worst: Severity = Severity.HIGH
    case: str = ""


CELLS = [
    Cell(IDLE, Event.START, 1_000, FIRST, "A"),
    Cell(IDLE, Event.DUE, 1_000, IDLE),
    Cell(IDLE, Event.ACK, 1_000, IDLE),
    Cell(IDLE, Event.AGAIN, 1_000, FIRST, "A"),
    Cell(IDLE, Event.CLEAR, 1_000, IDLE),
    Cell(IDLE, Event.NOBODY, 1_000, IDLE),
    Cell(IDLE, Event.RESTART, 1_000, IDLE),
    Cell(FIRST, Event.START, 1_100, FIRST),
    Cell(FIRST, Event.START, 1_300, FIRST, case="its next step is due"),
    Cell(FIRST, Event.DUE, 1_300, LAST, "B C", case="next step"),
    Cell(FIRST, Event.DUE, 1_299, FIRST, case="not yet"),
    Cell(LAST, Event.DUE, 1_900, EXHAUSTED, "M A", case="after the last"),
    Cell(LAST, Event.ACK, 1_400, HELD),
    Cell(FIRST, Event.AGAIN, 1_100, FIRST),
    Cell(FIRST, Event.CLEAR, 1_100, IDLE),
    Cell(FIRST, Event.CLEAR, 1_100, FIRST, "", Severity.CRITICAL, "critical"),
    Cell(FIRST, Event.NOBODY, 1_000, FIRST, "M"),
    Cell(FIRST, Event.RESTART, 1_299, FIRST, case="not yet due"),
    Cell(FIRST, Event.RESTART, 1_700, LAST, "B C", case="fell due while down"),
    Cell(OVER, Event.DUE, 9_000, OVER, case="nothing more is due"),
    Cell(OVER, Event.RESTART, 9_000, OVER, case="nothing more is due"),
    Cell(HELD, Event.START, 1_000, HELD),
    Cell(HELD, Event.DUE, 9_000, HELD),
    Cell(HELD, Event.ACK, 1_000, HELD),
    Cell(HELD, Event.AGAIN, 1_000, FIRST, "A"),
    Cell(HELD, Event.CLEAR, 1_000, IDLE),
    Cell(HELD, Event.NOBODY, 1_000, HELD),
    Cell(HELD, Event.RESTART, 9_000, HELD),
    Cell(EXHAUSTED, Event.START, 2_000, EXHAUSTED),
    Cell(EXHAUSTED, Event.START, 2_200, EXHAUSTED, case="its next step is due"),
    Cell(EXHAUSTED, Event.DUE, 2_200, Escalation(Status.EXHAUSTED, 1, 1_900, 2_800), "B C"),
    Cell(
        Escalation(Status.EXHAUSTED, 1, 1_900, 2_800),
        Event.DUE,
        2_800,
        Escalation(Status.EXHAUSTED, 0, 2_800, 3_100),
        "M A",
        case="again",
    ),
    Cell(EXHAUSTED, Event.ACK, 2_000, Escalation(Status.HELD, 0)),
    Cell(EXHAUSTED, Event.AGAIN, 1_000, FIRST, "A"),
    Cell(EXHAUSTED, Event.CLEAR, 2_000, IDLE),
    Cell(EXHAUSTED, Event.CLEAR, 2_000, IDLE, "", Severity.CRITICAL, "critical"),
    Cell(EXHAUSTED, Event.NOBODY, 2_000, EXHAUSTED, "M"),
    Cell(EXHAUSTED, Event.RESTART, 2_300, Escalation(Status.EXHAUSTED, 1, 1_900, 2_800), "B C"),
]


def alarm(escalation: Escalation, worst: Severity = Severity.HIGH) -> Alarm:
    return Alarm(phase=Phase.U, occurrence=1, activation=1, worst=worst, escalation=escalation)


def moment(now: int, policy: Policy | None = CHAIN) -> Moment:
    return Moment(now=now, offset=0, rule=RULE, policy=policy)


def paged(now: Moment) -> str:
    return " ".join(one.to for one in now.said if one.what is What.QUEUED)


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell.before.status}-{cell.event}-{cell.case}".rstrip("-")
)
def test_each_cell_of_a5_does_what_the_table_says(cell: Cell) -> None:
    now = moment(cell.now)
    after = escalate(alarm(cell.before, cell.worst), cell.event, now)
    assert after.escalation == cell.after
    assert paged(now) == cell.paged
    assert after.paged == tuple(cell.paged.split())


def test_no_cell_of_a5_is_forgotten() -> None:
    wanted = set(product(Status, Event))
    assert len(wanted) == 28
    assert set(A5) == wanted
    assert {(cell.before.status, cell.event) for cell in CELLS} == wanted


def test_steps_that_fell_due_together_are_run_together_in_order() -> None:
    three = replace(CHAIN, steps=(*CHAIN.steps, Step(after=Duration(600), to=("D",))))
    now = moment(1_600, three)
    after = escalate(alarm(FIRST), Event.DUE, now)
    assert paged(now) == "B C D"
    assert [one.step for one in now.said if one.what is What.ESCALATE] == [1, 2]
    assert after.escalation == Escalation(Status.RUN, 2, 1_000, 1_900)


def test_a_first_step_with_a_delay_waits_for_it() -> None:
    patient = replace(CHAIN, steps=(Step(after=Duration(60), to=("A",)),))
    now = moment(1_000, patient)
    waiting = escalate(alarm(IDLE), Event.START, now)
    assert (waiting.escalation, paged(now)) == (Escalation(Status.RUN, -1, 1_000, 1_060), "")
    later = moment(1_060, patient)
    after = escalate(waiting, Event.DUE, later)
    assert (after.escalation.step, paged(later)) == (0, "A")


def test_without_a_loop_the_last_step_is_the_end() -> None:
    once = replace(CHAIN, loop_after=None)
    after = escalate(alarm(FIRST), Event.DUE, moment(1_300, once))
    assert after.escalation == Escalation(Status.RUN, 1, 1_000, None)


def test_an_exhausted_chain_says_so_once_a_round() -> None:
    now = moment(1_900)
    escalate(alarm(LAST), Event.DUE, now)
    assert [one.what for one in now.said if one.what is What.EXHAUSTED] == [What.EXHAUSTED]


@pytest.mark.parametrize("fallback", [("M", "N"), ()])
def test_nobody_on_call_is_said_and_the_fallback_paged_at_once(fallback: tuple[str, ...]) -> None:
    gap = replace(CHAIN, steps=(Step(after=Duration(0), to=()),), fallback=fallback)
    now = moment(1_000, gap)
    after = escalate(alarm(IDLE), Event.START, now)
    assert now.said[0].what is What.SYSTEM
    assert "nobody on call" in now.said[0].why
    assert after.paged == fallback


def test_the_rota_decides_who_is_on_a_step_when_it_is_run() -> None:
    now = moment(1_300)
    now.on_call = lambda _policy, step: ("S",) if step == 1 else ()
    escalate(alarm(FIRST), Event.DUE, now)
    assert paged(now) == "S"


def test_a_policy_that_was_taken_away_ends_an_escalation_that_is_due() -> None:
    assert escalate(alarm(FIRST), Event.DUE, moment(1_300, None)).escalation == IDLE


def test_a_loop_that_was_taken_away_ends_after_the_last_step() -> None:
    now = moment(1_900, replace(CHAIN, loop_after=None))
    after = escalate(alarm(LAST), Event.DUE, now)
    assert after.escalation == replace(LAST, due=None)
    assert not now.said


@pytest.mark.parametrize("policy", [None, replace(CHAIN, steps=())])
def test_without_anybody_to_tell_there_is_no_escalation(policy: Policy | None) -> None:
    now = moment(1_000, policy)
    assert escalate(alarm(IDLE), Event.START, now) == alarm(IDLE)
    assert escalate(alarm(FIRST), Event.START, now) == alarm(FIRST)
    assert not now.said
