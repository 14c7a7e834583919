"""What happened in a rehearsal: entries in their order, with times from its start."""

import msgspec

from alerts.engine.view import AlarmView
from alerts.transition import What


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. ``at`` and ``since`` are milliseconds from the start.

    ``page`` numbers the pages, whatever became of them; entries about one carry its number. A
    ``summary`` is one of them and stands for ``count`` alarms.
    ``via`` is the channel, ``tries`` how often the message was tried on it. ``quality`` is that
    of a channel, ``detail`` what else the alarm history keeps. The other fields are those of
    ``alerts.transition.Transition``.
    """

    at: int
    what: str
    rule: str = ""
    channel: str = ""
    occurrence: int | None = None
    activation: int | None = None
    severity: str = ""
    since: int | None = None
    to: str = ""
    via: str = ""
    by: str = ""
    step: int | None = None
    page: int | None = None
    tries: int | None = None
    value: float | None = None
    count: int | None = None
    late: bool = False
    held: str = ""
    may_repeat: bool = False
    quality: str = ""
    detail: dict[str, str] = {}
    why: str = ""

    def written(self) -> dict[str, object]:
        """As it is printed: times as ``h:mm:ss``, nothing that does not apply."""
        fields: dict[str, object] = msgspec.to_builtins(self, enc_hook=int)
        fields["at"] = clock(self.at)
        if self.since is not None:
            fields["since"] = clock(self.since)
        return fields

    def __str__(self) -> str:
        """One line for people."""
        occurrence = f"#{self.occurrence}" if self.occurrence is not None else ""
        head = f"{clock(self.at)}  {self.what:<10} {self.rule}{occurrence}"
        fields = self.written()
        rest = [f"{n}={v}" for n, v in fields.items() if n not in _IN_HEAD and n != "why"]
        why = f": {self.why}" if self.why else ""
        return " ".join([head, *rest]).rstrip() + why


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The whole timeline, and where each rule's alarm stands at the end."""

    timeline: tuple[Entry, ...]
    final: dict[str, AlarmView]


_IN_HEAD = frozenset({"at", "what", "rule", "occurrence", "detail", "channel"})

HANDED = frozenset(
    {"page", "summary", "notice", "all_clear", "closed", "correction", "retry"}
    | {"handover", "digest", "drill"}
)
"""Entries of messages at the moment in which a provider is asked to take them."""

DELIVERY = frozenset({"delivered", "failed", "cancelled", "expired"})
"""Entries of what became of a message."""

STAGE = frozenset({"kill", "restart", "suspend", "clock_step", "restore"})
"""Entries of what the story itself did."""

WHATS = frozenset(what.value for what in What) - {"queued"} | HANDED | DELIVERY | STAGE
"""Every word that an entry of this version can have."""


def clock(ms: int) -> str:
    """Milliseconds from the start as ``h:mm:ss``."""
    sign = "-" if ms < 0 else ""
    seconds, rest = divmod(abs(ms), 1000)
    minutes, second = divmod(seconds, 60)
    fraction = f".{rest:03}" if rest else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{second:02}{fraction}"
