"""Turns what a Modbus device answered into values and qualities; absence is one of them."""

import operator
import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import ceil, isnan, log10
from typing import NamedTuple, cast

from devices.plan import Block
from devices.profile import FAULT_QUALITY, Channel, Fault, Profile, Register, WordType
from devices.quality import VALUELESS, Quality

Decoded = tuple[tuple[float | None, ...], bytes]
"""Values in stored units and quality codes, both in the order of the profile's channels."""

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
_LETTER: Mapping[WordType, str] = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}
_EXACT_PLACES = 9
_MOST_PLACES = 12

# Adding and taking away 1.5 * 2**52 leaves a double rounded to a whole number. It is several
# times faster than round(), and decoding is what a poll costs most.
_WHOLE = 6755399441055744.0

Extract = Callable[[bytes], tuple[float, ...]]


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
        return ((raw * self.slope + self.shift) + _WHOLE - _WHOLE) / self.power


class Place(NamedTuple):
    """A channel of the decoder, in the order in which it comes off the wire."""

    channel: int
    law: Law
    codes: Mapping[float, Quality]
    nan: Quality
    mask: int | None


class Decoder:
    """Decodes the answers to ``blocks``, which are reads of a device of ``profile``.

    Channels that stand in none of the blocks are given as no answer.

    Raises:
        ValueError: a fault code is none that its register can hold.
    """

    def __init__(self, profile: Profile, blocks: Sequence[Block]) -> None:
        self._channels = len(profile.channels)
        self._extracts: list[tuple[Extract, int]] = []
        order: list[int] = []
        for block in blocks:
            extract, channels = _extract(profile, block)
            self._extracts.append((extract, len(channels)))
            order += channels
        self._places = tuple(_place(profile.channels[index], index) for index in order)
        laws = [place.law for place in self._places]
        self._slopes = [law.slope for law in laws]
        self._shifts = [law.shift for law in laws]
        self._powers = [law.power for law in laws]
        self._lows = [law.low for law in laws]
        self._highs = [law.high for law in laws]
        self._masks = [(at, p.mask) for at, p in enumerate(self._places) if p.mask is not None]
        # A code outside the range is found by the range check; only the others need a look.
        self._watched = [
            (at, frozenset(place.codes))
            for at, place in enumerate(self._places)
            if place.codes and (place.mask or any(_possible(c, place.law) for c in place.codes))
        ]
        self._all_good = bytes(self._channels)
        self._is_complete = len(order) == self._channels
        self._arrange = _arranger(order)

    def decode(self, payloads: Sequence[bytes | None]) -> Decoded:
        """The channels of a device whose blocks were answered with ``payloads``.

        A payload is the data of the answer, without unit, function and byte count, and as long
        as ``Block.size`` says; None stands for a block without an answer.

        Raises:
            struct.error: a payload is not as long as its block.
        """
        if not self._is_complete or None in payloads:
            return self._judge(self._partial(payloads))
        raws = self._raws(cast("Sequence[bytes]", payloads))
        if self._watched and any(raws[at] in codes for at, codes in self._watched):
            return self._judge(raws)
        values = [
            ((raw * slope + shift) + _WHOLE - _WHOLE) / power if low <= raw <= high else None
            for raw, slope, shift, power, low, high in zip(
                self._unmasked(raws) if self._masks else raws,
                self._slopes,
                self._shifts,
                self._powers,
                self._lows,
                self._highs,
                strict=True,
            )
        ]
        if None in values:
            return self._judge(raws)
        return self._arrange(values), self._all_good

    def _raws(self, payloads: Sequence[bytes]) -> Sequence[float]:
        if len(payloads) == 1:
            return self._extracts[0][0](payloads[0])
        raws: list[float] = []
        for (extract, _), payload in zip(self._extracts, payloads, strict=True):
            raws += extract(payload)
        return raws

    def _partial(self, payloads: Sequence[bytes | None]) -> list[float | None]:
        raws: list[float | None] = []
        for (extract, count), payload in zip(self._extracts, payloads, strict=True):
            raws += (None,) * count if payload is None else extract(payload)
        return raws

    def _unmasked(self, raws: Sequence[float]) -> list[float]:
        bare = list(raws)
        for at, mask in self._masks:
            bare[at] = 1 if int(bare[at]) & mask else 0
        return bare

    def _judge(self, raws: Sequence[float | None]) -> Decoded:
        values: list[float | None] = [None] * self._channels
        qualities = bytearray((Quality.NO_ANSWER,)) * self._channels
        for place, raw in zip(self._places, raws, strict=True):
            if raw is not None:
                value, quality = judge(place, raw)
                values[place.channel] = value
                qualities[place.channel] = quality
        return tuple(values), bytes(qualities)


def judge(place: Place, raw: float) -> tuple[float | None, Quality]:
    """What one raw number of ``place`` means."""
    if isnan(raw):
        return None, place.nan
    quality = place.codes.get(raw, Quality.GOOD)
    if quality in VALUELESS:
        return None, quality
    bare = raw if place.mask is None else (1 if int(raw) & place.mask else 0)
    if not _possible(bare, place.law):
        return None, Quality.OUT_OF_RANGE
    return place.law.value(bare), quality


def _possible(raw: float, law: Law) -> bool:
    return law.low <= raw <= law.high


def _arranger(order: list[int]) -> Callable[[Sequence[float | None]], tuple[float | None, ...]]:
    if order == sorted(order):
        return tuple
    position = {channel: at for at, channel in enumerate(order)}
    return operator.itemgetter(*(position[channel] for channel in sorted(order)))


