"""Which side of a limit a value is on; exact at the edge for float, decimal and integer."""

from decimal import Decimal
from enum import IntEnum
from math import inf
from typing import NamedTuple

from alerts.rule import Rule, Severity

PARTS = 500
"""A value is judged in this many parts of the channel's resolution, as an integer: finer than
any instrument, coarser than the noise of binary fractions. Of a 32-bit float that is up to 256,
so -196.1 at a resolution of 0.01 is on its limit, not beside it."""

MOST = 1e300
"""A value of more parts than this, either way, is judged as if it had so many."""

OF_SAMPLES = frozenset({"silence", "out-of-range", "spike", "overdue"})
"""Kinds that watch for samples, or for time, instead of values, and have one level."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FINE = 1e-6
BAND = 0.1


class Side(IntEnum):
    """Of a limit: beyond it, past the deadband on the safe side, or between the two."""

    FALSE = -1
    INSIDE = 0
    TRUE = 1


class Level(NamedTuple):
    """One limit in parts, turned so that more is worse; ``exact`` for an equality."""

    set_at: int
    clear_at: int
    severity: Severity
    exact: bool = False


class Limits(NamedTuple):
    """The levels of a rule, the lowest severity first. ``sign`` is -1 where less is worse."""

    part: float
    sign: int
    levels: tuple[Level, ...]

    def sides(self, value: float | Decimal) -> tuple[Side, ...]:
        """Where ``value`` is seen from each level."""
        scaled = self.sign * self.parts(value)
        return tuple(_side(level, scaled) for level in self.levels)

    def parts(self, value: float | Decimal) -> int:
        """``value`` as a whole number of parts."""
        return round(max(-MOST, min(float(value) / self.part, MOST)))

    def excess(self, value: float) -> float:
        """How far ``value`` is from where the lowest level clears; positive is not yet there."""
        return self.sign * value - self.levels[0].clear_at * self.part

    def is_worse(self, value: float, other: float) -> bool:
        """Whether ``value`` is beyond the first limit and further out than ``other``."""
        if self.sides(value)[0] is not Side.TRUE:
            return False
        return self.levels[0].exact or self.sign * (value - other) > 0

    def calm(self) -> tuple[float, float]:
        """An open interval in which a value is surely on the FALSE side of all."""
        lowest = self.levels[0]
        edge = ((lowest.set_at if lowest.exact else lowest.clear_at + 1) - 1) * self.part
        return (-inf, edge) if self.sign > 0 else (-edge, inf)


def _side(level: Level, scaled: int) -> Side:
    if level.exact:
        return Side.TRUE if scaled == level.set_at else Side.FALSE
    if scaled >= level.set_at:
        return Side.TRUE
    return Side.FALSE if scaled <= level.clear_at else Side.INSIDE


def _derived(rule: Rule) -> Limits | None:
    """Limits on a measure with a unit of its own; it clears a tenth away from where it set."""
    sign, edge, unit = 1, rule.limit or 0.0, FINE
    if rule.kind == "time-to-limit":
        sign, edge = -1, (rule.within or 0) / HOUR_MS
    elif rule.kind == "stuck":
        # It clears with the first value that moved.
        level = Level(int(rule.window or 0), 0, Severity[rule.severity.upper()])
        return Limits(0.001, 1, (level,))
    elif rule.kind == "rate":
        sign = -1 if edge < 0 else 1
    elif rule.kind != "evaporation":
        return None
    set_at = sign * round(edge / unit)
    clear_at = set_at - max(1, round(abs(edge) * BAND / unit))
    return Limits(unit, sign, (Level(set_at, clear_at, Severity[rule.severity.upper()]),))


def _days(rule: Rule) -> tuple[Level, ...]:
    """Levels that no value reaches: ``set_at`` is milliseconds from the due date on."""
    pairs = [(rule.limit or 0.0, rule.severity), *((s.limit, s.severity) for s in rule.steps)]
    return tuple(
        Level(round(days * DAY_MS), 0, Severity[word.upper()], exact=True) for days, word in pairs
    )


def compiled(rule: Rule, resolution: float) -> Limits:
    """The limits of a rule on a channel of this resolution (stored unit).

    Rules that watch for samples or for time instead of values have levels that no value reaches.
    """
    part = resolution / PARTS
    severity = Severity[rule.severity.upper()]
    if rule.kind == "calibration-due":
        return Limits(part, 1, _days(rule))
    if rule.kind in OF_SAMPLES:
        return Limits(part, 1, (Level(0, 0, severity, exact=True),))
    if (derived := _derived(rule)) is not None:
        return derived
    sign = -1 if rule.kind == "low" else 1
    first = 1.0 if rule.limit is None else rule.limit
    pairs = [(first, severity)]
    pairs += [(step.limit, Severity[step.severity.upper()]) for step in rule.steps]
    band = round(rule.deadband / part)
    levels = []
    for limit, worth in pairs:
        edge = sign * round(limit / part)
        levels.append(Level(edge, edge - band, worth, exact=rule.kind == "discrete"))
    return Limits(part, sign, tuple(levels))
