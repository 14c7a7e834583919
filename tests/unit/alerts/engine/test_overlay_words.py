"""What table A3 says, word for word, and what is left in force afterwards."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.moment import Moment
from alerts.engine.overlay import BARE, Design, Overlay, Service, Shade, Shelf
from alerts.engine.suppression import Event, overlay
from alerts.policy import Policy, Step
from alerts.rule import Rule, Severity
from devices.duration import Duration

NOW = 10_000
CHAIN = Policy(id="chain", steps=(Step(after=Duration(0), to=("A",)),))
RULE = Rule(
    id="hot",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    severity="critical",
    shelve_max=Duration(2_000),
    suppress_cap=Duration(5_000),
)
PATIENT = replace(RULE, suppress_after=Duration(700))
NORMAL = Alarm(occurrence=4, activation=1, worst=Severity.CRITICAL, paged=("B", "P", "C"))
ACTIVE = replace(NORMAL, phase=Phase.U, since=100, value=38.4, paged=())
SHELF = Shelf(until=NOW + 500, one_shot=False, by="S", reason="calibration")
ONCE = replace(SHELF, one_shot=True)
DESIGN = Design(NOW + 1_000, "door-open holds")
PERMIT = Service(NOW + 800, "S", "repair")
ENDING = replace(DESIGN, ends=NOW + 200)
LATER = "1970-01-01 00:00:10 UTC"


def moment(rule: Rule = RULE, now: int = NOW, **also: object) -> Moment:
    fields: dict[str, object] = {
        "by": "P",
        "command": "c1",
        "note": "because",
        "until": NOW + 900,
        "why": "door-open holds",
    }
    made = Moment(now=now, offset=0, rule=rule, policy=CHAIN)
    for name, value in (fields | also).items():
        setattr(made, name, value)
    return made


def spelt(now: Moment) -> list[dict[str, object]]:
    """All fields but those that every transition of a moment has alike."""
    told = []
    for one in now.said:
        fields = msgspec.to_builtins(one)
        common = {"at": now.now, "rule": "hot", "channel": RULE.channel, "by": "P"}
        common |= {"command": "c1", "severity": "critical", "occurrence": 4, "activation": 1}
        assert {name: fields.pop(name) for name in common} == common
        told.append(fields)
    return told


class Case(NamedTuple):
    """From ``before`` by ``event`` to ``after``."""

    before: Overlay
    event: Event
    after: Overlay
    said: list[dict[str, object]]
    alarm: Alarm = NORMAL
    rule: Rule = RULE
    now: int = NOW
    also: Mapping[str, object] = MappingProxyType({})


def refused(why: str) -> list[dict[str, object]]:
    return [{"what": "refused", "why": why}]


def with_notices(what: str, why: str, **fields: object) -> list[dict[str, object]]:
    """It is said, and told to everyone paged but the one who did it."""
    return [
        {"what": what, "why": why} | fields,
        {"what": "notice", "to": "B", "why": why},
        {"what": "notice", "to": "C", "why": why},
    ]


def ended(what: str, why: str, held: int = 0) -> dict[str, object]:
    return {"what": what, "why": why, "count": held}


def paged(why: str) -> dict[str, object]:
    still = f"still active; {why}"
    return {"what": "queued", "to": "A", "step": 0, "why": still, "since": 100, "value": 38.4}


UNTIL = {"until": LATER, "reason": "because"}
SHELVED = Shelf(NOW + 900, one_shot=False, by="P", reason="because")
OFF = "taken off the shelf by P"
PERMIT_OVER = "the permit of S is over: repair"
SHELF_OVER = "the shelf of S is over: calibration"
TOO_LONG = "suppressed too long: door-open holds for longer than 5s"
UNKNOWN = "it is not known after the restart whether door-open holds"
CASES = {
    "shelved": Case(
        BARE,
        Event.SHELVE,
        Overlay(shelf=SHELVED, first=NOW),
        with_notices("shelved", f"shelved by P until {LATER}: because", detail=UNTIL),
    ),
    "shelved for one occurrence": Case(
        BARE,
        Event.SHELVE,
        Overlay(shelf=replace(SHELVED, one_shot=True), first=NOW),
        with_notices(
            "shelved",
            f"shelved by P until {LATER}, or until it returned once: because",
            detail=UNTIL,
        ),
        also={"one_shot": True},
    ),
    "shelved for longer": Case(
        Overlay(shelf=SHELF, first=NOW - 1_000, held=2),
        Event.SHELVE,
        Overlay(shelf=SHELVED, first=NOW - 1_000, held=2),
        with_notices("shelved", f"shelved by P until {LATER}: because", detail=UNTIL),
    ),
    "shelved to the cap": Case(
        Overlay(first=NOW - 1_100),
        Event.SHELVE,
        Overlay(shelf=SHELVED, first=NOW - 1_100),
        with_notices("shelved", f"shelved by P until {LATER}: because", detail=UNTIL),
    ),
    "shelved beyond the cap": Case(
        Overlay(first=NOW - 1_101),
        Event.SHELVE,
        Overlay(first=NOW - 1_101),
        refused(
            "it may be shelved for 2s from the first shelf, that is until "
            "1970-01-01 00:00:10 UTC; take it out of service for longer work"
        ),
    ),
    "shelved again when the first is as long ago as the cap": Case(
        Overlay(first=NOW - 2_000),
        Event.SHELVE,
        Overlay(shelf=SHELVED, first=NOW),
        with_notices("shelved", f"shelved by P until {LATER}: because", detail=UNTIL),
    ),
    "shelved without a reason": Case(
        BARE, Event.SHELVE, BARE, refused("a shelf needs a reason"), also={"note": ""}
    ),
    "shelved until now": Case(
        BARE,
        Event.SHELVE,
        BARE,
        refused("say for how long; a shelf ends by itself"),
        also={"until": NOW},
    ),
    "shelved for a moment": Case(
        BARE,
        Event.SHELVE,
        Overlay(shelf=replace(SHELVED, until=NOW + 1), first=NOW),
        with_notices("shelved", f"shelved by P until {LATER}: because", detail=UNTIL),
        also={"until": NOW + 1},
    ),
    "shelved while out of service": Case(
        Overlay(service=PERMIT),
        Event.SHELVE,
        Overlay(service=PERMIT),
        refused("it is out of service; a shelf would add nothing"),
    ),
    "taken off": Case(
        Overlay(shelf=SHELF, first=NOW - 100, held=3),
        Event.UNSHELVE,
        Overlay(first=NOW - 100),
        [ended("unshelved", OFF, 3), paged(OFF)],
        ACTIVE,
    ),
    "taken off, still suppressed": Case(
        Overlay(shelf=SHELF, design=DESIGN, held=3),
        Event.UNSHELVE,
        Overlay(design=DESIGN, held=3),
        [ended("unshelved", OFF, 3)],
        ACTIVE,
    ),
    "taken off what has no shelf": Case(BARE, Event.UNSHELVE, BARE, refused("it is not shelved")),
    "a shelf is over": Case(
        Overlay(shelf=SHELF, first=NOW, held=1),
        Event.EXPIRY,
        Overlay(first=NOW),
        [ended("unshelved", SHELF_OVER, 1), paged(SHELF_OVER)],
        ACTIVE,
        now=NOW + 500,
    ),
    "a permit is over": Case(
        Overlay(service=PERMIT),
        Event.EXPIRY,
        BARE,
        [ended("in_service", PERMIT_OVER), paged(PERMIT_OVER)],
        ACTIVE,
        now=NOW + 800,
    ),
    "a permit is not over yet": Case(
        Overlay(service=PERMIT), Event.EXPIRY, Overlay(service=PERMIT), [], now=NOW + 799
    ),
    "the cap of a suppression": Case(
        Overlay(design=DESIGN, held=2),
        Event.EXPIRY,
        Overlay(spent=True),
        [
            {"what": "system", "why": TOO_LONG},
            ended("unsuppressed", TOO_LONG, 2),
            paged(TOO_LONG),
        ],
        ACTIVE,
        now=NOW + 1_000,
    ),
    "the cap is not reached yet": Case(
        Overlay(design=DESIGN), Event.EXPIRY, Overlay(design=DESIGN), [], now=NOW + 999
    ),
    "the cap while it recovers": Case(
        Overlay(design=ENDING),
        Event.EXPIRY,
        BARE,
        [ended("unsuppressed", "door-open holds is over")],
        now=NOW + 1_000,
    ),
    "time to recover is over": Case(
        Overlay(design=ENDING, spent=False),
        Event.EXPIRY,
        BARE,
        [ended("unsuppressed", "door-open holds is over")],
        now=NOW + 200,
    ),
    "time to recover is not over yet": Case(
        Overlay(design=ENDING), Event.EXPIRY, Overlay(design=ENDING), [], now=NOW + 199
    ),
    "suppressed": Case(
        Overlay(shelf=SHELF),
        Event.DESIGN_TRUE,
        Overlay(shelf=SHELF, design=Design(NOW + 5_000, "door-open holds")),
        [
            {
                "what": "suppressed",
                "why": "suppressed while door-open holds, until "
                "1970-01-01 00:00:15 UTC at the latest",
                "detail": {"cause": "door-open holds", "until": "1970-01-01 00:00:15 UTC"},
            }
        ],
    ),
    "its cause holds again": Case(
        Overlay(design=ENDING), Event.DESIGN_TRUE, Overlay(design=DESIGN), []
    ),
    "its cause is over": Case(
        Overlay(design=DESIGN, held=1),
        Event.DESIGN_FALSE,
        BARE,
        [
            ended("unsuppressed", "door-open holds is over", 1),
            paged("door-open holds is over"),
        ],
        ACTIVE,
    ),
    "its cause is over, the value recovers": Case(
        Overlay(design=DESIGN),
        Event.DESIGN_FALSE,
        Overlay(design=replace(DESIGN, ends=NOW + 700)),
        [],
        rule=PATIENT,
    ),
    "its cause is over, it recovers already": Case(
        Overlay(design=ENDING), Event.DESIGN_FALSE, Overlay(design=ENDING), [], rule=PATIENT
    ),
    "the cause beyond the cap is over": Case(
        Overlay(spent=True, first=7), Event.DESIGN_FALSE, Overlay(first=7), []
    ),
    "the cause beyond the cap is over, out of service": Case(
        Overlay(spent=True, service=PERMIT), Event.DESIGN_FALSE, Overlay(service=PERMIT), []
    ),
    "out of service": Case(
        Overlay(shelf=SHELF),
        Event.SERVICE_ON,
        Overlay(shelf=SHELF, service=Service(NOW + 900, "P", "because")),
        with_notices("out_of_service", f"out of service by P until {LATER}: because", detail=UNTIL),
    ),
    "out of service until now": Case(
        BARE,
        Event.SERVICE_ON,
        BARE,
        refused("say until when; a permit ends by itself"),
        also={"until": NOW},
    ),
    "out of service for a moment": Case(
        BARE,
        Event.SERVICE_ON,
        Overlay(service=Service(NOW + 1, "P", "because")),
        with_notices("out_of_service", f"out of service by P until {LATER}: because", detail=UNTIL),
        also={"until": NOW + 1},
    ),
    "out of service without a reason": Case(
        BARE, Event.SERVICE_ON, BARE, refused("out of service needs a reason"), also={"note": " "}
    ),
    "a guard goes out of service": Case(
        BARE,
        Event.SERVICE_ON,
        BARE,
        refused("it guards what is out of service and stays in service itself"),
        rule=replace(RULE, guard=True),
    ),
    "back in service": Case(
        Overlay(service=PERMIT),
        Event.SERVICE_OFF,
        BARE,
        [ended("in_service", "put back into service by P"), paged("put back into service by P")],
        ACTIVE,
    ),
    "back in service that is in service": Case(
        Overlay(shelf=SHELF),
        Event.SERVICE_OFF,
        Overlay(shelf=SHELF),
        refused("it is not out of service"),
    ),
    "returned once": Case(
        Overlay(shelf=ONCE, first=NOW - 5, held=1),
        Event.CLEAR,
        BARE,
        [ended("unshelved", "it was shelved for one occurrence, which is over", 1)],
    ),
    "restarted, cause unknown": Case(
        Overlay(design=DESIGN),
        Event.RESTART,
        BARE,
        [ended("unsuppressed", UNKNOWN), paged(UNKNOWN)],
        ACTIVE,
        also={"still": False},
    ),
    "restarted, cause unknown, it recovers": Case(
        Overlay(design=ENDING), Event.RESTART, Overlay(design=ENDING), [], also={"still": False}
    ),
    "restarted, cause known": Case(
        Overlay(design=DESIGN), Event.RESTART, Overlay(design=DESIGN), []
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_event_is_told_in_full(name: str) -> None:
    case = CASES[name]
    now = moment(case.rule, case.now, **case.also)
    after = overlay(replace(case.alarm, overlay=case.before), case.event, now)
    assert spelt(now) == case.said
    assert after.overlay == case.after


@pytest.mark.parametrize("event", [Event.SHELVE, Event.DESIGN_TRUE, Event.SERVICE_ON, Event.SET])
def test_nothing_waits_to_page_under_an_overlay(event: Event) -> None:
    running = Escalation(Status.RUN, 0, 9_900, 10_200)
    waiting = replace(ACTIVE, page_due=1, release_due=2, escalation=running)
    before = Overlay(shelf=SHELF) if event is Event.SET else BARE
    after = overlay(replace(waiting, overlay=before), event, moment())
    assert (after.page_due, after.release_due, after.escalation) == (None, None, Escalation())


@pytest.mark.parametrize(
    ("state", "shade", "due"),
    [
        (BARE, Shade.NONE, None),
        (Overlay(shelf=SHELF), Shade.SHELVED, NOW + 500),
        (Overlay(shelf=SHELF, design=DESIGN), Shade.DESIGN, NOW + 500),
        (Overlay(design=ENDING), Shade.DESIGN, NOW + 200),
        (Overlay(design=DESIGN), Shade.DESIGN, NOW + 1_000),
        (Overlay(design=DESIGN, service=PERMIT), Shade.SERVICE, NOW + 800),
    ],
)
def test_the_strongest_is_in_force_and_the_first_to_end_is_due(
    state: Overlay, shade: Shade, due: int | None
) -> None:
    assert (state.shade, state.due) == (shade, due)
