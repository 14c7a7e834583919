"""What was read of one channel in a span of time: the piece that curves are made of."""

import msgspec


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from ``at`` (epoch ms) until the next bucket.

    ``least``, ``mean`` and ``most`` are of the ``good`` readings alone, in the stored unit, and
    None where there are none; ``other`` counts readings that are not good, ``last_other`` is the
    quality of the newest of them, where each was looked at. A bucket in which nothing was read has
    two zeros.
    """

    at: int
    good: int
    other: int
    least: float | None = None
    mean: float | None = None
    most: float | None = None
    last_other: str = ""
