"""First-order lags, solved exactly, so that the size of a step does not change the physics."""

import math
from collections.abc import Iterator


def toward(value: float, target: float, dt_s: float, tau_s: float) -> float:
    """Where ``value`` is ``dt_s`` later, approaching ``target`` with time constant ``tau_s``."""
    return target + (value - target) * math.exp(-dt_s / tau_s)


def pieces(dt_s: float, longest_s: float) -> Iterator[float]:
    """``dt_s`` cut into equal pieces that are no longer than ``longest_s``.

    Raises:
        ValueError: time does not run backwards.
    """
    if not dt_s >= 0:
        raise ValueError(f"a step of {dt_s} s; time does not run backwards")
    count = math.ceil(dt_s / longest_s)
    for _ in range(count):
        yield dt_s / count
