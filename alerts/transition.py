"""What the engine says happened: one entry of the alarm history and of a story's timeline."""

from enum import StrEnum

import msgspec


class What(StrEnum):
    """Kinds of entries; the words are those of a rehearsal file."""

    NEAR_MISS = "near_miss"
    SET = "set"
    CLEAR = "clear"
    VOID = "void"
    QUEUED = "queued"
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
    QUALITY = "quality"
    SYSTEM = "system"
    CORRECTION = "correction"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Transition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. Times are epoch milliseconds, UTC.

    ``at`` is when it was done, ``since`` the time from which it holds. ``occurrence`` counts the
    alarms of a rule from 1, ``activation`` the times it was set within one occurrence. ``why``
    is a sentence for people. ``command`` is the id of the command that it answers.
    """

    at: int
    what: What
    rule: str = ""
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
    by: str = ""
    command: str = ""
    detail: dict[str, str] = {}
