"""For how long a reading stands for what was measured, and by what rule that is summed up.

A reading holds until the next one where that follows within 1.5 periods; where it comes later, or
not at all, the reading holds for one period, and the rest is a gap.
"""

import msgspec

from batches.kinetic import CRYOGENIC_C, DELTA_H

HOLDS = 1.5
"""Periods."""


def holds_ms(period: int) -> int:
    """The longest time between two readings that is no gap; ``period`` in ms, as it is."""
    return int(HOLDS * period)


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """How readings were summed up.

    ``holds`` is in periods; ``delta_h`` is the heat of activation of the mean kinetic temperature,
    in kJ/mol. That temperature is information alone below ``cryogenic`` (°C).
    """

    holds: float = HOLDS
    delta_h: float = DELTA_H
    cryogenic: float = CRYOGENIC_C
