"""An alarm in each of its phases, and the moment at which an event comes."""

from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.moment import Moment
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


def removed(now: Moment) -> None:
    now.removed, now.why = True, "rule removed by P"


def no_longer(now: Moment) -> None:
    now.still, now.why = False, "limit edited by P"


def critical(now: Moment) -> None:
    now.severity = Severity.CRITICAL


def lower(now: Moment) -> None:
    now.severity = Severity.LOW


def explained(now: Moment) -> None:
    now.cause = "power"


PAST_GAP = replace(RETURNED, paged_at=400)
INSIDE_GAP = replace(RETURNED, paged_at=401)
TWO = replace(UNACKED, paged=("A", "B"))


def words(now: Moment) -> str:
    return ", ".join(f"{one.what} {one.to}".strip() for one in now.said)
