"""Sentences for people: why an alarm was set, cleared or changed."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from alerts.engine.filter import Found
from alerts.engine.gauge import hours_left
from alerts.engine.monitor import Monitor
from alerts.rule import Rule
from devices.duration import Duration
from devices.units import STORED_UNIT

FAR_H = 10_000.0
"""Beyond it a time to a limit is no end."""


def set_because(monitor: Monitor, level: int, found: Found) -> str:
    """Why the condition of a limit is taken to hold."""
    rule = monitor.rule
    if rule.kind == "silence":
        return f"no good sample for {Duration(monitor.allowance)}"
    if rule.kind == "out-of-range":
        return f"the sensor gives no usable value{_for(rule)}"
    if (words := MEASURED.get(rule.kind)) is not None:
        return words(monitor, found)
    if rule.kind == "discrete":
        return f"{monitor.spec.key} is {found.value:g}{_for(rule)}"
    limit = f"{_limit(rule, level):g} {unit(monitor)}"
    if monitor.filters[level].counted and rule.window is not None:
        return f"crossed {limit} {rule.count} times within {rule.window}"
    side = "below" if rule.kind == "low" else "above"
    return f"{found.value:g} {unit(monitor)} at or {side} {limit}{_for(rule)}"


def cleared_because(monitor: Monitor, found: Found) -> str:
    """Why the condition is taken to be over."""
    if words := CLEARED.get(monitor.rule.kind):
        return words
    if not monitor.judges_values:
        return "good samples again"
    if monitor.measure is not None and monitor.rule.kind in MEASURED:
        return f"no longer: {MEASURED[monitor.rule.kind](monitor, found)}"
    return f"back at {found.value:g} {unit(monitor)}"


def unit(monitor: Monitor) -> str:
    """The stored unit of the channel, empty for a state."""
    symbol = STORED_UNIT.get(monitor.spec.quantity, "")
    return "" if symbol == "1" else symbol


def _rate(monitor: Monitor, found: Found) -> str:
    return f"changes by {found.value:.3g} {unit(monitor)} an hour over {monitor.rule.window}"


def _time_to_limit(monitor: Monitor, _found: Found) -> str:
    limit = monitor.rule.limit or 0.0
    value = None if monitor.channel is None else monitor.channel.signal.value
    hours = () if value is None else hours_left(limit, monitor.gauge, value)
    if not hours:
        return f"is about to reach {limit:g} {unit(monitor)}"
    least, middle, most = map(_span, hours)
    return (
        f"reaches {limit:g} {unit(monitor)} in about {middle}: {least} at the least, {most} at most"
    )


def _span(hours: float) -> str:
    if hours > FAR_H:
        return "no end"
    return str(Duration(max(1, round(hours * 60)) * 60_000))


def _evaporation(monitor: Monitor, found: Found) -> str:
    return f"falls {found.value:.1f} times as fast as it used to, over {monitor.rule.window}"


def _stuck(monitor: Monitor, _found: Found) -> str:
    return f"has not moved for {monitor.rule.window}"


def _difference(monitor: Monitor, found: Found) -> str:
    other = ", ".join(monitor.rule.against)
    return f"{found.value:.3g} {unit(monitor)} apart from {other}{_for(monitor.rule)}"


def _disagreement(monitor: Monitor, found: Found) -> str:
    others = ", ".join(monitor.rule.against)
    return f"{found.value:.3g} {unit(monitor)} off what {others} say; it is not trusted"


def _spike(monitor: Monitor, _found: Found) -> str:
    rule = monitor.rule
    jump = f"jumps by {rule.limit or 0.0:g} {unit(monitor)} or more"
    often = f", {rule.count} times within {rule.window}" if rule.count else ""
    return f"{jump} from one sample to the next{often}"


def _overdue(monitor: Monitor, _found: Found) -> str:
    if monitor.done_at is None:
        return f"has never been done, or failed; it is to be done every {monitor.rule.every}"
    return f"was last done longer than {monitor.rule.every} ago"


def _calibration_due(monitor: Monitor, _found: Found) -> str:
    if monitor.due_at is None and monitor.done_at is None:
        return "no calibration of its sensor is known, or it failed"
    ahead = -monitor.limits.levels[max(monitor.level, 0)].set_at
    if ahead > 0:
        return f"its sensor is due for calibration within {Duration(ahead)}"
    return "its sensor is overdue for calibration"


Words = Callable[[Monitor, Found], str]
MEASURED: Mapping[str, Words] = MappingProxyType(
    {
        "rate": _rate,
        "time-to-limit": _time_to_limit,
        "evaporation": _evaporation,
        "stuck": _stuck,
        "difference": _difference,
        "disagreement": _disagreement,
        "spike": _spike,
        "overdue": _overdue,
        "calibration-due": _calibration_due,
    }
)
CLEARED: Mapping[str, str] = MappingProxyType(
    {
        "stuck": "moves again",
        "disagreement": "agrees with the other probes again",
        "spike": "no more jumps",
        "overdue": "was done",
        "calibration-due": "was calibrated",
    }
)


def _limit(rule: Rule, level: int) -> float:
    limits = (rule.limit or 0.0, *(step.limit for step in rule.steps))
    return limits[level]


def _for(rule: Rule) -> str:
    return f" for {rule.on_delay}" if rule.on_delay else ""
