"""How sure a rate is that was counted."""

from collections.abc import Callable
from math import exp

TAIL = 0.025


def interval(count: int, exposure: float) -> tuple[float, float]:
    """The exact 95 % interval of a rate: ``count`` events in ``exposure`` (Garwood, 1936).

    Its ends are those of the chi-square distribution: half the 2.5 % point with 2 n degrees of
    freedom, and half the 97.5 % point with 2 n + 2.

    Raises:
        ValueError: the count is negative, or nothing was exposed.
    """
    if count < 0 or exposure <= 0:
        raise ValueError(f"{count} events in {exposure}: nothing to say")
    least = 0.0 if count == 0 else _root(lambda mean: 1 - _at_most(count - 1, mean) - TAIL)
    most = _root(lambda mean: TAIL - _at_most(count, mean))
    return least / exposure, most / exposure


def _at_most(count: int, mean: float) -> float:
    """How likely a Poisson count of this mean is ``count`` or less."""
    term = total = exp(-mean)
    for number in range(1, count + 1):
        term *= mean / number
        total += term
    return total


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    while rising(high) < 0:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high
