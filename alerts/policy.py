"""Who is told, in which order, and how each of them is reached."""

import msgspec

from devices.duration import Duration


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who can be paged. ``channels`` name the ways, in the order of trial.

    ``addresses`` maps a channel to where it reaches them: ``mail`` an address, ``webhook`` a URL,
    ``sms`` and ``voice`` a number (``+43…``), ``pushover`` a user key, ``ntfy`` a topic, ``teams``
    and ``apprise`` a name from the table of that channel; ``inbox`` needs none.
    """

    id: str
    name: str = ""
    channels: tuple[str, ...] = ()
    addresses: dict[str, str] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after`` the alarm was set (or the loop began again), page the people in ``to``."""

    after: Duration
    to: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An escalation: its steps, how soon a repeat may page again, when it starts over.

    ``fallback`` is told at once when a step has nobody.
    """

    id: str
    steps: tuple[Step, ...]
    repeat_gap: Duration = Duration(0)
    loop_after: Duration | None = None
    fallback: tuple[str, ...] = ()
