"""The values of one channel, each weighed by how long it held, summed up as they come."""

from collections.abc import Sequence
from math import inf, isqrt
from typing import NamedTuple

from batches.kinetic import KineticMean

# Products of a value and milliseconds are summed as whole numbers of 2^-60 units, so that the
# order of samples and the splitting of intervals cannot change the last digit of a mean.
GRAIN = 2.0**60
_DISTINCT = 4_096
"""Different values that are weighed before they are summed up."""


class Weighed(NamedTuple):
    """What values and weights come to, in the unit of the values; ``kinetic`` is in °C.

    ``deviation`` is that of the whole population. All are None where nothing was weighed, and
    ``kinetic`` where it was not asked for.
    """

    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    kinetic: float | None = None


class Weighing:
    """Takes values with their weights; with ``heat`` they are temperatures in °C."""

    def __init__(self, heat: KineticMean | None) -> None:
        """Begin with nothing; ``heat`` is fed what is weighed."""
        self._heat = heat
        self._weight = self._sum = self._squares = 0
        self._weights: dict[float, int] = {}
        self._minimum, self._maximum = inf, -inf

    def take(self, value: float, weight: int) -> None:
        """``value`` held for ``weight`` milliseconds, above 0."""
        weights = self._weights
        weights[value] = weights.get(value, 0) + weight
        if len(weights) >= _DISTINCT:
            self._fold()

    def take_all(self, values: Sequence[float], weights: Sequence[int]) -> dict[float, int]:
        """Come to what ``take`` comes to, one by one; the answer is how long each value held."""
        found: dict[float, int] = {}
        for value, weight in zip(values, weights, strict=True):
            found[value] = found.get(value, 0) + weight
        if len(found) + len(self._weights) < _DISTINCT:
            values, weights = list(found), list(found.values())
        # Where they are summed up depends on each of them, and with it the last digit.
        for value, weight in zip(values, weights, strict=True):
            self.take(value, weight)
        return found

    def result(self) -> Weighed:
        """What all of it comes to."""
        self._fold()
        if not self._weight:
            return Weighed()
        # The mean of a constant is that constant, whatever the division's last bits say.
        mean = min(max(self._sum / self._weight / GRAIN, self._minimum), self._maximum)
        return Weighed(
            minimum=self._minimum,
            mean=mean,
            maximum=self._maximum,
            deviation=self._deviation(),
            kinetic=None if self._heat is None else self._kinetic(self._heat, mean),
        )

    def _kinetic(self, heat: KineticMean, mean: float) -> float:
        """The kinetic mean, which lies between ``mean`` and the warmest to the last bit."""
        least = mean if heat.exceeds_the_mean(self._maximum) else self._minimum
        return min(max(heat.celsius(), least), self._maximum)

    def _fold(self) -> None:
        """Sum up what was weighed: a probe shows few different values, in a great many readings."""
        weights = self._weights
        if not weights:
            return
        for value, weight in weights.items():
            grains = int(value * GRAIN)
            self._weight += weight
            self._sum += grains * weight
            self._squares += grains * grains * weight
            if self._heat is not None:
                self._heat.add(value, weight)
        self._minimum = min(self._minimum, *weights)
        self._maximum = max(self._maximum, *weights)
        weights.clear()

    def _deviation(self) -> float:
        # The root is taken of a whole number: of two almost equal floats it would be of noise.
        spread = self._squares * self._weight - self._sum * self._sum
        return isqrt(spread) / self._weight / GRAIN
