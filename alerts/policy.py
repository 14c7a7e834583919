"""Who is told, in which order, and how each of them is reached."""

import re
from collections.abc import Callable, Iterable

import msgspec

from alerts.rule import SeverityWord
from devices.duration import Duration

ROTA_MARK = "@"
"""Before the id of a rota, among the people of a step."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def check_clock(*times: str) -> None:
    """See that these are times of day, written ``HH:MM``.

    Raises:
        ValueError: one is not.
    """
    for text in times:
        if not _CLOCK.fullmatch(text):
            raise ValueError(f"{text!r} is no time of day; write one such as 22:00")


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the day in which messages ``below`` a severity wait until they are over.

    Times are those of ``zone``, the site's when it is empty; ``to`` at or before ``from`` is the
    next day.
    """

    from_: str = msgspec.field(name="from")
    to: str
    below: SeverityWord = "high"
    zone: str = ""

    def __post_init__(self) -> None:
        check_clock(self.from_, self.to)


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
    quiet: Quiet | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after`` the alarm was set (or the loop began again), page the people in ``to``.

    ``to`` may name rotas too, as ``@id``: whoever is on call there then.
    """

    after: Duration
    to: tuple[str, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Those who are named themselves."""
        return tuple(name for name in self.to if not name.startswith(ROTA_MARK))

    def resolved(self, on_call: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
        """Everybody, each once: ``on_call`` gives the people of a rota."""
        found: list[str] = []
        for name in self.to:
            if name.startswith(ROTA_MARK):
                found += on_call(name.removeprefix(ROTA_MARK))
            else:
                found.append(name)
        return tuple(dict.fromkeys(found))

    @property
    def rotas(self) -> tuple[str, ...]:
        """The ids of the rotas that are named."""
        marked = (name for name in self.to if name.startswith(ROTA_MARK))
        return tuple(name.removeprefix(ROTA_MARK) for name in marked)


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An escalation: its steps, how soon a repeat may page again, when it starts over.

    ``fallback`` is told at once when a step has nobody.
    """

    id: str
    steps: tuple[Step, ...]
    repeat_gap: Duration = Duration(0)
    loop_after: Duration | None = None
    fallback: tuple[str, ...] = ()
