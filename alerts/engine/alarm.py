"""The state of one alarm: core, escalation and overlay. Times are steady milliseconds."""

from enum import StrEnum

import msgspec

from alerts.engine.flapping import Flapping
from alerts.engine.overlay import BARE, Overlay
from alerts.engine.trend import Trend
from alerts.rule import Severity


class Phase(StrEnum):
    """States of the core: normal, active, acknowledged, returned, latched and gone."""

    N = "N"
    U = "U"
    A = "A"
    R = "R"
    LU = "LU"
    LA = "LA"


class Status(StrEnum):
    """States of an escalation."""

    IDLE = "IDLE"
    RUN = "RUN"
    HELD = "HELD"
    EXHAUSTED = "EXHAUSTED"


class Escalation(msgspec.Struct, frozen=True, array_like=True):
    """``step`` is the last one run (-1: none), ``begun`` when this round began.

    ``due`` is when the next step is run or the round begins again.
    """

    status: Status = Status.IDLE
    step: int = -1
    begun: int = 0
    due: int | None = None


class Alarm(msgspec.Struct, frozen=True, array_like=True):
    """One alarm and its current occurrence.

    ``severity`` is the current one, ``worst`` the highest of the occurrence, ``seen`` the one
    that was acknowledged. ``paged`` are the people who were, in order. ``page_due`` is the end
    of a repeat gap, ``remind_due`` the re-alarm, ``release_due`` when a consequence whose cause
    is gone may page; ``under`` is its cause while that is active.
    """

    phase: Phase = Phase.N
    occurrence: int = 0
    activation: int = 0
    since: int = 0
    value: float | None = None
    severity: Severity | None = None
    worst: Severity | None = None
    seen: Severity | None = None
    acked_by: tuple[str, ...] = ()
    acked_at: int = 0
    paged: tuple[str, ...] = ()
    paged_at: int | None = None
    page_due: int | None = None
    remind_due: int | None = None
    release_due: int | None = None
    under: str = ""
    escalation: Escalation = Escalation()
    trend: Trend = Trend()
    overlay: Overlay = BARE
    flapping: Flapping = Flapping()

    @property
    def active(self) -> bool:
        """Whether the condition holds."""
        return self.phase in {Phase.U, Phase.A}

    @property
    def due(self) -> int | None:
        """The earliest of its timers."""
        timers = (
            self.page_due,
            self.remind_due,
            self.release_due,
            self.escalation.due,
            self.overlay.due,
            self.flapping.due,
        )
        return min((due for due in timers if due is not None), default=None)
