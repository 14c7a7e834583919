"""Sentences for people: why an alarm was set, cleared or changed."""

from alerts.engine.filter import Found
from alerts.engine.monitor import Monitor
from alerts.rule import Rule
from devices.duration import Duration
from devices.units import STORED_UNIT


def set_because(monitor: Monitor, level: int, found: Found) -> str:
    """Why the condition of a limit is taken to hold."""
    rule = monitor.rule
    if rule.kind == "silence":
        return f"no good sample for {Duration(monitor.allowance)}"
    if rule.kind == "out-of-range":
        return f"the sensor gives no usable value{_for(rule)}"
    if rule.kind == "discrete":
        return f"{monitor.spec.key} is {found.value:g}{_for(rule)}"
    limit = f"{_limit(rule, level):g} {unit(monitor)}"
    if monitor.filters[level].counted and rule.window is not None:
        return f"crossed {limit} {rule.count} times within {rule.window}"
    side = "below" if rule.kind == "low" else "above"
    return f"{found.value:g} {unit(monitor)} at or {side} {limit}{_for(rule)}"


def cleared_because(monitor: Monitor, found: Found) -> str:
    """Why the condition is taken to be over."""
    if not monitor.judges_values:
        return "good samples again"
    return f"back at {found.value:g} {unit(monitor)}"


def unit(monitor: Monitor) -> str:
    """The stored unit of the channel, empty for a state."""
    symbol = STORED_UNIT.get(monitor.spec.quantity, "")
    return "" if symbol == "1" else symbol


def _limit(rule: Rule, level: int) -> float:
    limits = (rule.limit or 0.0, *(step.limit for step in rule.steps))
    return limits[level]


def _for(rule: Rule) -> str:
    return f" for {rule.on_delay}" if rule.on_delay else ""
