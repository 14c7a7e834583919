"""Table A2 cell by cell: what becomes of an alarm, what is said, and who is paged."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Phase
from alerts.engine.core import A2, Event, apply
from alerts.engine.moment import Moment
from alerts.engine.trend import Trend
from alerts.rule import Rule, Severity
from tests.unit.alerts.engine.alarm_states import (
    ACKED,
    FALLING,
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
    WALL,
    critical,
    explained,
    lower,
    moment,
    no_longer,
    removed,
    words,
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


def saw_less(now: Moment) -> None:
    now.seen = Severity.MEDIUM


NOTHING_OPEN = "nothing to acknowledge: there is no open alarm"
STILL_ACTIVE = "it is still active; a reset needs the condition to be gone"
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
