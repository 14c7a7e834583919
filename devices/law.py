"""How a raw number of a register becomes a stored value."""

import struct
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import ceil, log10
from typing import NamedTuple

from devices.profile import Channel, Variant
from devices.source import Register, WordType
from devices.units import stored

MAX_F32 = float(struct.unpack(">f", b"\x7f\x7f\xff\xff")[0])
LIMITS: Mapping[WordType, tuple[float, float]] = {
    "u16": (0, 0xFFFF),
    "i16": (-0x8000, 0x7FFF),
    "u32": (0, 0xFFFFFFFF),
    "i32": (-0x80000000, 0x7FFFFFFF),
    "f32": (-MAX_F32, MAX_F32),
    "bit": (0, 1),
}
"""The numbers that a type can hold."""
_EXACT_PLACES = 9
_MOST_PLACES = 12

# Adding and taking away 1.5 * 2**52 leaves a double rounded to a whole number. It is several
# times faster than round(), and decoding is what a poll costs most.
WHOLE = 6755399441055744.0


class Law(NamedTuple):
    """How a raw number becomes a stored one: ``whole(raw * slope + shift) / power``.

    ``power`` is a power of ten, so that a value has the decimals it was given and no binary
    noise. Only raw numbers from ``low`` to ``high`` are possible.
    """

    slope: float
    shift: float
    power: float
    low: float
    high: float

    def value(self, raw: float) -> float:
        """The stored value of a possible ``raw``."""
        return ((raw * self.slope + self.shift) + WHOLE - WHOLE) / self.power

    def allows(self, raw: float) -> bool:
        """Whether ``raw`` is possible."""
        return self.low <= raw <= self.high


def law(channel: Channel, register: Register, variant: Variant | None = None) -> Law:
    """The law of ``channel``, whose number stands in ``register``, under ``variant`` if any."""
    meaning = variant or Variant(
        when=0,
        unit=channel.unit,
        range=channel.range,
        scale=register.scale,
        offset=register.offset,
    )
    factor, origin = stored(channel.quantity, meaning.unit)[1:]
    scale, offset = _line(meaning)
    step = scale * Decimal(repr(factor))
    shift = offset * Decimal(repr(factor)) + Decimal(repr(origin))
    places = max(_places(step), _places(shift))
    if register.type == "f32" or places > _EXACT_PLACES:
        # A thousandth of the resolution: finer than the device, coarser than binary noise.
        places = ceil(-log10(channel.resolution * abs(factor))) + 3
        places = min(max(places, 0), _MOST_PLACES)
    power = Decimal(10) ** places
    low, high = (
        (0, meaning.full) if meaning.full else _raw_range(meaning.range, register, scale, offset)
    )
    return Law(float(step * power), float(shift * power), float(power), low, high)


def as_f32(number: float) -> float:
    """``number`` as four bytes hold it; the largest of them where it is larger."""
    try:
        return float(struct.unpack(">f", struct.pack(">f", number))[0])
    except OverflowError:
        return MAX_F32 if number > 0 else -MAX_F32


def _line(meaning: Variant) -> tuple[Decimal, Decimal]:
    """Scale and offset."""
    if not meaning.full:
        return Decimal(repr(meaning.scale)), Decimal(repr(meaning.offset))
    low, high = (Decimal(repr(end)) for end in meaning.range)
    return (high - low) / meaning.full, low


def _raw_range(
    limits: tuple[float, float], register: Register, scale: Decimal, offset: Decimal
) -> tuple[float, float]:
    least, most = LIMITS[register.type]
    low, high = sorted((Decimal(repr(limit)) - offset) / scale for limit in limits)
    low, high = max(low, Decimal(least)), min(high, Decimal(most))
    if register.type == "f32":
        return as_f32(float(low)), as_f32(float(high))
    return int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR))


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