def _place(channel: Channel, index: int) -> Place:
    register = _register(channel)
    codes: dict[float, Quality] = {}
    nan = Quality.SENSOR_FAULT
    for fault in channel.faults:
        quality = FAULT_QUALITY[fault.quality]
        code = _code(channel.key, register.type, fault)
        if not isnan(code):
            codes[code] = quality
        elif quality in VALUELESS:
            # A NaN cannot be kept as a suspect value, so it stays a fault there.
            nan = quality
    return Place(index, _law(channel, register), codes, nan, register.mask)


def _law(channel: Channel, register: Register) -> Law:
    scale, (unit_factor, unit_offset) = Decimal(repr(register.scale)), channel.stored[1:]
    step, shift = scale * Decimal(repr(unit_factor)), Decimal(repr(unit_offset))
    places = max(_places(step), _places(shift))
    if register.type == "f32" or places > _EXACT_PLACES:
        # A thousandth of the resolution: finer than the device, coarser than binary noise.
        places = ceil(-log10(channel.resolution * abs(unit_factor))) + 3
        places = min(max(places, 0), _MOST_PLACES)
    power = Decimal(10) ** places
    low, high = _raw_range(channel, register, scale)
    return Law(float(step * power), float(shift * power), float(power), low, high)


def _raw_range(channel: Channel, register: Register, scale: Decimal) -> tuple[float, float]:
    least, most = LIMITS[register.type]
    low, high = sorted(Decimal(repr(limit)) / scale for limit in channel.range)
    low, high = max(low, Decimal(least)), min(high, Decimal(most))
    if register.type == "f32":
        return _f32(float(low)), _f32(float(high))
    return int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR))


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _code(key: str, kind: WordType, fault: Fault) -> float:
    where = f"channel {key}: fault {fault.raw!r}"
    try:
        code = float(cast("float | str", fault.raw))
    except (TypeError, ValueError):
        raise ValueError(f"{where} is neither a number nor nan, inf or -inf") from None
    if kind == "f32":
        return _f32(code)
    if not code.is_integer():
        raise ValueError(f"{where} is none that a {kind} can hold")
    least, most = LIMITS[kind]
    width = 2 ** (16 if kind.endswith("16") else 32)
    # Manuals write 0x8000 for what reads as -32768; both are the same word.
    if kind.startswith("i") and most < code < width:
        code -= width
    if not least <= code <= most:
        raise ValueError(f"{where} is none that a {kind} can hold")
    return code


def _f32(number: float) -> float:
    try:
        return float(struct.unpack(">f", struct.pack(">f", number))[0])
    except OverflowError:
        return MAX_F32 if number > 0 else -MAX_F32


def _register(channel: Channel) -> Register:
    source = channel.source
    if not isinstance(source, Register):
        raise ValueError(f"channel {channel.key}: is not read over Modbus")  # noqa: TRY004 # it is the profile that is wrong
    return source


def _extract(profile: Profile, block: Block) -> tuple[Extract, list[int]]:
    """What takes the raw numbers out of a payload, and the channels they belong to, in order."""
    if block.is_bits:
        offsets = [field.address - block.address for field in block.fields]
        return _bits(offsets), [field.channel for field in block.fields]
    parts: list[tuple[struct.Struct, bool]] = []
    channels: list[int] = []
    for swapped in (False, True):
        for layer in _layers(profile, block, swapped=swapped):
            parts.append((_pattern(profile, block, layer, swapped=swapped), swapped))
            channels += layer
    return _words(parts), channels


def _layers(profile: Profile, block: Block, *, swapped: bool) -> list[list[int]]:
    """The channels of one word order, parted so that those of a layer do not overlap."""
    layers: list[tuple[int, list[int]]] = []
    for field in block.fields:
        if _is_low_first(profile, field.channel) is not swapped:
            continue
        for number, (end, layer) in enumerate(layers):
            if field.address >= end:
                layers[number] = (field.address + field.count, [*layer, field.channel])
                break
        else:
            layers.append((field.address + field.count, [field.channel]))
    return [layer for _, layer in layers]


def _is_low_first(profile: Profile, channel: int) -> bool:
    register = _register(profile.channels[channel])
    default = profile.modbus.word_order if profile.modbus else "high-first"
    # One word has no order; taking it with the others spares a second pass.
    return (default if register.count == 1 else register.word_order or default) == "low-first"


def _pattern(
    profile: Profile, block: Block, layer: Sequence[int], *, swapped: bool
) -> struct.Struct:
    # With the bytes of every word swapped, low word first is plain little-endian.
    pattern, at = "<" if swapped else ">", block.address
    for channel in layer:
        register = _register(profile.channels[channel])
        pattern += f"{2 * (register.address - at)}x{_LETTER[register.type]}"
        at = register.address + register.count
    return struct.Struct(f"{pattern}{2 * (block.address + block.count - at)}x")


def _words(parts: list[tuple[struct.Struct, bool]]) -> Extract:
    if len(parts) == 1:
        only, swapped = parts[0]
        unpack = only.unpack
        return (lambda payload: unpack(_swap(payload))) if swapped else unpack

    def extract(payload: bytes) -> tuple[float, ...]:
        raws: tuple[float, ...] = ()
        for pattern, swapped in parts:
            raws += pattern.unpack(_swap(payload) if swapped else payload)
        return raws

    return extract


def _swap(payload: bytes) -> bytes:
    words = array("H", payload)
    words.byteswap()
    return words.tobytes()


def _bits(offsets: list[int]) -> Extract:
    def extract(payload: bytes) -> tuple[float, ...]:
        bits = int.from_bytes(payload, "little")
        return tuple(bits >> offset & 1 for offset in offsets)

    return extract
