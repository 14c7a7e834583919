"""What an escalation says, word for word."""

import msgspec
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.escalation import Event, escalate
from alerts.engine.moment import Moment
from alerts.policy import Policy, Step
from alerts.rule import Rule, Severity
from devices.duration import Duration

RULE = Rule(id="hot", channel="inc1.temperature", kind="high", limit=38.0)
CHAIN = Policy(
    id="chain",
    steps=(Step(after=Duration(0), to=("A",)), Step(after=Duration(300), to=("B",))),
    loop_after=Duration(900),
    fallback=("M",),
)
LAST = Escalation(Status.RUN, 1, 1_000, 1_900)
ALARM = Alarm(
    phase=Phase.U,
    occurrence=4,
    activation=2,
    since=700,
    value=38.4,
    worst=Severity.HIGH,
    paged=("A",),
    page_due=1_950,
)
UNANSWERED = "everyone in the chain was told, nobody acknowledged; it begins again"
NOT_ACKED = "high alarm, not acknowledged"


def spelt(now: Moment) -> list[dict[str, object]]:
    told = []
    for one in now.said:
        fields = msgspec.to_builtins(one)
        common = [
            fields.pop(name) for name in ("at", "rule", "channel", "occurrence", "activation")
        ]
        assert common == [now.now, "hot", "inc1.temperature", 4, 2]
        told.append(fields)
    return told


def page(to: str, step: int, why: str) -> dict[str, object]:
    return {
        "what": "queued",
        "severity": "high",
        "since": 700,
        "why": why,
        "to": to,
        "step": step,
        "value": 38.4,
    }


def moment(now: int, policy: Policy = CHAIN) -> Moment:
    return Moment(now=now, offset=0, rule=RULE, policy=policy)


def test_the_next_step_is_said_and_paged() -> None:
    now = moment(1_300)
    before = replace(ALARM, escalation=Escalation(Status.RUN, 0, 1_000, 1_300))
    after = escalate(before, Event.DUE, now)
    assert spelt(now) == [
        {
            "what": "escalate",
            "severity": "high",
            "why": "nobody acknowledged; the next are told",
            "step": 1,
        },
        page("B", 1, NOT_ACKED),
    ]
    assert after == replace(ALARM, escalation=LAST, paged=("A", "B"), paged_at=1_300, page_due=None)


def test_an_exhausted_chain_is_said_and_begins_again_with_the_fallback() -> None:
    now = moment(1_900)
    escalate(replace(ALARM, escalation=LAST), Event.DUE, now)
    assert spelt(now) == [
        {"what": "exhausted", "severity": "high", "why": UNANSWERED},
        page("M", 1, UNANSWERED),
        page("A", 0, NOT_ACKED),
    ]


def test_a_gap_in_the_rota_is_said_with_its_step() -> None:
    now = moment(1_300, replace(CHAIN, steps=(CHAIN.steps[0], Step(after=Duration(300), to=()))))
    before = replace(ALARM, escalation=Escalation(Status.RUN, 0, 1_000, 1_300))
    after = escalate(before, Event.DUE, now)
    why = "nobody on call for step 1 of 'chain'; the fallback list is paged"
    assert spelt(now)[1:] == [
        {"what": "system", "severity": "high", "why": why, "step": 1},
        page("M", 1, why),
    ]
    assert after.paged == ("A", "M")


def test_a_gap_without_a_fallback_is_said_as_well() -> None:
    now = moment(1_000, replace(CHAIN, steps=(Step(after=Duration(0), to=()),), fallback=()))
    after = escalate(ALARM, Event.START, now)
    why = "nobody on call for step 0 of 'chain', and it has no fallback list"
    assert spelt(now) == [{"what": "system", "severity": "high", "why": why, "step": 0}]
    assert after.page_due == 1_950


def test_what_set_the_alarm_is_the_reason_of_its_first_page() -> None:
    now = moment(1_000)
    now.why = "38.4 is too hot"
    escalate(ALARM, Event.START, now)
    assert spelt(now) == [page("A", 0, "38.4 is too hot")]


def test_an_alarm_without_a_severity_is_paged_all_the_same() -> None:
    now = moment(1_000)
    escalate(replace(ALARM, worst=None, since=0, value=None), Event.START, now)
    assert spelt(now) == [
        {"what": "queued", "why": " alarm, not acknowledged", "to": "A", "step": 0}
    ]
