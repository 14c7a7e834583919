"""Which entries the journal may let go of: a pure decision."""

from typing import NamedTuple

from storage.archive.seal import Seal

RELIEF = 0.6
"""From so full a journal on, what is sealed goes before its time: the first alarm is at 0.7."""


class Keep(NamedTuple):
    """For how long the journal keeps what is sealed (milliseconds), and how full it is (0 … 1)."""

    keep_ms: int
    fill: float


def may_go(seal: Seal, *, consumed: int, now: int, keep: Keep) -> bool:
    """Whether the journal may let go of the entries of a segment; it goes through them in order.

    Every consumer is past ``consumed``. Nothing goes that is not sealed, or that a consumer has
    not seen, however full the journal is.
    """
    due = now - seal.at >= keep.keep_ms or keep.fill >= RELIEF
    return due and seal.last <= consumed
