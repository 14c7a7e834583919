"""Turns what a Modbus device answered into values and qualities; absence is one of them."""

import operator
from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import NamedTuple, cast

from devices.extract import Extract, extraction
from devices.law import LIMITS, WHOLE, Law, as_f32, law
from devices.plan import Block, registers
from devices.profile import FAULT_QUALITY, Channel, Fault, Profile, asides
from devices.quality import VALUELESS, Quality
from devices.source import Register, WordType

Decoded = tuple[tuple[float | None, ...], bytes]
"""Values in stored units and quality codes, both in the order of the profile's channels."""


class Place(NamedTuple):
    """A channel of the decoder, in the order in which it comes off the wire."""

    channel: int
    law: Law
    codes: Mapping[float, Quality]
    nan: Quality
    state: Callable[[float], int] | None


class Link(NamedTuple):
    """What else must be looked at before a channel's number is believed.

    Indices are those of ``devices.profile.asides``. ``laws`` are by what the selector reads.
    """

    statuses: tuple[tuple[int, Register, Quality], ...]
    selector: int | None
    laws: Mapping[float, Law]


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
        read = registers(profile)
        default = profile.modbus.word_order if profile.modbus else "high-first"
        for block in blocks:
            extract, channels = extraction(read, default, block)
            self._extracts.append((extract, len(channels)))
            order += channels
        self._order = order
        self._places = tuple(
            _place(profile.channels[index], index) for index in order if index < self._channels
        )
        self._asides = len(asides(profile))
        self._links = _links(profile)
        laws = [place.law for place in self._places]
        self._slopes = [law.slope for law in laws]
        self._shifts = [law.shift for law in laws]
        self._powers = [law.power for law in laws]
        self._lows = [law.low for law in laws]
        self._highs = [law.high for law in laws]
        self._states = [(at, p.state) for at, p in enumerate(self._places) if p.state is not None]
        # A code outside the range is found by the range check; only the others need a look.
        self._watched = [
            (at, frozenset(place.codes))
            for at, place in enumerate(self._places)
            if place.codes and (place.state or any(place.law.allows(c) for c in place.codes))
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
        if self._asides:
            return self._judge_linked(self._partial(payloads))
        if not self._is_complete or None in payloads:
            return self._judge(self._partial(payloads))
        raws = self._raws(cast("Sequence[bytes]", payloads))
        if self._watched and any(raws[at] in codes for at, codes in self._watched):
            return self._judge(raws)
        values = [
            ((raw * slope + shift) + WHOLE - WHOLE) / power if low <= raw <= high else None
            for raw, slope, shift, power, low, high in zip(
                self._stated(raws) if self._states else raws,
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

    def _stated(self, raws: Sequence[float]) -> list[float]:
        bare = list(raws)
        for at, state in self._states:
            bare[at] = state(bare[at])
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

    def _judge_linked(self, raws: Sequence[float | None]) -> Decoded:
        own: list[float | None] = []
        beside: list[float | None] = [None] * self._asides
        for index, raw in zip(self._order, raws, strict=True):
            if index < self._channels:
                own.append(raw)
            else:
                beside[index - self._channels] = raw
        values: list[float | None] = [None] * self._channels
        qualities = bytearray((Quality.NO_ANSWER,)) * self._channels
        for place, raw in zip(self._places, own, strict=True):
            if raw is not None:
                link = self._links[place.channel]
                value, quality = believed(link, beside, *_judged(place, link, beside, raw))
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
    bare = raw if place.state is None else place.state(raw)
    if not place.law.allows(bare):
        return None, Quality.OUT_OF_RANGE
    return place.law.value(bare), quality


def _judged(
    place: Place, link: Link, beside: Sequence[float | None], raw: float
) -> tuple[float | None, Quality]:
    if link.selector is None:
        return judge(place, raw)
    selected = beside[link.selector]
    meaning = None if selected is None else link.laws.get(selected)
    if meaning is None:
        # Without knowing how it is set, 98.6 may be a fever or a normal culture.
        return None, Quality.SENSOR_FAULT
    return judge(place._replace(law=meaning), raw)


def believed(
    link: Link, beside: Sequence[float | None], value: float | None, quality: Quality
) -> tuple[float | None, Quality]:
    """``value`` and ``quality`` after a look at every status of the channel."""
    for at, register, doubt in link.statuses:
        if quality in VALUELESS:
            break
        raw = beside[at]
        if raw is None:
            quality = Quality.SUSPECT
        elif register.state(raw):
            value, quality = (None if doubt in VALUELESS else value), doubt
    return value, quality


def _arranger(order: list[int]) -> Callable[[Sequence[float | None]], tuple[float | None, ...]]:
    if order == sorted(order):
        return tuple
    position = {channel: at for at, channel in enumerate(order)}
    return operator.itemgetter(*(position[channel] for channel in sorted(order)))


def _links(profile: Profile) -> tuple[Link, ...]:
    at = {aside.register: number for number, aside in enumerate(asides(profile))}
    return tuple(
        Link(
            statuses=tuple(
                (at[status.register], status.register, FAULT_QUALITY[status.quality])
                for status in channel.status
            ),
            selector=None if channel.selector is None else at[channel.selector],
            laws={
                variant.when: law(channel, _register(channel), variant)
                for variant in channel.variants
            },
        )
        for channel in profile.channels
    )


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
    state = register.state if register.is_state else None
    return Place(index, law(channel, register), codes, nan, state)


def _code(key: str, kind: WordType, fault: Fault) -> float:
    where = f"channel {key}: fault {fault.raw!r}"
    try:
        code = float(cast("float | str", fault.raw))
    except (TypeError, ValueError):
        raise ValueError(f"{where} is neither a number nor nan, inf or -inf") from None
    if kind == "f32":
        return as_f32(code)
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


def _register(channel: Channel) -> Register:
    source = channel.source
    if not isinstance(source, Register):
        raise ValueError(f"channel {channel.key}: is not read over Modbus")  # noqa: TRY004 # it is the profile that is wrong
    return source
