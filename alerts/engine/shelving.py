"""What people order that keeps an alarm from paging, each with an end and a reason."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from alerts.engine import telling
from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.given import wall_time
from alerts.engine.moment import Moment
from alerts.engine.monitor import Monitor
from alerts.engine.suppression import Event
from devices import duration
from storage.entry import Command

LOGIC = "logic"
"""The way (``via``) of commands that no person gives: conditions of the site's own logic."""


def shelve(annunciator: Annunciator, monitor: Monitor, command: Command) -> None:
    """Shelve ``for`` so long (a span of time), with a ``reason``; ``one_shot`` if that is set."""
    moment = _moment(annunciator, monitor, command)
    moment.one_shot = command.arguments.get("one_shot") in {"true", "1", "yes"}
    text = command.arguments.get("for")
    if not text and moment.one_shot:
        moment.until = moment.now + int(monitor.rule.shelve_max)
    elif text:
        try:
            moment.until = moment.now + int(duration.parse(text))
        except ValueError as error:
            _refuse(monitor, moment, f"for: {error}")
            return
    annunciator.overlay(monitor, Event.SHELVE, moment)


def unshelve(annunciator: Annunciator, monitor: Monitor, command: Command) -> None:
    """Take it off the shelf."""
    annunciator.overlay(monitor, Event.UNSHELVE, _moment(annunciator, monitor, command))


def take_out(annunciator: Annunciator, monitor: Monitor, command: Command) -> None:
    """Take it out of service ``until`` (epoch ms, UTC), with a ``reason``."""
    moment = _moment(annunciator, monitor, command)
    until = wall_time(command.arguments.get("until", ""))
    if until is not None:
        moment.until = until - moment.offset
    annunciator.overlay(monitor, Event.SERVICE_ON, moment)


def put_back(annunciator: Annunciator, monitor: Monitor, command: Command) -> None:
    """Put it back into service."""
    annunciator.overlay(monitor, Event.SERVICE_OFF, _moment(annunciator, monitor, command))


def suppress(annunciator: Annunciator, monitor: Monitor, command: Command) -> None:
    """A condition by design: ``on`` true or false. People shelve, with a reason."""
    moment = _moment(annunciator, monitor, command)
    on = command.arguments.get("on")
    if command.via != LOGIC:
        _refuse(monitor, moment, "only the site's own logic suppresses; shelve it, with a reason")
    elif monitor.rule.suppress_cap is None:
        _refuse(monitor, moment, "its rule has no suppress_cap: it would be quiet without end")
    else:
        moment.why = command.arguments.get("reason") or f"{command.by} says so"
        before = monitor.alarm
        event = Event.DESIGN_TRUE if on == "true" else Event.DESIGN_FALSE
        annunciator.overlay(monitor, event, moment)
        if monitor.alarm is before:
            _refuse(monitor, moment, "it is so already, or its cap was reached: nothing changes")


Order = Callable[[Annunciator, Monitor, Command], None]

ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "shelve": shelve,
        "unshelve": unshelve,
        "out_of_service": take_out,
        "in_service": put_back,
        "suppress": suppress,
    }
)

OF_DEVICES = frozenset({"out_of_service", "in_service"})
"""Verbs that may name a device, for all of its rules but those that guard it."""


def _moment(annunciator: Annunciator, monitor: Monitor, command: Command) -> Moment:
    reason = command.arguments.get("reason") or command.arguments.get("note", "")
    return annunciator.moment(monitor, Act(command.by, command.id, reason))


def _refuse(monitor: Monitor, moment: Moment, why: str) -> None:
    telling.refuse(monitor.alarm, moment, why)
