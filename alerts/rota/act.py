"""What people change of a rota for a while: an override, a swap, or one of them taken back."""

from typing import Literal

import msgspec

from storage.entry import Command

OVERRIDE, SWAP, WITHDRAW = "override", "swap", "withdraw"
ACTS = (OVERRIDE, SWAP, WITHDRAW)
_PAIR = 2


class ActError(Exception):
    """A change of a rota cannot be taken; the text says why."""


class RotaAct(msgspec.Struct, frozen=True, kw_only=True):
    """One change, from ``start`` to before ``end`` (epoch ms, UTC).

    ``override``: ``people`` are on call, whoever it would be. ``swap``: the two in ``people``
    stand in each other's place. ``withdraw``: the act with the id ``of`` counts no more.
    """

    id: str
    rota: str
    verb: Literal["override", "swap", "withdraw"]
    by: str
    at: int
    why: str
    start: int = 0
    end: int = 0
    people: tuple[str, ...] = ()
    of: str = ""


def read_act(command: Command) -> RotaAct:
    """The act that a command orders.

    Its arguments are ``from`` and ``until`` (epoch ms), ``to`` (names with commas), ``of`` and
    ``reason``.

    Raises:
        ActError: it contradicts itself.
    """
    act, verb, rota, told = command, command.verb, command.target, command.arguments
    reason = told.get("reason", "").strip()
    if not reason:
        raise ActError("a change of the rota needs a reason")
    if verb == WITHDRAW:
        if not told.get("of"):
            raise ActError("name the act that is taken back")
        return RotaAct(
            id=act.id, rota=rota, verb="withdraw", by=act.by, at=act.at, why=reason, of=told["of"]
        )
    start, end = _ms(told.get("from", "")), _ms(told.get("until", ""))
    if start >= end:
        raise ActError("it ends before it begins")
    named = (name.strip() for name in told.get("to", "").split(","))
    people = tuple(dict.fromkeys(name for name in named if name))
    if verb == SWAP and len(people) != _PAIR:
        raise ActError("a swap is between two people")
    if not people:
        raise ActError("an override names who is on call")
    return RotaAct(
        id=act.id,
        rota=rota,
        verb="swap" if verb == SWAP else "override",
        by=act.by,
        at=act.at,
        why=reason,
        start=start,
        end=end,
        people=people,
    )


def _ms(text: str) -> int:
    if not text.isdecimal():
        raise ActError(f"{text!r} is no time in epoch milliseconds")
    return int(text)
