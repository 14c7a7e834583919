"""What screens say: values with units, ages, times with their offset, states in words. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from alerts.rule import Rule
from devices.duration import Duration

if TYPE_CHECKING:
    # Programs that need these words run without the engine.
    from alerts.engine.view import AlarmView

NOTHING = "\N{EN DASH}"
Say = Callable[[str], str]
"""Says a word in somebody's language (``console.speech``)."""


def english(text: str) -> str:
    """As it is written."""
    return text


_DIGITS = {"degC": 2, "%": 2, "mm": 0, "hPa": 1, "kg": 1, "s": 1, "n": 0}
_SHOWN = {"degC": "°C", "1": "", "n": ""}
_SIGN = {"high": "≥", "low": "≤", "discrete": "=", "count": "≥"}
_LEAVES = frozenset({"door", "lid"})
"""Channels of a state that is not yes or no: 1 is open (``devices/profiles``)."""
_UNACKNOWLEDGED = frozenset({"U", "R", "LU"})
_STATES: Mapping[str, str] = MappingProxyType(
    {
        "N": "normal",
        "U": "unacknowledged",
        "A": "acknowledged",
        "R": "returned, unacknowledged",
        "LU": "latched, unacknowledged",
        "LA": "latched, acknowledged: needs reset",
    }
)


def measured(value: float | None, unit: str, say: Say = english) -> str:
    """``37.02 °C``; yes or no for a state; a dash where there is no value."""
    if value is None or not isfinite(value):
        return NOTHING
    if unit == "1":
        return say("yes") if value else say("no")
    return f"{value:.{_DIGITS.get(unit, 2)}f} {_SHOWN.get(unit, unit)}".strip()


def reading(key: str, value: float | None, unit: str, say: Say = english) -> str:
    """As ``measured``, but a door or a lid is open or closed."""
    if key in _LEAVES and unit == "1" and value is not None and isfinite(value):
        return say("open") if value else say("closed")
    return measured(value, unit, say)


def inside(
    batches: Sequence[str] | None, vials: int | None, say: Say = english
) -> tuple[str, ...] | None:
    """What is in a device: its batches, and how many vials; None while nobody can know it."""
    if batches is None or vials is None:
        return None
    frozen = (f"{vials} {say('vial') if vials == 1 else say('vials')}",) if vials else ()
    return (*batches, *frozen)


def spaced(word: str) -> str:
    """A quality or the key of a channel as people read it: ``no answer``."""
    return word.replace("_", " ")


def age(ms: int | None, say: Say = english) -> str:
    """How old, in the unit that a person would choose."""
    if ms is None:
        return say("never")
    seconds = ms / 1000
    if seconds < 10:  # noqa: PLR2004 # tenths say something up to here
        return f"{seconds:.1f} s"
    if seconds < 100:  # noqa: PLR2004 # up to here seconds say more than minutes
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 120:  # noqa: PLR2004 # two hours
        return f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} {say('days')}"  # noqa: PLR2004 # three days


def moment(at: int | None, zone: tzinfo) -> str:
    """``2026-01-05 13:00:00 +01:00``; a dash for none, and for a number that is no time."""
    when = _local(at, zone)
    if when is None:
        return NOTHING
    whole = when.isoformat(sep=" ", timespec="seconds")
    # The offset stands last and has a fixed length.
    return f"{whole[:19]} {whole[19:]}"


def named(word: str, say: Say = english) -> str:
    """A channel or a quality in somebody's language; of one with a number, what it counts."""
    whole = spaced(word)
    stem, _, number = whole.rpartition(" ")
    said = say(whole)
    return f"{say(stem)} {number}" if said == whole and stem and number.isdecimal() else said


def state(alarm: "AlarmView", say: Say = english) -> str:
    """Where an alarm stands, under which other one, and what keeps it from paging."""
    words = [say(_STATES.get(alarm.state, alarm.state))]
    if alarm.under:
        words.append(f"{say('explained by')} {alarm.under}")
    if alarm.error:
        words.append(f"{say('cannot be judged')}: {alarm.error}")
    words += [say(quiet.how) for quiet in alarm.quiet]
    return ", ".join(words)


def severity(alarm: "AlarmView") -> str:
    """The current severity, or what it was once the condition is gone."""
    return alarm.severity or alarm.worst or "alarm"


def asks(alarm: "AlarmView") -> bool:
    """Whether somebody must still acknowledge it, and is asked to."""
    return alarm.state in _UNACKNOWLEDGED and not alarm.quiet


def limit(rule: Rule, unit: str, severity_word: str = "", say: Say = english) -> str:
    """``≥ 38.00 °C``: the limit of this severity, for rules that have limits."""
    if rule.limit is None or rule.kind not in _SIGN:
        return ""
    further = (step.limit for step in rule.steps if step.severity == severity_word)
    key = rule.channel.partition(".")[2]
    said = reading(key, next(further, rule.limit), unit, say)
    return f"{_SIGN[rule.kind]}\N{NO-BREAK SPACE}{said}"


def within(rule: Rule) -> str:
    """The time to respond."""
    return str(Duration(rule.respond_within)) if rule.respond_within else ""


def _local(at: int | None, zone: tzinfo) -> datetime | None:
    try:
        return None if at is None else datetime.fromtimestamp(at / 1000, zone)
    except (OverflowError, ValueError, OSError):
        return None
