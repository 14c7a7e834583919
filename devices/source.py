"""Where a value stands on the wire of one transport."""

import re
from typing import Literal

from msgspec import field

from devices.part import Part

Table = Literal["holding", "input", "coil", "discrete"]
WordType = Literal["u16", "i16", "u32", "i32", "f32", "bit"]
WordOrder = Literal["high-first", "low-first"]
REGISTERS: dict[WordType, int] = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "bit": 1}
"""Registers (or bits) that a value of a type takes."""
ByteType = Literal["u8", "i8", "u16", "i16", "u32", "i32"]
BYTES: dict[ByteType, int] = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4}
QualityWord = Literal["sensor_fault", "out_of_range", "no_answer", "suspect"]


class Register(Part, frozen=True, kw_only=True, tag_field="via", tag="modbus"):
    """Where a value stands on the wire. ``address`` is the protocol address, from 0.

    The value in the unit as written is ``raw * scale + offset``. ``mask`` picks bits of an
    integer before scaling: the result is 1 when any of them is set, else 0. ``idle`` lists codes
    of an integer that say "nothing is the matter": the result is 0 for them, else 1.
    """

    table: Table
    address: int
    type: WordType
    scale: float = 1.0
    offset: float = 0.0
    mask: int | None = None
    idle: tuple[int, ...] = ()
    word_order: WordOrder | None = None

    @property
    def count(self) -> int:
        """Registers or bits the value takes."""
        return REGISTERS[self.type]

    @property
    def is_state(self) -> bool:
        """Whether the raw number is turned into 0 or 1."""
        return self.mask is not None or bool(self.idle)

    def state(self, raw: float) -> int:
        """0 or 1, as ``mask`` and ``idle`` say; without either, whether ``raw`` is not 0."""
        number = int(raw)
        if self.mask is not None:
            number &= self.mask
        return int(number not in self.idle) if self.idle else int(number != 0)


class JsonPath(Part, frozen=True, kw_only=True, tag_field="via", tag="json"):
    """Where a value stands in a JSON payload: keys joined by dots, list indices as numbers.

    ``words`` maps texts and booleans (spelt ``true``, ``false``) to numbers.
    """

    path: str
    scale: float = 1.0
    words: dict[str, float] = field(default_factory=dict)


class Given(Part, frozen=True, kw_only=True):
    """What else must be answered for a value to be believed, and what it then is multiplied by.

    ``pattern`` is one that the whole answer to ``ask`` must match; what its first group says
    picks the factor. Under any other answer, or without one, there is no value.
    """

    ask: str
    factors: dict[str, float]
    pattern: str = r"\s*(\S+)\s*"

    def __post_init__(self) -> None:
        check_pattern(self.pattern)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that takes no value out of an answer.

    Raises:
        ValueError: it is no regular expression, or has no group.
    """
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is none: {error}") from error
    if groups < 1:
        raise ValueError(f"pattern {pattern!r} has no group, which would be the value")


class Query(Part, frozen=True, kw_only=True, tag_field="via", tag="line"):
    """What is asked over a line of text, and where the value stands in the answer.

    ``ask`` is sent without its end; empty, the device speaks unasked. ``pattern`` is a regular
    expression that the whole answer must match; its first group is the value. ``words`` maps
    texts to numbers. ``given`` is the unit in which the device is set to speak.

    Raises:
        ValueError: the pattern takes no value out of an answer.
    """

    ask: str = ""
    pattern: str = r"\s*([-+]?\d+(?:\.\d+)?)\s*"
    scale: float = 1.0
    words: dict[str, float] = field(default_factory=dict)
    given: Given | None = None

    def __post_init__(self) -> None:
        check_pattern(self.pattern)


class Bits(Part, frozen=True, kw_only=True):
    """Some bits of one byte: they hold where they are one of ``any_of``; without it, not 0."""

    at: int
    mask: int = 0xFF
    any_of: tuple[int, ...] = ()

    def read(self, data: bytes) -> int:
        """The bits, where they stand; 0 beyond the end."""
        return data[self.at] & self.mask if self.at < len(data) else 0

    def hold(self, data: bytes) -> bool:
        """Whether they are as named; beyond the end they are not."""
        if self.at >= len(data):
            return False
        found = data[self.at] & self.mask
        return found in self.any_of if self.any_of else found != 0


class Packed(Part, frozen=True, kw_only=True, tag_field="via", tag="bytes"):
    """Where a value stands in the bytes of a radio message, ``at`` bytes from their start.

    ``items`` are the tags (hex) of those items of a tagged payload that carry it, counted from
    the item's own start, ``port`` the LoRaWAN port of an untagged one. ``mask`` picks bits of the
    raw number. ``when``: said only if all of these hold. ``broken``: if one of these holds, or
    one of ``broken_items`` is in the payload, the sensor is at fault. ``by`` are bits that choose
    among ``scales`` and ``places`` (where it stands); where they choose none, the device is set
    to say something else, and there is no value (sensor fault).
    """

    at: int = 0
    type: ByteType
    items: tuple[str, ...] = ()
    port: int = 0
    mask: int | None = None
    scale: float = 1.0
    when: tuple[Bits, ...] = ()
    broken: tuple[Bits, ...] = ()
    broken_items: tuple[str, ...] = ()
    by: Bits | None = None
    scales: dict[str, float] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)


class Metric(Part, frozen=True, kw_only=True, tag_field="via", tag="sparkplug"):
    """The name of a Sparkplug metric; ``words`` maps texts and booleans (``true``) to numbers."""

    metric: str
    scale: float = 1.0
    words: dict[str, float] = field(default_factory=dict)
