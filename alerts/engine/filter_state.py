"""What a filter of table A1 keeps between two samples. Times are steady milliseconds."""

from enum import StrEnum

import msgspec

from alerts.engine.limits import Side


class Stage(StrEnum):
    """States of the filter: clear, on-delay, set, off-delay."""

    F0 = "F0"
    F1 = "F1"
    F2 = "F2"
    F3 = "F3"


class Past(msgspec.Struct, frozen=True, array_like=True):
    """True samples that arrived late: an excursion of which nothing was known."""

    since: int
    until: int
    peak: float


class Filter(msgspec.Struct, frozen=True, array_like=True):
    """``anchor`` is the first true sample, ``due`` the end of the running delay.

    ``latest`` is the side of the newest good sample, ``known`` the newest false sample before the
    anchor (in F0, before what is inside the deadband now), ``trues`` the true samples that make up
    the on-delay, ``pulses`` the activations that count, ``peak`` the worst value of the on-delay,
    ``counted`` that activations set it.
    """

    stage: Stage = Stage.F0
    anchor: int = 0
    due: int | None = None
    latest: Side = Side.FALSE
    known: int | None = None
    trues: tuple[int, ...] = ()
    pulses: tuple[int, ...] = ()
    peak: float = 0.0
    counted: bool = False
    returned: int = 0
    flutter: int = 0
    past: Past | None = None

    @property
    def active(self) -> bool:
        """Whether the debounced condition holds."""
        return self.stage in {Stage.F2, Stage.F3}
