"""The state of the engine as bytes, in parts that are stored each on its own."""

from collections.abc import Mapping
from hashlib import sha256
from typing import TypeVar

import msgspec

from alerts.engine.signal import Signal
from alerts.rule import Rule

CLOCK = "clock"
ROTA = "rota"
DRILLS = "drills"
RULEBOOK = "rulebook"
RULE = "rule:"
DEVICE = "device:"

T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder(order="sorted")


class StateError(Exception):
    """A stored part of the engine's state cannot be read; the text names it."""


class ClockPart(msgspec.Struct, frozen=True, array_like=True):
    """Where the engine stands in the journal and in time.

    ``cursor`` is the last entry taken, ``now`` its steady time, ``offset`` what to add for wall
    time; ``begun`` whether there was any.
    """

    cursor: int = -1
    now: int = 0
    offset: int = 0
    begun: bool = False


RotaPart = dict[str, dict[str, tuple[str, ...]]]
"""Policy → step → the people that stand in for those of the policy."""


class Drill(msgspec.Struct, frozen=True, array_like=True):
    """The newest drill of a person on a channel, when it was sent and answered (epoch ms)."""

    id: str
    at: int
    answered: int | None = None


DrillPart = dict[str, Drill]
"""Person and channel, on two lines → their newest drill."""

DevicePart = dict[str, Signal]
"""Channel key → its quality and newest samples."""


def encoded(value: object) -> bytes:
    """A part as bytes; the same value gives the same bytes."""
    return _encoder.encode(value)


def decoded(parts: Mapping[str, bytes], key: str, kind: type[T]) -> T | None:
    """The part called ``key``, None if it was never stored.

    Raises:
        StateError: it is not a ``kind``.
    """
    data = parts.get(key)
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"alarm state, part {key!r}: {error}; restore a backup, or start without it"
        ) from error


def definition(rule: Rule) -> str:
    """A short digest that tells whether a rule was changed."""
    return sha256(msgspec.json.encode(rule, enc_hook=str)).hexdigest()[:16]
