"""Bytes of a radio message → what they say: tagged items or fixed places, as the profile has it."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal

from devices.decoded import Decoded, PoisonError
from devices.meaning import SENSOR_FAULT, Meaning, Value
from devices.profile import Profile
from devices.source import BYTES, Packed
from devices.transport import History, Mqtt

MOST_BYTES = 242
"""Of one uplink: LoRaWAN regional parameters, the largest N of any region and data rate."""
_TAG = 2
_STAMP = 4


class PackedCodec:
    """Reads the bytes of one profile's radio messages.

    Channels of which a message does not speak are left out of what it says. A message of which
    nothing is known by the profile says nothing.

    Raises:
        ValueError: the profile has no such bytes.
    """

    def __init__(self, profile: Profile) -> None:
        if profile.mqtt is None or profile.mqtt.dialect != "lorawan":
            raise ValueError(f"{profile.model} does not speak over LoRaWAN")
        self._mqtt = profile.mqtt
        count = len(profile.channels)
        self._fields = [_Field(profile, number, profile.mqtt.order) for number in range(count)]
        places = {channel.key: n for n, channel in enumerate(profile.channels)}
        self._histories = [
            (
                part,
                [
                    _Field(profile, places[key], profile.mqtt.order, source)
                    for key, source in part.values.items()
                ],
            )
            for part in profile.mqtt.history
        ]

    def decode(self, data: bytes, port: int) -> tuple[Decoded, ...]:
        """What ``data`` says: at most one of now, without a time, and any of the past.

        Raises:
            PoisonError: it is longer than radio carries, or begins with a tag that the profile
                does not know.
        """
        if len(data) > MOST_BYTES:
            raise PoisonError(f"{len(data)} bytes; the most that LoRaWAN carries is {MOST_BYTES}")
        if self._mqtt.items:
            return self._tagged(data)
        old = [self._past(part, fields, data) for part, fields in self._on(port, data)]
        if old:
            return tuple(said for found in old for said in found)
        read = ((f, f.fixed(data)) for f in self._fields if f.source.port == port)
        return _said((f.number, value) for f, value in read if value is not None)

    def _on(self, port: int, data: bytes) -> Iterator[tuple[History, list["_Field"]]]:
        for part, fields in self._histories:
            if part.port == port and all(bits.hold(data) for bits in part.when):
                yield part, fields

    def _tagged(self, data: bytes) -> tuple[Decoded, ...]:
        items, unknown = _items(data, self._mqtt)
        found: list[tuple[int, Value]] = []
        for field in self._fields:
            value = field.tagged(items)
            if value is not None:
                found.append((field.number, value))
        past = [
            said
            for part, fields in self._histories
            for tag, body in items
            if tag == part.item
            for said in self._past(part, fields, body)
        ]
        if unknown and not items:
            raise PoisonError(unknown)
        return (*_said(iter(found)), *past)

    def _past(self, part: History, fields: list["_Field"], data: bytes) -> Iterator[Decoded]:
        for first in range(0, len(data) - part.length + 1, part.length):
            record = data[first : first + part.length]
            if not any(record) or not all(bits.hold(record) for bits in part.when):
                continue
            stamp = int.from_bytes(record[part.stamp : part.stamp + _STAMP], self._mqtt.order)
            read = ((field.number, field.fixed(record)) for field in fields)
            for said in _said((n, value) for n, value in read if value is not None):
                yield Decoded(
                    said.values, said.qualities, stamp=stamp * 1000, said=said.said, past=True
                )


class _Field:
    """One channel's place in the bytes."""

    def __init__(
        self,
        profile: Profile,
        number: int,
        order: Literal["big", "little"],
        source: Packed | None = None,
    ) -> None:
        channel = profile.channels[number]
        if source is None and isinstance(channel.source, Packed):
            source = channel.source
        if source is None:
            raise TypeError(f"{channel.key}: its source is not in bytes")
        self.number = number
        self.source: Packed = source
        self._order: Literal["big", "little"] = order
        self._tags = frozenset(source.items)
        self._broken_tags = frozenset(source.broken_items)
        self._meaning = cache(lambda scale: Meaning(channel, scale, {}).of)

    def tagged(self, items: Sequence[tuple[str, bytes]]) -> Value | None:
        """The last that the items say; a broken sensor outweighs what else they say."""
        if any(tag in self._broken_tags for tag, _ in items):
            return SENSOR_FAULT
        said = [self.fixed(body) for tag, body in items if tag in self._tags]
        return said[-1] if said else None

    def fixed(self, data: bytes) -> Value | None:
        """What stands in its place."""
        source = self.source
        if not all(bits.hold(data) for bits in source.when):
            return None
        if any(bits.hold(data) for bits in source.broken):
            return SENSOR_FAULT
        at, scale = source.at, source.scale
        if source.by is not None:
            chosen = str(source.by.read(data))
            if chosen not in source.scales and chosen not in source.places:
                return SENSOR_FAULT
            at, scale = source.places.get(chosen, at), source.scales.get(chosen, scale)
        size = BYTES[source.type]
        if at + size > len(data):
            return None
        signed = source.type.startswith("i")
        raw = int.from_bytes(data[at : at + size], self._order, signed=signed)
        return self._meaning(scale)(raw if source.mask is None else raw & source.mask)


def _said(read: Iterator[tuple[int, Value]]) -> tuple[Decoded, ...]:
    found = list(read)
    if not found:
        return ()
    numbers, values = zip(*found, strict=True)
    return (
        Decoded(
            tuple(value for value, _ in values),
            bytes(quality for _, quality in values),
            said=numbers,
        ),
    )


def _items(data: bytes, mqtt: Mqtt) -> tuple[list[tuple[str, bytes]], str]:
    """The tagged items in order, up to the first that is not known, and why it ended there."""
    items: list[tuple[str, bytes]] = []
    at = 0
    while at < len(data):
        tag = data[at : at + _TAG].hex().upper()
        length = mqtt.items.get(tag)
        if length is None:
            return items, f"the tag {tag} is not in the profile"
        at += _TAG
        if at + length > len(data):
            return items, f"the item {tag} is cut off"
        items.append((tag, data[at : at + length]))
        at += length
    return items, ""
