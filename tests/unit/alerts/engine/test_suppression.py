"""Table A3 cell by cell: what is in force after it, what is said, and who is paged."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.core import Event as Core
from alerts.engine.core import apply
from alerts.engine.moment import Moment
from alerts.engine.overlay import Design, Overlay, Service, Shade, Shelf
from alerts.engine.suppression import A3, Event, Row, overlay, row
from alerts.policy import Policy, Step
from alerts.rule import Rule, Severity
from alerts.transition import What
from devices.duration import Duration

NOW = 10_000
CAP = 2_000
CHAIN = Policy(
    id="chain",
    steps=(Step(after=Duration(0), to=("A",)), Step(after=Duration(300), to=("B",))),
)
RULE = Rule(
    id="hot",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    severity="critical",
    shelve_max=Duration(CAP),
    suppress_cap=Duration(5_000),
)
GUARD = replace(RULE, guard=True)
PATIENT = replace(RULE, suppress_after=Duration(700))
UNCAPPED = replace(RULE, suppress_cap=None)

ACTIVE = Alarm(
    phase=Phase.U,
    occurrence=4,
    activation=1,
    since=100,
    value=38.4,
    severity=Severity.CRITICAL,
    worst=Severity.CRITICAL,
    paged=("A",),
    paged_at=100,
    page_due=10_500,
    escalation=Escalation(Status.RUN, 0, 9_900, 10_200),
)
NORMAL = Alarm(occurrence=3)
ACKED = replace(ACTIVE, phase=Phase.A, acked_by=("A",), escalation=Escalation(Status.HELD))

SHELF = Shelf(until=NOW + 500, one_shot=False, by="S", reason="calibration")
ONCE = Shelf(until=NOW + 500, one_shot=True, by="S", reason="loading")
DESIGN = Design(NOW + 1_000, "door-open holds")
PERMIT = Service(NOW + 800, "S", "repair")
OVERLAYS = {
    Row.NONE: Overlay(),
    Row.TIMED: Overlay(shelf=SHELF, first=NOW - 1_000),
    Row.ONE_SHOT: Overlay(shelf=ONCE, first=NOW - 1_000),
    Row.DESIGN: Overlay(design=DESIGN),
    Row.SERVICE: Overlay(service=PERMIT),
}
SHADED = {
    Row.NONE: Shade.NONE,
    Row.TIMED: Shade.SHELVED,
    Row.ONE_SHOT: Shade.SHELVED,
    Row.DESIGN: Shade.DESIGN,
    Row.SERVICE: Shade.SERVICE,
}


def moment(rule: Rule = RULE, *, now: int = NOW) -> Moment:
    return Moment(
        now=now,
        offset=0,
        rule=rule,
        policy=CHAIN,
        by="P",
        command="c1",
        note="because",
        until=now + 900,
        why="door-open holds",
    )


def under(start: Row, alarm: Alarm = ACTIVE, **also: object) -> Alarm:
    """An alarm in that row, as it is when an overlay lies over it: nothing is paged."""
    shade = replace(OVERLAYS[start], **also)
    if start is Row.NONE:
        return replace(alarm, overlay=shade)
    return replace(alarm, overlay=shade, escalation=Escalation(), page_due=None)


class Cell(NamedTuple):
    """From row ``start`` by ``event`` to ``ends``, saying ``said`` (``what to`` to a person)."""

    start: Row
    event: Event
    ends: Row
    said: str = ""
    alarm: Alarm = ACTIVE
    rule: Rule = RULE
    now: int = NOW
    change: Callable[[Moment], None] = lambda _: None
    over: Overlay | None = None
    case: str = ""


def without_reason(now: Moment) -> None:
    now.note = " "


def without_end(now: Moment) -> None:
    now.until = 0


def beyond_the_cap(now: Moment) -> None:
    now.until = NOW - 1_000 + CAP + 1


def to_the_cap(now: Moment) -> None:
    now.until = NOW - 1_000 + CAP


def once(now: Moment) -> None:
    now.one_shot = True


def unknown(now: Moment) -> None:
    now.still = False


NO_ROOM = "refused"
PAGES = "queued A"
BOTH = Overlay(shelf=SHELF, design=DESIGN)
SERVED = Overlay(shelf=SHELF, design=DESIGN, service=PERMIT)
ENDING = Overlay(design=replace(DESIGN, ends=NOW + 200))
SPENT = Overlay(spent=True)
CELLS = [
    Cell(Row.NONE, Event.SHELVE, Row.TIMED, "shelved, notice A"),
    Cell(Row.NONE, Event.SHELVE, Row.ONE_SHOT, "shelved, notice A", change=once, case="one-shot"),
    Cell(Row.NONE, Event.SHELVE, Row.NONE, NO_ROOM, change=without_reason, case="no reason"),
    Cell(Row.NONE, Event.SHELVE, Row.NONE, NO_ROOM, change=without_end, case="no end"),
    Cell(Row.NONE, Event.SHELVE, Row.TIMED, "shelved", alarm=NORMAL, case="normal"),
    Cell(
        Row.NONE,
        Event.SHELVE,
        Row.NONE,
        NO_ROOM,
        over=Overlay(first=NOW - CAP + 100),
        case="taken off and shelved again",
    ),
    Cell(
        Row.NONE,
        Event.SHELVE,
        Row.TIMED,
        "shelved, notice A",
        over=Overlay(first=NOW - CAP),
        case="long after the first",
    ),
    Cell(Row.NONE, Event.UNSHELVE, Row.NONE, NO_ROOM),
    Cell(Row.NONE, Event.EXPIRY, Row.NONE),
    Cell(Row.NONE, Event.DESIGN_TRUE, Row.DESIGN, "suppressed"),
    Cell(Row.NONE, Event.DESIGN_TRUE, Row.NONE, over=SPENT, case="cap was reached"),
    Cell(Row.NONE, Event.DESIGN_TRUE, Row.NONE, rule=UNCAPPED, case="without a cap"),
    Cell(Row.NONE, Event.DESIGN_FALSE, Row.NONE),
    Cell(Row.NONE, Event.SERVICE_ON, Row.SERVICE, "out_of_service, notice A"),
    Cell(Row.NONE, Event.SERVICE_ON, Row.NONE, NO_ROOM, rule=GUARD, case="guard"),
    Cell(Row.NONE, Event.SERVICE_ON, Row.NONE, NO_ROOM, change=without_reason, case="no reason"),
    Cell(Row.NONE, Event.SERVICE_ON, Row.NONE, NO_ROOM, change=without_end, case="no end"),
    Cell(Row.NONE, Event.SERVICE_OFF, Row.NONE, NO_ROOM),
    Cell(Row.NONE, Event.SET, Row.NONE, PAGES),
    Cell(Row.NONE, Event.CLEAR, Row.NONE),
    Cell(Row.NONE, Event.RESTART, Row.NONE),
    Cell(Row.TIMED, Event.SHELVE, Row.TIMED, "shelved, notice A", change=to_the_cap),
    Cell(Row.TIMED, Event.SHELVE, Row.TIMED, NO_ROOM, change=beyond_the_cap, case="cap"),
    Cell(Row.TIMED, Event.UNSHELVE, Row.NONE, f"unshelved, {PAGES}"),
    Cell(Row.TIMED, Event.UNSHELVE, Row.NONE, "unshelved", alarm=ACKED, case="acknowledged"),
    Cell(Row.TIMED, Event.UNSHELVE, Row.NONE, "unshelved", alarm=NORMAL, case="normal"),
    Cell(Row.TIMED, Event.EXPIRY, Row.NONE, f"unshelved, {PAGES}", now=NOW + 500),
    Cell(Row.TIMED, Event.EXPIRY, Row.TIMED, now=NOW + 499, case="not yet"),
    Cell(Row.TIMED, Event.DESIGN_TRUE, Row.DESIGN, "suppressed"),
    Cell(Row.TIMED, Event.DESIGN_FALSE, Row.TIMED),
    Cell(Row.TIMED, Event.SERVICE_ON, Row.SERVICE, "out_of_service, notice A"),
    Cell(Row.TIMED, Event.SERVICE_OFF, Row.TIMED, NO_ROOM),
    Cell(Row.TIMED, Event.SET, Row.TIMED),
    Cell(Row.TIMED, Event.CLEAR, Row.TIMED),
    Cell(Row.TIMED, Event.CLEAR, Row.TIMED, now=NOW + 500, case="its timer ends it"),
    Cell(Row.TIMED, Event.RESTART, Row.TIMED),
    Cell(Row.TIMED, Event.RESTART, Row.NONE, f"unshelved, {PAGES}", now=NOW + 9_000, case="over"),
    Cell(Row.ONE_SHOT, Event.SHELVE, Row.TIMED, "shelved, notice A", change=to_the_cap),
    Cell(Row.ONE_SHOT, Event.UNSHELVE, Row.NONE, f"unshelved, {PAGES}"),
    Cell(Row.ONE_SHOT, Event.EXPIRY, Row.NONE, f"unshelved, {PAGES}", now=NOW + 500),
    Cell(Row.ONE_SHOT, Event.DESIGN_TRUE, Row.DESIGN, "suppressed"),
    Cell(Row.ONE_SHOT, Event.DESIGN_FALSE, Row.ONE_SHOT),
    Cell(Row.ONE_SHOT, Event.SERVICE_ON, Row.SERVICE, "out_of_service, notice A"),
    Cell(Row.ONE_SHOT, Event.SERVICE_OFF, Row.ONE_SHOT, NO_ROOM),
    Cell(Row.ONE_SHOT, Event.SET, Row.ONE_SHOT),
    Cell(Row.ONE_SHOT, Event.CLEAR, Row.NONE, "unshelved", alarm=NORMAL),
    Cell(Row.ONE_SHOT, Event.RESTART, Row.ONE_SHOT),
    Cell(Row.DESIGN, Event.SHELVE, Row.DESIGN, "shelved, notice A"),
    Cell(Row.DESIGN, Event.UNSHELVE, Row.DESIGN, NO_ROOM),
    Cell(Row.DESIGN, Event.UNSHELVE, Row.DESIGN, "unshelved", over=BOTH, case="kept under it"),
    Cell(Row.DESIGN, Event.EXPIRY, Row.NONE, f"system, unsuppressed, {PAGES}", now=NOW + 1_000),
    Cell(Row.DESIGN, Event.EXPIRY, Row.DESIGN, "unshelved", now=NOW + 500, over=BOTH, case="shelf"),
    Cell(
        Row.DESIGN,
        Event.EXPIRY,
        Row.NONE,
        f"unsuppressed, {PAGES}",
        now=NOW + 200,
        over=ENDING,
        case="recovered for long enough",
    ),
    Cell(Row.DESIGN, Event.DESIGN_TRUE, Row.DESIGN),
    Cell(Row.DESIGN, Event.DESIGN_FALSE, Row.NONE, f"unsuppressed, {PAGES}"),
    Cell(Row.DESIGN, Event.DESIGN_FALSE, Row.TIMED, "unsuppressed", over=BOTH, case="shelf"),
    Cell(Row.DESIGN, Event.DESIGN_FALSE, Row.DESIGN, rule=PATIENT, case="time to recover"),
    Cell(Row.DESIGN, Event.DESIGN_FALSE, Row.NONE, "unsuppressed", alarm=ACKED, case="acked"),
    Cell(Row.DESIGN, Event.SERVICE_ON, Row.SERVICE, "out_of_service, notice A"),
    Cell(Row.DESIGN, Event.SERVICE_OFF, Row.DESIGN, NO_ROOM),
    Cell(Row.DESIGN, Event.SET, Row.DESIGN),
    Cell(Row.DESIGN, Event.CLEAR, Row.DESIGN),
    Cell(Row.DESIGN, Event.CLEAR, Row.DESIGN, now=NOW + 1_000, case="its timer ends it"),
    Cell(Row.DESIGN, Event.RESTART, Row.DESIGN),
    Cell(Row.DESIGN, Event.RESTART, Row.NONE, f"unsuppressed, {PAGES}", change=unknown, case="?"),
    Cell(Row.SERVICE, Event.SHELVE, Row.SERVICE, NO_ROOM),
    Cell(Row.SERVICE, Event.UNSHELVE, Row.SERVICE, NO_ROOM),
    Cell(Row.SERVICE, Event.UNSHELVE, Row.SERVICE, "unshelved", over=SERVED, case="kept under it"),
    Cell(Row.SERVICE, Event.EXPIRY, Row.NONE, f"in_service, {PAGES}", now=NOW + 800),
    Cell(
        Row.SERVICE,
        Event.EXPIRY,
        Row.DESIGN,
        "in_service, unshelved",
        now=NOW + 800,
        over=SERVED,
        case="others under it",
    ),
    Cell(Row.SERVICE, Event.DESIGN_TRUE, Row.SERVICE),
    Cell(Row.SERVICE, Event.DESIGN_FALSE, Row.SERVICE),
    Cell(Row.SERVICE, Event.DESIGN_FALSE, Row.SERVICE, "unsuppressed", over=SERVED, case="under"),
    Cell(Row.SERVICE, Event.SERVICE_ON, Row.SERVICE, "out_of_service, notice A"),
    Cell(Row.SERVICE, Event.SERVICE_OFF, Row.NONE, f"in_service, {PAGES}"),
    Cell(Row.SERVICE, Event.SERVICE_OFF, Row.DESIGN, "in_service", over=SERVED, case="others"),
    Cell(Row.SERVICE, Event.SET, Row.SERVICE),
    Cell(Row.SERVICE, Event.CLEAR, Row.SERVICE),
    Cell(Row.SERVICE, Event.CLEAR, Row.SERVICE, now=NOW + 800, case="its timer ends it"),
    Cell(Row.SERVICE, Event.RESTART, Row.SERVICE),
    Cell(Row.SERVICE, Event.RESTART, Row.NONE, f"in_service, {PAGES}", now=NOW + 801, case="over"),
]


def named(cell: Cell) -> str:
    return " ".join(part for part in (cell.start, "+", cell.event, cell.case) if part)


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_each_cell_does_what_the_table_says(cell: Cell) -> None:
    alarm = under(cell.start, cell.alarm)
    if cell.over is not None:
        alarm = replace(alarm, overlay=cell.over)
    now = moment(cell.rule, now=cell.now)
    cell.change(now)
    after = overlay(alarm, cell.event, now)
    assert row(after.overlay) is cell.ends
    said = ", ".join(f"{one.what} {one.to}".strip() for one in now.said)
    assert said == cell.said
    assert after.phase is alarm.phase
    assert after.overlay.shade is SHADED[cell.ends]


def test_every_cell_of_the_table_is_there_and_tried() -> None:
    wanted = set(product(Row, Event))
    assert set(A3) == wanted
    assert {(cell.start, cell.event) for cell in CELLS} == wanted


@pytest.mark.parametrize(
    ("event", "start"),
    [(Event.SHELVE, Row.NONE), (Event.DESIGN_TRUE, Row.NONE), (Event.SERVICE_ON, Row.NONE)],
)
def test_what_falls_quiet_has_no_page_waiting(event: Event, start: Row) -> None:
    after = overlay(under(start), event, moment())
    assert (after.escalation, after.page_due) == (Escalation(), None)


@pytest.mark.parametrize("start", [Row.TIMED, Row.ONE_SHOT, Row.DESIGN, Row.SERVICE])
def test_what_is_set_under_an_overlay_is_counted_and_said_to_be_held(start: Row) -> None:
    now = moment()
    now.severity = Severity.CRITICAL
    after = apply(under(start, NORMAL), Core.SET, now)
    assert [one.what for one in now.said] == [What.SET]
    assert now.said[0].held == SHADED[start].value
    assert after.phase is Phase.U
    assert after.overlay.held == 1
    assert after.due == OVERLAYS[start].due


@pytest.mark.parametrize("start", [Row.TIMED, Row.DESIGN, Row.SERVICE])
def test_the_all_clear_is_never_muted(start: Row) -> None:
    now = moment()
    apply(under(start, ACKED), Core.CLEAR, now)
    assert [(one.what, one.to) for one in now.said] == [(What.CLEAR, ""), (What.ALL_CLEAR, "A")]


@pytest.mark.parametrize("start", [Row.TIMED, Row.DESIGN, Row.SERVICE])
def test_nothing_reminds_or_worsens_into_a_page(start: Row) -> None:
    for event in (Core.SEV_UP, Core.RE_ALARM, Core.UNACK):
        now = moment(replace(RULE, re_alarm=Duration(60)))
        now.severity = Severity.CRITICAL
        milder = replace(ACKED, seen=Severity.HIGH, worst=Severity.HIGH, severity=Severity.HIGH)
        after = apply(under(start, milder), event, now)
        assert What.QUEUED not in {one.what for one in now.said}
        assert after.overlay.held == 1
        assert after.escalation == Escalation()


def test_the_end_of_an_overlay_says_how_much_it_held() -> None:
    now = moment()
    after = overlay(under(Row.TIMED, held=3), Event.UNSHELVE, now)
    assert now.said[0].count == 3
    assert after.overlay.held == 0


def test_the_cap_of_a_shelf_counts_from_the_first_one_even_when_it_was_taken_off() -> None:
    first = overlay(under(Row.NONE), Event.SHELVE, moment())
    off = overlay(first, Event.UNSHELVE, moment(now=NOW + 100))
    again = moment(now=NOW + 1_200)
    refused = overlay(off, Event.SHELVE, again)
    assert row(refused.overlay) is Row.NONE
    assert "from the first shelf" in again.said[-1].why


def test_a_cause_that_outlasted_the_cap_suppresses_again_only_after_it_was_over() -> None:
    capped = overlay(under(Row.DESIGN), Event.EXPIRY, moment(now=NOW + 1_000))
    assert row(overlay(capped, Event.DESIGN_TRUE, moment(now=NOW + 1_100)).overlay) is Row.NONE
    over = overlay(capped, Event.DESIGN_FALSE, moment(now=NOW + 1_200))
    assert row(overlay(over, Event.DESIGN_TRUE, moment(now=NOW + 1_300)).overlay) is Row.DESIGN


def test_time_to_recover_does_not_reach_beyond_the_cap() -> None:
    near = under(Row.DESIGN, design=replace(DESIGN, until=NOW + 100))
    after = overlay(near, Event.DESIGN_FALSE, moment(PATIENT))
    assert after.overlay.design == Design(NOW + 100, "door-open holds", NOW + 100)


def test_a_cause_that_comes_back_while_the_value_recovers_goes_on_under_the_same_cap() -> None:
    waiting = overlay(under(Row.DESIGN), Event.DESIGN_FALSE, moment(PATIENT))
    assert waiting.overlay.due == NOW + 700
    after = overlay(waiting, Event.DESIGN_TRUE, moment(PATIENT, now=NOW + 300))
    assert after.overlay.design == DESIGN


def test_a_cause_that_comes_back_under_a_permit_has_no_end_any_more() -> None:
    waiting = replace(OVERLAYS[Row.SERVICE], design=replace(DESIGN, ends=NOW + 200))
    after = overlay(replace(under(Row.SERVICE), overlay=waiting), Event.DESIGN_TRUE, moment())
    assert after.overlay == Overlay(service=PERMIT, design=DESIGN)
