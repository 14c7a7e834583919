"""What is watched: one rule is one alarm, with the reason it exists."""

from enum import IntEnum
from typing import Literal

import msgspec

from devices.duration import Duration


class Severity(IntEnum):
    """How much is at stake, worst last."""

    ADVISORY = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """As files and screens spell it."""
        return self.name.lower()


SeverityWord = Literal["advisory", "low", "medium", "high", "critical"]
Kind = Literal[
    "high",
    "low",
    "count",
    "discrete",
    "rate",
    "time-to-limit",
    "evaporation",
    "difference",
    "disagreement",
    "spike",
    "stuck",
    "silence",
    "out-of-range",
    "overdue",
    "calibration-due",
]


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One further limit of a rule: beyond it the alarm has this severity."""

    limit: float
    severity: SeverityWord


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One alarm on one channel, as declared in a ``rules.d`` file or a story.

    ``limit`` and ``deadband`` are in the stored unit of the channel's quantity
    (``devices.units``): ``high`` sets at value >= limit and clears at value <= limit - deadband,
    ``low`` is its mirror. ``discrete`` sets while the value equals ``limit`` (1 by default).
    ``count`` sets after ``count`` crossings of ``limit`` within ``window``. ``silence`` sets when
    no good sample came for ``on_delay``, or three periods of the channel when that is zero.
    ``inhibited_by`` names the rule whose alarm, while active, explains this one: it is listed
    under it and nobody is paged for it. ``out-of-range`` sets when the channel carries a fault
    code or an impossible number and clears after ``good_after`` good samples in a row.
    ``rate`` sets when the change an hour over ``window`` is at least ``limit``, or at most where
    that is negative. ``time-to-limit`` sets when, by the course over ``window``, ``limit`` may be
    reached within ``within``. ``evaporation`` sets when a level falls ``limit`` times faster over
    ``window`` than it used to. ``stuck`` sets when the value has not moved for ``window``.
    ``spike`` holds a value that jumps by ``limit`` back until the next one confirms it.
    ``difference`` (from the one channel in ``against``) and ``disagreement`` (from where it and
    the others in ``against`` agree) set beyond ``limit``; one that disagrees is not trusted.
    ``high`` and ``low`` with ``against`` judge the vote of the probes. ``overdue`` sets ``every``
    so long after it was last ``done`` (a command). ``calibration-due`` takes the due date from the
    certificate of the sensor at its channel (the command ``due``), and where there is none, as
    ``overdue`` does; ``limit`` and those of ``steps`` are days from that date on, negative before.
    Of both the lowest limit sets at once where nobody ever said that it was done.
    ``suppress_by`` names the rule whose condition, delays aside (a door that is open), keeps this
    one from paging: for ``suppress_cap`` at the longest, and ``suppress_after`` beyond its end. A
    ``guard`` stays in service when its device is taken out. ``flapping`` activations within
    ``flapping_window`` have one page.
    ``count`` and ``window`` may be given to ``high`` and ``low`` too: so many activations set the
    alarm although none of them lasted for ``on_delay``. ``steps`` stand in the order of rising
    severity, each further out than the one before.
    """

    id: str
    channel: str
    kind: Kind
    limit: float | None = None
    deadband: float = 0.0
    on_delay: Duration = Duration(0)
    off_delay: Duration = Duration(0)
    severity: SeverityWord = "high"
    policy: str = ""
    latching: bool = False
    count: int | None = None
    window: Duration | None = None
    re_alarm: Duration | None = None
    repeat_gap: Duration | None = None
    shelve_max: Duration = Duration(8 * 3_600_000)
    within: Duration | None = None
    every: Duration | None = None
    against: tuple[str, ...] = ()
    inhibited_by: str | None = None
    suppress_by: str | None = None
    suppress_cap: Duration | None = None
    suppress_after: Duration = Duration(0)
    guard: bool = False
    flapping: int | None = None
    flapping_window: Duration | None = None
    steps: tuple[Limit, ...] = ()
    cause: str = ""
    consequence: str = ""
    action: str = ""
    respond_within: Duration | None = None
    good_after: int = 1
