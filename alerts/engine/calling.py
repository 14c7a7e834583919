"""An alarm that flaps has one page for all its activations."""

from msgspec.structs import replace

from alerts.engine.alarm import Alarm
from alerts.engine.flapping import begins, begun, over
from alerts.engine.moment import Moment
from alerts.engine.paging import rested
from alerts.engine.telling import start, tell
from alerts.transition import What
from devices.duration import Duration

FLAPPING_GAP_MS = 600_000
"""While it flaps, an activation that lasts so long pages, where no repeat gap says otherwise."""


def call_once(alarm: Alarm, moment: Moment) -> Alarm | None:
    """An alarm that flaps has one page for all its activations; None when it does not flap.

    An activation that lasts for the repeat gap is paged all the same.
    """
    rule = moment.rule
    if begins(alarm.flapping, rule):
        count = len(alarm.flapping.pulses)
        moment.why = f"flapping: set {count} times within {rule.flapping_window}"
        moment.say(alarm, What.FLAPPING, why=moment.why, count=count, detail={"state": "begins"})
        alarm = replace(alarm, flapping=begun(alarm.flapping, rule, alarm.occurrence))
        told = start(alarm, moment)
        return replace(told, flapping=replace(told.flapping, told=told.paged))
    if alarm.flapping.due is None:
        return None
    return replace(rested(alarm), page_due=moment.now + (repeat_gap(moment) or FLAPPING_GAP_MS))


def calm_down(alarm: Alarm, moment: Moment) -> Alarm:
    """Flapping is over: those who heard of it hear of that."""
    state, rule = alarm.flapping, moment.rule
    why = f"calmed down: set fewer than {((rule.flapping or 0) + 1) // 2} times in "
    why += f"{rule.flapping_window}; it pages again as usual"
    moment.say(alarm, What.FLAPPING, why=why, detail={"state": "ends"})
    those = replace(alarm, occurrence=state.occurrence, paged=state.told)
    tell(those, moment, why)
    return replace(alarm, flapping=over(state))


def repeat_gap(moment: Moment) -> int:
    """How soon the rule, or its policy, may page again, in ms."""
    gap = moment.rule.repeat_gap
    if gap is None:
        gap = moment.policy.repeat_gap if moment.policy else Duration(0)
    return int(gap)
