"""What the engine says happened: one entry of the alarm history and of a story's timeline."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

DRILL = "drill:"
"""Before the id of a drill, where an alarm has its rule."""


class Listed(NamedTuple):
    """An alarm in the list of a hand-over."""

    rule: str
    occurrence: int


class What(StrEnum):
    """Kinds of entries; the words are those of a rehearsal file.

    To be handed to somebody, named in ``to``: ``queued`` (a page), ``notice`` (news of an alarm
    that they were paged for, such as who has it, or, without an occurrence, of an excursion that
    is over and was never paged), and as the one closing message of their pages
    ``all_clear`` or ``closed``; the list of a ``handover``, a ``drill``, and ``system`` where it
    names somebody. ``ack`` and ``void`` say that pages of the occurrence which
    nobody has claimed yet need not be sent.
    """

    NEAR_MISS = "near_miss"
    SET = "set"
    CLEAR = "clear"
    VOID = "void"
    QUEUED = "queued"
    NOTICE = "notice"
    ALL_CLEAR = "all_clear"
    ACK = "ack"
    REFUSED = "refused"
    UNACK = "unack"
    RESET = "reset"
    SEV_UP = "sev_up"
    SEV_DOWN = "sev_down"
    RE_ALARM = "re_alarm"
    ESCALATE = "escalate"
    EXHAUSTED = "exhausted"
    INHIBITED = "inhibited"
    QUALITY = "quality"
    SYSTEM = "system"
    CORRECTION = "correction"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EDITED = "edited"
    REMOVED = "removed"
    ROTA = "rota"
    HANDOVER = "handover"
    DRILL = "drill"
    DRILL_ANSWERED = "drill_answered"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    FLAPPING = "flapping"
    DONE = "done"
    DUE = "due"


HELD = frozenset({What.SET, What.SEV_UP, What.RE_ALARM, What.UNACK})
"""What would page, were it not ``held`` by an overlay."""


class Transition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. Times are epoch milliseconds, UTC.

    ``at`` is when it was done, ``since`` the time from which it holds. ``occurrence`` counts the
    alarms of a rule from 1, ``activation`` the times it was set within one occurrence. ``why``
    is a sentence for people. ``command`` is the id of the command that it answers. ``late`` marks
    what should have been done while nothing ran, and what is judged from late samples. ``held``
    is the overlay (``SH``, ``DS``, ``OOS``) because of which nobody was paged for it.
    """

    at: int
    what: What
    rule: str = ""
    channel: str = ""
    occurrence: int | None = None
    activation: int | None = None
    severity: str = ""
    since: int | None = None
    why: str = ""
    to: str = ""
    step: int | None = None
    value: float | None = None
    count: int | None = None
    late: bool = False
    held: str = ""
    by: str = ""
    command: str = ""
    detail: dict[str, str] = {}
