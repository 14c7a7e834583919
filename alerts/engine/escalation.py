"""Table A5: who is paged next while nobody acknowledges."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Status
from alerts.engine.moment import Moment
from alerts.rule import Severity
from alerts.transition import What


class Event(StrEnum):
    """Columns of the table."""

    START = "start"
    DUE = "step due"
    ACK = "ack"
    AGAIN = "re-alarm/unack"
    CLEAR = "clr"
    NOBODY = "empty rota"
    RESTART = "restart"


Action = Callable[[Alarm, Moment], Escalation]


def escalate(alarm: Alarm, event: Event, moment: Moment) -> Alarm:
    """The cell of table A5; the alarm with its escalation moved on and its people booked."""
    moved = A5[alarm.escalation.status, event](alarm, moment)
    return moment.book(replace(alarm, escalation=moved))


def stay(alarm: Alarm, _moment: Moment) -> Escalation:
    """No change."""
    return alarm.escalation


def stop(_alarm: Alarm, _moment: Moment) -> Escalation:
    """To IDLE."""
    return Escalation()


def hold(alarm: Alarm, _moment: Moment) -> Escalation:
    """To HELD: somebody has it."""
    return Escalation(status=Status.HELD, step=alarm.escalation.step)


def begin(alarm: Alarm, moment: Moment) -> Escalation:
    """To RUN(0): a round from the first step. Without a policy nobody is paged."""
    if moment.policy is None or not moment.policy.steps:
        return Escalation()
    fresh = Escalation(status=Status.RUN, begun=moment.now)
    return _advanced(replace(alarm, escalation=fresh), moment)


def go_on(alarm: Alarm, moment: Moment) -> Escalation:
    """Step due: the next one, or after the last EXHAUSTED and round again."""
    escalation, policy = alarm.escalation, moment.policy
    if escalation.due is None or escalation.due > moment.now:
        return escalation
    if policy is None or not policy.steps:
        return Escalation()
    if escalation.step + 1 < len(policy.steps) or policy.loop_after is None:
        return _advanced(alarm, moment)
    why = "everyone in the chain was told, nobody acknowledged; it begins again"
    moment.say(alarm, What.EXHAUSTED, why=why)
    moment.page(alarm, policy.fallback, escalation.step, why)
    fresh = Escalation(status=Status.EXHAUSTED, begun=moment.now)
    return _advanced(replace(alarm, escalation=fresh), moment)


def fall_back(alarm: Alarm, moment: Moment) -> Escalation:
    """Nobody is on call for the step: the fallback list at once, and it is said."""
    policy, step = moment.policy, alarm.escalation.step
    if policy is None:
        return alarm.escalation
    if policy.fallback:
        why = f"nobody on call for step {step} of {policy.id!r}; the fallback list is paged"
    else:
        why = f"nobody on call for step {step} of {policy.id!r}, and it has no fallback list"
    moment.say(alarm, What.SYSTEM, why=why, step=step)
    moment.page(alarm, policy.fallback, step, why)
    return alarm.escalation


def leave(alarm: Alarm, _moment: Moment) -> Escalation:
    """The condition returned without anybody: critical goes on, the rest ends."""
    return alarm.escalation if alarm.worst is Severity.CRITICAL else Escalation()


A5: Mapping[tuple[Status, Event], Action] = MappingProxyType(
    {
        (Status.IDLE, Event.START): begin,
        (Status.IDLE, Event.DUE): stay,
        (Status.IDLE, Event.ACK): stay,
        (Status.IDLE, Event.AGAIN): begin,
        (Status.IDLE, Event.CLEAR): stay,
        (Status.IDLE, Event.NOBODY): stay,
        (Status.IDLE, Event.RESTART): stay,
        (Status.RUN, Event.START): stay,
        (Status.RUN, Event.DUE): go_on,
        (Status.RUN, Event.ACK): hold,
        (Status.RUN, Event.AGAIN): stay,
        (Status.RUN, Event.CLEAR): leave,
        (Status.RUN, Event.NOBODY): fall_back,
        (Status.RUN, Event.RESTART): go_on,
        (Status.HELD, Event.START): stay,
        (Status.HELD, Event.DUE): stay,
        (Status.HELD, Event.ACK): stay,
        (Status.HELD, Event.AGAIN): begin,
        (Status.HELD, Event.CLEAR): stop,
        (Status.HELD, Event.NOBODY): stay,
        (Status.HELD, Event.RESTART): stay,
        (Status.EXHAUSTED, Event.START): stay,
        (Status.EXHAUSTED, Event.DUE): go_on,
        (Status.EXHAUSTED, Event.ACK): hold,
        (Status.EXHAUSTED, Event.AGAIN): begin,
        (Status.EXHAUSTED, Event.CLEAR): stop,
        # The loop of an exhausted chain has empty steps too, and silence is no answer.
        (Status.EXHAUSTED, Event.NOBODY): fall_back,
        (Status.EXHAUSTED, Event.RESTART): go_on,
    }
)


def _advanced(alarm: Alarm, moment: Moment) -> Escalation:
    """Run every step that is due by now, in order; a first step with a delay waits for it."""
    policy, escalation = moment.policy, alarm.escalation
    if policy is None:
        return escalation
    while escalation.step + 1 < len(policy.steps):
        coming = escalation.step + 1
        due = escalation.begun + policy.steps[coming].after
        if due > moment.now:
            return replace(escalation, due=due)
        escalation = replace(escalation, step=coming)
        _run(replace(alarm, escalation=escalation), moment)
    if policy.loop_after is None:
        return replace(escalation, due=None)
    return replace(escalation, due=escalation.begun + policy.loop_after)


def _run(alarm: Alarm, moment: Moment) -> None:
    policy, step = moment.policy, alarm.escalation.step
    if policy is None:
        return
    people = moment.on_call(policy, step)
    why = moment.why or f"{alarm.worst.word if alarm.worst else ''} alarm, not acknowledged"
    if step:
        moment.say(alarm, What.ESCALATE, step=step, why="nobody acknowledged; the next are told")
    if people:
        moment.page(alarm, people, step, why)
    else:
        A5[alarm.escalation.status, Event.NOBODY](alarm, moment)
