"""Mean kinetic temperature: the one temperature that would do the same chemical harm."""

from math import exp, inf, log

DELTA_H = 83.144
"""Activation energy in kJ/mol that USP <1160> takes where none is known for the product."""
DEFAULT_THETA = 10_000.0
"""Its quotient by the gas constant, in kelvin: by that convention, a round number."""
GAS_CONSTANT = 8.314472e-3
"""kJ/(mol K), CODATA 2006: for any other activation energy; the worked cases are made with it."""
CRYOGENIC_C = -60.0
"""Below this, the mean is that of the warmest hour and says nothing about damage."""
_ZERO_C = 273.15


class KineticMean:
    """Mean kinetic temperature, summed as logarithms so that no temperature underflows.

    T = (dH/R) / -ln(sum(w exp(-dH/(R T))) / sum(w)), T in kelvin (USP <1160>).
    """

    def __init__(self, delta_h: float = DELTA_H) -> None:
        """Begin with nothing; ``delta_h`` in kJ/mol, above 0."""
        if not delta_h > 0:
            raise ValueError(f"an activation energy of {delta_h} kJ/mol means nothing")
        self._theta = DEFAULT_THETA if delta_h == DELTA_H else delta_h / GAS_CONSTANT
        self._peak = -inf
        self._sum = 0.0
        self._weight = 0
        self._run: tuple[float, int] = (0.0, 0)

    def add(self, celsius: float, weight: int) -> None:
        """``celsius`` for ``weight`` milliseconds, or whatever unit all weights are in.

        Raises:
            ValueError: not a temperature above absolute zero, or a negative weight.
        """
        if not -_ZERO_C < celsius < inf or weight < 0:
            raise ValueError(f"{celsius} degC for {weight} ms is not a temperature and a time")
        value, so_far = self._run
        if value == celsius:
            self._run = (value, so_far + weight)
            return
        self._settle()
        self._run = (celsius, weight)

    def exceeds_the_mean(self, hottest: float) -> bool:
        """Whether no mean up to ``hottest`` (°C) is above the kinetic one.

        By Jensen's inequality, where exp(-theta/T) is convex: up to T = theta/2, 4,727 °C.
        """
        return 2 * (hottest + _ZERO_C) <= self._theta

    def celsius(self) -> float:
        """The mean kinetic temperature.

        Raises:
            ValueError: nothing with a weight was added.
        """
        self._settle()
        if not self._weight:
            raise ValueError("no temperature was added")
        return self._theta / -(self._peak + log(self._sum / self._weight)) - _ZERO_C

    def _settle(self) -> None:
        value, weight = self._run
        self._run = (value, 0)
        if not weight:
            return
        exponent = -self._theta / (value + _ZERO_C)
        if exponent > self._peak:
            self._sum = self._sum * exp(self._peak - exponent) + weight
            self._peak = exponent
        else:
            self._sum += weight * exp(exponent - self._peak)
        self._weight += weight
