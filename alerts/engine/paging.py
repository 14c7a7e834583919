"""How paging of an alarm begins, or rests because another alarm explains it."""

from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation
from alerts.engine.escalation import Event, escalate
from alerts.engine.moment import Moment
from alerts.transition import What


def page(alarm: Alarm, moment: Moment) -> Alarm:
    """Page from step 0, or list the alarm under its cause and page nobody."""
    if moment.cause:
        return inhibit(alarm, moment)
    return escalate(rested(alarm), Event.START, moment)


def inhibit(alarm: Alarm, moment: Moment) -> Alarm:
    """The alarm ``moment.cause`` explains this one: it is listed there, and paging rests."""
    why = f"listed under {moment.cause}, which explains it"
    moment.say(alarm, What.INHIBITED, why=why, detail={"cause": moment.cause})
    return replace(rested(alarm), under=moment.cause)


def rested(alarm: Alarm) -> Alarm:
    """The alarm with nothing that would page somebody later."""
    return replace(alarm, escalation=Escalation(), page_due=None, release_due=None)
