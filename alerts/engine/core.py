"""Table A2: active and acknowledged, with latch, severity and re-alarm."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Phase
from alerts.engine.calling import call_once, repeat_gap
from alerts.engine.escalation import Event as Next
from alerts.engine.escalation import escalate
from alerts.engine.flapping import pulsed
from alerts.engine.moment import Moment
from alerts.engine.overlay import Shade
from alerts.engine.suppression import Event as Overlaid
from alerts.engine.suppression import overlay
from alerts.engine.telling import close, page_again, refuse, start, tell, tell_others
from alerts.engine.trend import Trend, is_recovering
from alerts.rule import Severity
from alerts.transition import What


class Event(StrEnum):
    """Columns of the table."""

    SET = "set"
    CLEAR = "clr"
    ACK = "ack"
    UNACK = "unack"
    RESET = "reset"
    SEV_UP = "sev up"
    SEV_DOWN = "sev down"
    RE_ALARM = "re-alarm timer"
    EDIT = "edited/removed"
    RESTART = "restart"


Action = Callable[[Alarm, Moment], Alarm]


def apply(alarm: Alarm, event: Event, moment: Moment) -> Alarm:
    """The cell of table A2 for this alarm and event."""
    return A2[alarm.phase, event](alarm, moment)


def stay(alarm: Alarm, _moment: Moment) -> Alarm:
    """No change; timers are due times and go on."""
    return alarm


def open_(alarm: Alarm, moment: Moment) -> Alarm:
    """N, set: a new occurrence; page step 0."""
    fresh = Alarm(
        phase=Phase.U,
        occurrence=alarm.occurrence + 1,
        activation=1,
        since=moment.since,
        value=moment.value,
        severity=moment.severity,
        worst=moment.severity,
        overlay=alarm.overlay,
        flapping=pulsed(alarm.flapping, moment.rule, moment.now),
    )
    moment.say(fresh, What.SET, since=moment.since, value=moment.value, why=moment.why)
    return call_once(fresh, moment) or start(fresh, moment)


def reopen(alarm: Alarm, moment: Moment) -> Alarm:
    """R, set: the same occurrence again; page, or at the end of the repeat gap."""
    again = _activated(alarm, moment)
    if (flapping := call_once(again, moment)) is not None:
        return flapping
    ends = None if again.paged_at is None else again.paged_at + repeat_gap(moment)
    if ends is not None and ends > moment.now:
        return replace(again, page_due=ends)
    return page_again(again, moment)


def relatch(alarm: Alarm, moment: Moment) -> Alarm:
    """LU and LA, set: a new activation, page."""
    again = replace(_activated(alarm, moment), acked_by=(), seen=None, acked_at=0)
    return call_once(again, moment) or page_again(again, moment)


def return_(alarm: Alarm, moment: Moment) -> Alarm:
    """U, clear: returned and still open; a latch keeps it until reset."""
    phase = Phase.LU if moment.rule.latching else Phase.R
    moment.say(alarm, What.CLEAR, since=moment.since, value=moment.value, why=moment.why)
    back = replace(alarm, phase=phase, page_due=None, release_due=None, under="")
    back = escalate(_reminded(back, moment), Next.CLEAR, moment)
    tell(back, moment, "returned to normal by itself, still to be acknowledged")
    return overlay(back, Overlaid.CLEAR, moment)


def finish(alarm: Alarm, moment: Moment) -> Alarm:
    """A, clear: over, unless latched until somebody resets it."""
    moment.say(alarm, What.CLEAR, since=moment.since, value=moment.value, why=moment.why)
    if moment.rule.latching:
        back = replace(alarm, phase=Phase.LA, under="", release_due=None)
        back = escalate(_reminded(back, moment), Next.CLEAR, moment)
    else:
        back = close(alarm, moment, moment.why or "back to normal")
    return overlay(back, Overlaid.CLEAR, moment)


def acknowledge(alarm: Alarm, moment: Moment) -> Alarm:
    """U, ack: somebody has it; the severity that they saw is what they took."""
    if _unseen(alarm, moment):
        return alarm
    held = escalate(_taken(alarm, moment, Phase.A), Next.ACK, moment)
    held = _reminded(replace(held, trend=Trend()), moment)
    tell_others(held, moment)
    return held


def acknowledge_latched(alarm: Alarm, moment: Moment) -> Alarm:
    """LU, ack: gone and acknowledged; what remains is the reset."""
    if _unseen(alarm, moment):
        return alarm
    held = escalate(_taken(alarm, moment, Phase.LA), Next.ACK, moment)
    tell_others(held, moment)
    return _reminded(held, moment)


def acknowledge_returned(alarm: Alarm, moment: Moment) -> Alarm:
    """R, ack: the last thing that was missing."""
    if _unseen(alarm, moment):
        return alarm
    taken = _taken(alarm, moment, Phase.N)
    return close(taken, moment, f"back to normal and acknowledged by {moment.by}")


def join(alarm: Alarm, moment: Moment) -> Alarm:
    """A and LA, ack: a second name, nothing else."""
    if _unseen(alarm, moment):
        return alarm
    why = f"already acknowledged by {', '.join(alarm.acked_by)}"
    names = tuple(dict.fromkeys((*alarm.acked_by, moment.by)))
    moment.say(alarm, What.ACK, why=moment.note or why, detail=_change(alarm.phase, alarm.phase))
    return replace(alarm, acked_by=names)


def unacknowledge(alarm: Alarm, moment: Moment) -> Alarm:
    """A, unack: as if nobody had it; escalation from step 0."""
    moment.say(alarm, What.UNACK, why=moment.note, detail=_change(alarm.phase, Phase.U))
    return start(_untaken(alarm, Phase.U), moment)


def unacknowledge_latched(alarm: Alarm, moment: Moment) -> Alarm:
    """LA, unack."""
    moment.say(alarm, What.UNACK, why=moment.note, detail=_change(alarm.phase, Phase.LU))
    return start(_untaken(alarm, Phase.LU), moment)


def reset(alarm: Alarm, moment: Moment) -> Alarm:
    """LA, reset: over."""
    moment.say(alarm, What.RESET, why=moment.note, detail=_change(alarm.phase, Phase.N))
    return close(alarm, moment, f"reset by {moment.by}")


def worsen(alarm: Alarm, moment: Moment) -> Alarm:
    """U, severity up: page at once; who is due next stays due then."""
    risen = _risen(alarm, moment)
    return page_again(risen, moment) if risen.worst != alarm.worst else risen


def worsen_acked(alarm: Alarm, moment: Moment) -> Alarm:
    """A, severity up: the acknowledgement did not see this one."""
    risen = _risen(alarm, moment)
    if alarm.seen is not None and moment.severity is not None and moment.severity <= alarm.seen:
        return risen
    return start(_untaken(risen, Phase.U), moment)


def ease(alarm: Alarm, moment: Moment) -> Alarm:
    """U and A, severity down: noted; the worst is kept."""
    eased = replace(alarm, severity=moment.severity)
    moment.say(eased, What.SEV_DOWN, severity=moment.severity, value=moment.value, why=moment.why)
    return eased


def re_alarm(alarm: Alarm, moment: Moment) -> Alarm:
    """A, re-alarm timer: acknowledged is not fixed, unless the value is on its way."""
    every = moment.rule.re_alarm
    if every is None:
        return replace(alarm, remind_due=None)
    if is_recovering(alarm.trend, every):
        return _reminded(alarm, moment)
    names = ", ".join(alarm.acked_by)
    moment.why = f"acknowledged by {names} at {moment.clock(alarm.acked_at)}, not fixed"
    moment.say(alarm, What.RE_ALARM, why=moment.why, detail=_change(alarm.phase, Phase.U))
    return start(_untaken(alarm, Phase.U), moment)


def remind(alarm: Alarm, moment: Moment) -> Alarm:
    """R and LU: those who were paged are reminded."""
    if alarm.overlay.shade is Shade.NONE:
        tell(alarm, moment, "returned to normal, still to be acknowledged")
    return _reminded(alarm, moment)


def remind_reset(alarm: Alarm, moment: Moment) -> Alarm:
    """LA: what is missing is the reset."""
    if alarm.overlay.shade is Shade.NONE:
        tell(alarm, moment, "acknowledged and gone, needs reset")
    return _reminded(alarm, moment)


def edit_active(alarm: Alarm, moment: Moment) -> Alarm:
    """U and A, definition changed: removed closes, no longer true clears, else it goes on."""
    if moment.removed:
        return close(alarm, moment, moment.why, What.CLOSED)
    if moment.still:
        return alarm
    return apply(alarm, Event.CLEAR, moment)


def edit_gone(alarm: Alarm, moment: Moment) -> Alarm:
    """R, LU and LA, definition changed: closed administratively."""
    return close(alarm, moment, moment.why, What.CLOSED)


def audit(alarm: Alarm, _moment: Moment) -> Alarm:
    """N, definition changed: whoever changed it wrote it down already."""
    return alarm


def refuse_normal(alarm: Alarm, moment: Moment) -> Alarm:
    """N: there is nothing to acknowledge, take back or reset."""
    return refuse(alarm, moment, "nothing to acknowledge: there is no open alarm")


def refuse_unacked(alarm: Alarm, moment: Moment) -> Alarm:
    """U, R and LU, unack: nobody acknowledged it."""
    return refuse(alarm, moment, "it is not acknowledged")


def refuse_active(alarm: Alarm, moment: Moment) -> Alarm:
    """U and A, reset: the condition still holds."""
    return refuse(alarm, moment, "it is still active; a reset needs the condition to be gone")


def refuse_unlatched(alarm: Alarm, moment: Moment) -> Alarm:
    """R, reset: it does not latch."""
    return refuse(alarm, moment, "it does not latch; acknowledge it instead")


def refuse_ack_first(alarm: Alarm, moment: Moment) -> Alarm:
    """LU, reset: ack first."""
    return refuse(alarm, moment, "acknowledge it first")


A2: Mapping[tuple[Phase, Event], Action] = MappingProxyType(
    {
        (Phase.N, Event.SET): open_,
        (Phase.N, Event.CLEAR): stay,
        (Phase.N, Event.ACK): refuse_normal,
        (Phase.N, Event.UNACK): refuse_normal,
        (Phase.N, Event.RESET): refuse_normal,
        (Phase.N, Event.SEV_UP): stay,
        (Phase.N, Event.SEV_DOWN): stay,
        (Phase.N, Event.RE_ALARM): stay,
        (Phase.N, Event.EDIT): audit,
        (Phase.N, Event.RESTART): stay,
        (Phase.U, Event.SET): stay,
        (Phase.U, Event.CLEAR): return_,
        (Phase.U, Event.ACK): acknowledge,
        (Phase.U, Event.UNACK): refuse_unacked,
        (Phase.U, Event.RESET): refuse_active,
        (Phase.U, Event.SEV_UP): worsen,
        (Phase.U, Event.SEV_DOWN): ease,
        (Phase.U, Event.RE_ALARM): stay,
        (Phase.U, Event.EDIT): edit_active,
        (Phase.U, Event.RESTART): stay,
        (Phase.A, Event.SET): stay,
        (Phase.A, Event.CLEAR): finish,
        (Phase.A, Event.ACK): join,
        (Phase.A, Event.UNACK): unacknowledge,
        (Phase.A, Event.RESET): refuse_active,
        (Phase.A, Event.SEV_UP): worsen_acked,
        (Phase.A, Event.SEV_DOWN): ease,
        (Phase.A, Event.RE_ALARM): re_alarm,
        (Phase.A, Event.EDIT): edit_active,
        (Phase.A, Event.RESTART): stay,
        (Phase.R, Event.SET): reopen,
        (Phase.R, Event.CLEAR): stay,
        (Phase.R, Event.ACK): acknowledge_returned,
        (Phase.R, Event.UNACK): refuse_unacked,
        (Phase.R, Event.RESET): refuse_unlatched,
        (Phase.R, Event.SEV_UP): stay,
        (Phase.R, Event.SEV_DOWN): stay,
        (Phase.R, Event.RE_ALARM): remind,
        (Phase.R, Event.EDIT): edit_gone,
        (Phase.R, Event.RESTART): stay,
        (Phase.LU, Event.SET): relatch,
        (Phase.LU, Event.CLEAR): stay,
        (Phase.LU, Event.ACK): acknowledge_latched,
        (Phase.LU, Event.UNACK): refuse_unacked,
        (Phase.LU, Event.RESET): refuse_ack_first,
        (Phase.LU, Event.SEV_UP): stay,
        (Phase.LU, Event.SEV_DOWN): stay,
        (Phase.LU, Event.RE_ALARM): remind,
        (Phase.LU, Event.EDIT): edit_gone,
        (Phase.LU, Event.RESTART): stay,
        (Phase.LA, Event.SET): relatch,
        (Phase.LA, Event.CLEAR): stay,
        (Phase.LA, Event.ACK): join,
        (Phase.LA, Event.UNACK): unacknowledge_latched,
        (Phase.LA, Event.RESET): reset,
        (Phase.LA, Event.SEV_UP): stay,
        (Phase.LA, Event.SEV_DOWN): stay,
        (Phase.LA, Event.RE_ALARM): remind_reset,
        (Phase.LA, Event.EDIT): edit_gone,
        (Phase.LA, Event.RESTART): stay,
    }
)


def void(alarm: Alarm, moment: Moment) -> Alarm:
    """A late sample disproved the on-delay: the occurrence, or its newest activation, never was."""
    if alarm.phase is Phase.N:
        return alarm
    why = "a late sample shows that the limit was not exceeded for long enough"
    if alarm.activation > 1:
        # What it was set for before is not disproved, and still wants its acknowledgement.
        moment.why = f"correction: {why} this time"
        return apply(alarm, Event.CLEAR, moment)
    moment.say(alarm, What.VOID, since=moment.since, value=moment.value, why=why)
    return close(alarm, moment, f"correction: {why}")


def _unseen(alarm: Alarm, moment: Moment) -> bool:
    if moment.seen is None or alarm.worst is None or moment.seen >= alarm.worst:
        return False
    why = f"it has risen to {alarm.worst.word}; you saw {moment.seen.word}. Look at it again"
    refuse(alarm, moment, why)
    return True


def _taken(alarm: Alarm, moment: Moment, to: Phase) -> Alarm:
    moment.say(alarm, What.ACK, why=moment.note, detail=_change(alarm.phase, to))
    return replace(
        alarm,
        phase=to,
        acked_by=(moment.by,),
        acked_at=moment.now,
        seen=alarm.worst,
        page_due=None,
        release_due=None,
    )


def _untaken(alarm: Alarm, to: Phase) -> Alarm:
    return replace(alarm, phase=to, acked_by=(), seen=None, remind_due=None)


def _activated(alarm: Alarm, moment: Moment) -> Alarm:
    again = replace(
        alarm,
        phase=Phase.U,
        activation=alarm.activation + 1,
        since=moment.since,
        value=moment.value,
        severity=moment.severity,
        worst=_worse(alarm, moment),
        remind_due=None,
        flapping=pulsed(alarm.flapping, moment.rule, moment.now),
    )
    moment.say(again, What.SET, since=moment.since, value=moment.value, why=moment.why)
    return again


def _risen(alarm: Alarm, moment: Moment) -> Alarm:
    risen = replace(
        alarm, severity=moment.severity, worst=_worse(alarm, moment), value=moment.value
    )
    moment.say(risen, What.SEV_UP, severity=moment.severity, value=moment.value, why=moment.why)
    return risen


def _worse(alarm: Alarm, moment: Moment) -> Severity | None:
    known = [severity for severity in (alarm.worst, moment.severity) if severity is not None]
    return max(known, default=None)


def _reminded(alarm: Alarm, moment: Moment) -> Alarm:
    every = moment.rule.re_alarm
    return replace(alarm, remind_due=None if every is None else moment.now + every)


def _change(old: Phase, new: Phase) -> dict[str, str]:
    return {"from": old.value, "to": new.value}
