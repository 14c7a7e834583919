"""Table A3: what keeps an alarm from paging, and what happens when it ends.

In each of these states the condition is judged and written down, and the all-clear goes out to
those who were paged before.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Phase
from alerts.engine.moment import Moment
from alerts.engine.overlay import Design, Overlay, Service, Shade, Shelf
from alerts.engine.paging import page, rested
from alerts.transition import What


class Row(StrEnum):
    """States: the strongest overlay in force; a shelf is timed or for one occurrence."""

    NONE = "none"
    TIMED = "SH timed"
    ONE_SHOT = "SH one-shot"
    DESIGN = "DS by design"
    SERVICE = "OOS"


class Event(StrEnum):
    """Columns of the table."""

    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    EXPIRY = "expiry / cap reached"
    DESIGN_TRUE = "design cond. true"
    DESIGN_FALSE = "design cond. false"
    SERVICE_ON = "OOS on"
    SERVICE_OFF = "OOS off"
    SET = "core SET"
    CLEAR = "core CLR"
    RESTART = "restart"


Action = Callable[[Alarm, Moment], Alarm]


def row(overlay: Overlay) -> Row:
    """The row of the table that holds."""
    match overlay.shade:
        case Shade.NONE:
            return Row.NONE
        case Shade.SHELVED:
            once = overlay.shelf is not None and overlay.shelf.one_shot
            return Row.ONE_SHOT if once else Row.TIMED
        case Shade.DESIGN:
            return Row.DESIGN
        case Shade.SERVICE:
            return Row.SERVICE


def overlay(alarm: Alarm, event: Event, moment: Moment) -> Alarm:
    """The cell of table A3 for this alarm and event."""
    return A3[row(alarm.overlay), event](alarm, moment)


def stay(alarm: Alarm, _moment: Moment) -> Alarm:
    """No change."""
    return alarm


def hold(alarm: Alarm, _moment: Moment) -> Alarm:
    """Set while something is in force: nobody is paged, it is counted."""
    over = alarm.overlay
    return replace(rested(alarm), overlay=replace(over, held=over.held + 1))


def shelve(alarm: Alarm, moment: Moment) -> Alarm:
    """On the shelf, or on it for longer; the cap counts from the first of such shelves."""
    over, cap = alarm.overlay, int(moment.rule.shelve_max)
    goes_on = over.first is not None and moment.now < over.first + cap
    first = over.first if goes_on and over.first is not None else moment.now
    if why := _unfit_shelf(moment, first + cap):
        return _refused(alarm, moment, why)
    shelf = Shelf(moment.until, moment.one_shot, moment.by, moment.note)
    shelved = replace(rested(alarm), overlay=replace(over, shelf=shelf, first=first))
    until = moment.clock(moment.until)
    how = f"until {until}" + (", or until it returned once" if moment.one_shot else "")
    why = f"shelved by {moment.by} {how}: {moment.note}"
    moment.say(shelved, What.SHELVED, why=why, detail={"until": until, "reason": moment.note})
    _tell(shelved, moment, why)
    return shelved


def unshelve(alarm: Alarm, moment: Moment) -> Alarm:
    """Off the shelf before its time."""
    if alarm.overlay.shelf is None:
        return refuse_unshelved(alarm, moment)
    bare = replace(alarm.overlay, shelf=None)
    return _ended(alarm, bare, moment, What.UNSHELVED, f"taken off the shelf by {moment.by}")


def expire(alarm: Alarm, moment: Moment) -> Alarm:
    """Whatever is over by now; a cause that outlasts the cap no longer suppresses anything."""
    shelf, service = alarm.overlay.shelf, alarm.overlay.service
    if service is not None and service.until <= moment.now:
        bare = replace(alarm.overlay, service=None)
        why = f"the permit of {service.by} is over: {service.reason}"
        alarm = _ended(alarm, bare, moment, What.IN_SERVICE, why)
    if shelf is not None and shelf.until <= moment.now:
        bare = replace(alarm.overlay, shelf=None)
        why = f"the shelf of {shelf.by} is over: {shelf.reason}"
        alarm = _ended(alarm, bare, moment, What.UNSHELVED, why)
    design = alarm.overlay.design
    if design is not None and design.until <= moment.now:
        return _capped(alarm, design, moment)
    if design is not None and design.ends is not None and design.ends <= moment.now:
        return _explained_no_more(alarm, moment, f"{design.cause} is over")
    return alarm


def suppress(alarm: Alarm, moment: Moment) -> Alarm:
    """What explains it holds: nobody is paged, up to the cap."""
    over, cap = alarm.overlay, moment.rule.suppress_cap
    if over.spent or cap is None:
        return alarm
    design = Design(moment.now + int(cap), moment.why)
    after = replace(rested(alarm), overlay=replace(over, design=design))
    until = moment.clock(design.until)
    why = f"suppressed while {moment.why}, until {until} at the latest"
    moment.say(after, What.SUPPRESSED, why=why, detail={"cause": moment.why, "until": until})
    return after


def suppress_on(alarm: Alarm, _moment: Moment) -> Alarm:
    """What explains it holds again, before its end was waited for."""
    over = alarm.overlay
    if over.design is None or over.design.ends is None:
        return alarm
    return replace(alarm, overlay=replace(over, design=replace(over.design, ends=None)))


def forget(alarm: Alarm, _moment: Moment) -> Alarm:
    """What explained it beyond the cap is over: the next time it may again."""
    if not alarm.overlay.spent:
        return alarm
    return replace(alarm, overlay=replace(alarm.overlay, spent=False))


def unsuppress(alarm: Alarm, moment: Moment) -> Alarm:
    """What explained it is over; the value may have a while to recover."""
    over, wait = alarm.overlay, int(moment.rule.suppress_after)
    if over.design is None:
        return forget(alarm, moment)
    if over.design.ends is not None:
        return alarm
    if not wait:
        return _explained_no_more(alarm, moment, f"{over.design.cause} is over")
    ending = replace(over.design, ends=min(moment.now + wait, over.design.until))
    return replace(alarm, overlay=replace(over, design=ending))


def reconsider(alarm: Alarm, moment: Moment) -> Alarm:
    """Suppressed before a restart: only a cause that is known to hold still suppresses."""
    over = expire(alarm, moment)
    if over.overlay.design is None or moment.still or over.overlay.design.ends is not None:
        return over
    cause = over.overlay.design.cause
    return _explained_no_more(over, moment, f"it is not known after the restart whether {cause}")


def take_out(alarm: Alarm, moment: Moment) -> Alarm:
    """Out of service under a permit; one more permit prolongs it."""
    if why := _unfit_permit(moment):
        return _refused(alarm, moment, why)
    permit = Service(moment.until, moment.by, moment.note)
    out = replace(rested(alarm), overlay=replace(alarm.overlay, service=permit))
    until = moment.clock(moment.until)
    why = f"out of service by {moment.by} until {until}: {moment.note}"
    moment.say(out, What.OUT_OF_SERVICE, why=why, detail={"until": until, "reason": moment.note})
    _tell(out, moment, why)
    return out


def put_back(alarm: Alarm, moment: Moment) -> Alarm:
    """Back in service."""
    bare = replace(alarm.overlay, service=None)
    return _ended(alarm, bare, moment, What.IN_SERVICE, f"put back into service by {moment.by}")


def use_up(alarm: Alarm, moment: Moment) -> Alarm:
    """A one-shot shelf ends with the return that it waited for."""
    bare = replace(alarm.overlay, shelf=None, first=None)
    why = "it was shelved for one occurrence, which is over"
    return _ended(alarm, bare, moment, What.UNSHELVED, why)


def refuse_unshelved(alarm: Alarm, moment: Moment) -> Alarm:
    """There is no shelf to take it from."""
    return _refused(alarm, moment, "it is not shelved")


def refuse_in_service(alarm: Alarm, moment: Moment) -> Alarm:
    """There is no permit to end."""
    return _refused(alarm, moment, "it is not out of service")


def refuse_out_of_service(alarm: Alarm, moment: Moment) -> Alarm:
    """Out of service is stronger than a shelf."""
    return _refused(alarm, moment, "it is out of service; a shelf would add nothing")


A3: Mapping[tuple[Row, Event], Action] = MappingProxyType(
    {
        (Row.NONE, Event.SHELVE): shelve,
        (Row.NONE, Event.UNSHELVE): refuse_unshelved,
        (Row.NONE, Event.EXPIRY): stay,
        (Row.NONE, Event.DESIGN_TRUE): suppress,
        (Row.NONE, Event.DESIGN_FALSE): forget,
        (Row.NONE, Event.SERVICE_ON): take_out,
        (Row.NONE, Event.SERVICE_OFF): refuse_in_service,
        (Row.NONE, Event.SET): page,
        (Row.NONE, Event.CLEAR): stay,
        (Row.NONE, Event.RESTART): stay,
        (Row.TIMED, Event.SHELVE): shelve,
        (Row.TIMED, Event.UNSHELVE): unshelve,
        (Row.TIMED, Event.EXPIRY): expire,
        (Row.TIMED, Event.DESIGN_TRUE): suppress,
        (Row.TIMED, Event.DESIGN_FALSE): forget,
        (Row.TIMED, Event.SERVICE_ON): take_out,
        (Row.TIMED, Event.SERVICE_OFF): refuse_in_service,
        (Row.TIMED, Event.SET): hold,
        (Row.TIMED, Event.CLEAR): stay,
        (Row.TIMED, Event.RESTART): expire,
        (Row.ONE_SHOT, Event.SHELVE): shelve,
        (Row.ONE_SHOT, Event.UNSHELVE): unshelve,
        (Row.ONE_SHOT, Event.EXPIRY): expire,
        (Row.ONE_SHOT, Event.DESIGN_TRUE): suppress,
        (Row.ONE_SHOT, Event.DESIGN_FALSE): forget,
        (Row.ONE_SHOT, Event.SERVICE_ON): take_out,
        (Row.ONE_SHOT, Event.SERVICE_OFF): refuse_in_service,
        (Row.ONE_SHOT, Event.SET): hold,
        (Row.ONE_SHOT, Event.CLEAR): use_up,
        (Row.ONE_SHOT, Event.RESTART): expire,
        (Row.DESIGN, Event.SHELVE): shelve,
        (Row.DESIGN, Event.UNSHELVE): unshelve,
        (Row.DESIGN, Event.EXPIRY): expire,
        (Row.DESIGN, Event.DESIGN_TRUE): suppress_on,
        (Row.DESIGN, Event.DESIGN_FALSE): unsuppress,
        (Row.DESIGN, Event.SERVICE_ON): take_out,
        (Row.DESIGN, Event.SERVICE_OFF): refuse_in_service,
        (Row.DESIGN, Event.SET): hold,
        (Row.DESIGN, Event.CLEAR): stay,
        (Row.DESIGN, Event.RESTART): reconsider,
        (Row.SERVICE, Event.SHELVE): refuse_out_of_service,
        (Row.SERVICE, Event.UNSHELVE): unshelve,
        (Row.SERVICE, Event.EXPIRY): expire,
        (Row.SERVICE, Event.DESIGN_TRUE): suppress_on,
        (Row.SERVICE, Event.DESIGN_FALSE): unsuppress,
        (Row.SERVICE, Event.SERVICE_ON): take_out,
        (Row.SERVICE, Event.SERVICE_OFF): put_back,
        (Row.SERVICE, Event.SET): hold,
        (Row.SERVICE, Event.CLEAR): stay,
        (Row.SERVICE, Event.RESTART): reconsider,
    }
)


def _ended(alarm: Alarm, bare: Overlay, moment: Moment, what: What, why: str) -> Alarm:
    """One of them is over: written down, and when nothing is left, an active alarm pages."""
    lifted = bare.shade is Shade.NONE
    moment.say(alarm, what, why=why, count=alarm.overlay.held)
    after = replace(alarm, overlay=replace(bare, held=0) if lifted else bare)
    if not lifted or after.phase is not Phase.U:
        return after
    moment.why = f"still active; {why}"
    return page(after, moment)


def _capped(alarm: Alarm, design: Design, moment: Moment) -> Alarm:
    over = alarm.overlay
    spent = design.ends is None
    bare = replace(over, design=None, spent=spent)
    if not spent:
        return _ended(alarm, bare, moment, What.UNSUPPRESSED, f"{design.cause} is over")
    why = f"suppressed too long: {design.cause}"
    if (cap := moment.rule.suppress_cap) is not None:
        why += f" for longer than {cap}"
    moment.say(alarm, What.SYSTEM, why=why)
    return _ended(alarm, bare, moment, What.UNSUPPRESSED, why)


def _explained_no_more(alarm: Alarm, moment: Moment, why: str) -> Alarm:
    bare = replace(alarm.overlay, design=None)
    return _ended(alarm, bare, moment, What.UNSUPPRESSED, why)


def _unfit_shelf(moment: Moment, latest: int) -> str:
    if not moment.note.strip():
        return "a shelf needs a reason"
    if moment.until <= moment.now:
        return "say for how long; a shelf ends by itself"
    if moment.until > latest:
        cap = moment.rule.shelve_max
        return (
            f"it may be shelved for {cap} from the first shelf, that is until "
            f"{moment.clock(latest)}; take it out of service for longer work"
        )
    return ""


def _unfit_permit(moment: Moment) -> str:
    if moment.rule.guard:
        return "it guards what is out of service and stays in service itself"
    if not moment.note.strip():
        return "out of service needs a reason"
    if moment.until <= moment.now:
        return "say until when; a permit ends by itself"
    return ""


def _refused(alarm: Alarm, moment: Moment, why: str) -> Alarm:
    moment.say(alarm, What.REFUSED, why=why)
    return alarm


def _tell(alarm: Alarm, moment: Moment, why: str) -> None:
    for person in alarm.paged:
        if person != moment.by:
            moment.say(alarm, What.NOTICE, to=person, why=why)
