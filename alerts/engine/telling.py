"""How people hear of an alarm: paging begins, rests, is refused, and is closed once."""

from alerts.engine.alarm import Alarm, Status
from alerts.engine.filter import Found
from alerts.engine.moment import Moment
from alerts.engine.overlay import Shade
from alerts.engine.suppression import Event, overlay
from alerts.transition import What


def start(alarm: Alarm, moment: Moment) -> Alarm:
    """Page from step 0, unless an overlay or an alarm that explains this one keeps it quiet."""
    return overlay(alarm, Event.SET, moment)


def page_again(alarm: Alarm, moment: Moment) -> Alarm:
    """Page at once all who were reached so far; an escalation that is not running begins."""
    escalation, policy = alarm.escalation, moment.policy
    shaded = bool(moment.cause) or alarm.overlay.shade is not Shade.NONE
    if shaded or policy is None or escalation.status not in {Status.RUN, Status.EXHAUSTED}:
        return start(alarm, moment)
    for step in range(min(escalation.step + 1, len(policy.steps))):
        moment.page(alarm, moment.on_call(policy, step), step, moment.why)
    return moment.book(alarm)


def close(alarm: Alarm, moment: Moment, why: str, what: What = What.ALL_CLEAR) -> Alarm:
    """The occurrence is over: one closing message to everyone paged."""
    for person in alarm.paged:
        moment.say(alarm, what, to=person, why=why, value=moment.value)
    if not alarm.paged and what is What.CLOSED:
        moment.say(alarm, what, why=why)
    return Alarm(
        occurrence=alarm.occurrence,
        activation=alarm.activation,
        overlay=alarm.overlay,
        flapping=alarm.flapping,
    )


def refuse(alarm: Alarm, moment: Moment, why: str) -> Alarm:
    """Answer a command with why it cannot be done."""
    moment.say(alarm, What.REFUSED, why=why)
    return alarm


def tell(alarm: Alarm, moment: Moment, why: str) -> None:
    """News for everyone who was paged."""
    for person in alarm.paged:
        moment.say(alarm, What.NOTICE, to=person, why=why)


def inform(alarm: Alarm, moment: Moment, past: Found) -> None:
    """Tell those who would have been paged first of an excursion that is over."""
    policy = moment.policy
    if policy is None or not policy.steps:
        return
    until = past.since if past.until is None else past.until
    span = f"from {moment.clock(past.since)} to {moment.clock(until)}"
    why = f"over the limit {span}, as late readings tell; it is over"
    for person in moment.on_call(policy, 0) or policy.fallback:
        moment.say(alarm, What.NOTICE, to=person, why=why, since=past.since, value=past.value)


def tell_others(alarm: Alarm, moment: Moment) -> None:
    for person in alarm.paged:
        if person != moment.by:
            moment.say(alarm, What.NOTICE, to=person, why=f"{moment.by} has it")
