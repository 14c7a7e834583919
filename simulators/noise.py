"""Seeded noise as a pure function of what is measured and when, so that runs repeat exactly.

A generator with a state would give other numbers when the step size changes or when somebody
reads twice. Here the number depends only on the seed and on the count of sensor periods.
"""

import math
from zlib import crc32

_MASK = (1 << 64) - 1


def seed_of(name: str, seed: int) -> int:
    """The seed of the device ``name`` in a site whose seed is ``seed``."""
    return crc32(name.encode()) ^ seed << 32


def uniform(seed: int, index: int) -> float:
    """A number in (0, 1) that is fixed by ``seed`` and ``index``.

    The mixing is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    mixed = (seed + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    mixed ^= mixed >> 31
    return (mixed + 0.5) / (_MASK + 1)


def gaussian(seed: int, index: int) -> float:
    """A number of the standard normal distribution, fixed by ``seed`` and ``index``."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed, 2 * index)))
    return radius * math.cos(2.0 * math.pi * uniform(seed, 2 * index + 1))


def measured(value: float, *, noise: float, resolution: float, seed: int, index: int) -> float:
    """``value`` as a sensor shows it: with noise of this deviation, in whole resolutions."""
    noisy = value + noise * gaussian(seed, index)
    return round(noisy / resolution) * resolution
