"""A device model as data: what it measures, where the numbers stand, what they may be."""

from math import isfinite
from typing import Literal

import msgspec

from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Layout
from devices.units import Stored, stored

Table = Literal["holding", "input", "coil", "discrete"]
WordType = Literal["u16", "i16", "u32", "i32", "f32", "bit"]
WordOrder = Literal["high-first", "low-first"]
REGISTERS: dict[WordType, int] = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "bit": 1}
"""Registers (or bits) that a value of a type takes."""


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read from a file: frozen, and a misspelt key is an error."""


class Fault(Struct, frozen=True, kw_only=True):
    """A raw value that is a code, not a measurement. ``raw`` counts before scaling."""

    raw: float | str | None
    quality: Literal["sensor_fault", "out_of_range", "no_answer", "suspect"] = "sensor_fault"


class Register(Struct, frozen=True, kw_only=True, tag_field="via", tag="modbus"):
    """Where a value stands on the wire. ``address`` is the protocol address, from 0.

    The value in the unit as written is ``raw * scale``. ``mask`` picks bits of an integer
    before scaling: the result is 1 when any of them is set, else 0.
    """

    table: Table
    address: int
    type: WordType
    scale: float = 1.0
    mask: int | None = None
    word_order: WordOrder | None = None

    @property
    def count(self) -> int:
        """Registers or bits the value takes."""
        return REGISTERS[self.type]


class JsonPath(Struct, frozen=True, kw_only=True, tag_field="via", tag="json"):
    """Where a value stands in a JSON payload: keys joined by dots, list indices as numbers.

    ``words`` maps texts and booleans (spelt ``true``, ``false``) to numbers.
    """

    path: str
    scale: float = 1.0
    words: dict[str, float] = {}


class Channel(Struct, frozen=True, kw_only=True):
    """One measured thing. ``range`` and ``resolution`` are in the unit as written.

    A number outside ``range`` (both ends belong to it) is physically impossible for the sensor
    and is stored as out of range, without a value.
    """

    key: str
    quantity: str
    unit: str
    range: tuple[float, float]
    resolution: float
    source: Register | JsonPath
    faults: tuple[Fault, ...] = ()
    name: str = ""
    verify: bool = False

    @property
    def stored(self) -> Stored:
        """How the unit as written becomes the stored one."""
        return stored(self.quantity, self.unit)


class Modbus(Struct, frozen=True, kw_only=True):
    """How the model wants to be read over Modbus.

    ``gap`` is how many unneeded registers a block may span, ``span`` the most registers and
    ``bits`` the most bits of one read, ``forbidden`` address ranges (first, last) a read must
    not touch, ``window`` the most requests in flight. The upper bounds are those of the Modbus
    specification (application protocol 1.1b3, messaging on TCP/IP 1.0b).

    Raises:
        ValueError: a number is outside what Modbus allows.
    """

    unit: int = 1
    port: int = 502
    word_order: WordOrder = "high-first"
    gap: int = 8
    span: int = 125
    bits: int = 2000
    forbidden: tuple[tuple[int, int], ...] = ()
    timeout: Duration = Duration(1000)
    window: int = 1

    def __post_init__(self) -> None:
        bounds = {"unit": 255, "port": 65535, "gap": 2000, "span": 125, "bits": 2000, "window": 16}
        for name, most in bounds.items():
            least = 0 if name in {"unit", "gap"} else 1
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: {least} to {most}")
        if self.timeout <= 0:
            raise ValueError(f"timeout {self.timeout} leaves no time to answer")
        for first, last in self.forbidden:
            if first > last:
                raise ValueError(f"forbidden range {first} to {last} is empty")


class Stamp(Struct, frozen=True, kw_only=True):
    """Where the payload carries the device's own time, and how it is written."""

    path: str
    format: Literal["ms", "s", "iso8601"]


class Mqtt(Struct, frozen=True, kw_only=True):
    """How the model speaks over MQTT: the topic, below the device's own, and its stamps.

    ``sequence`` is the path of a number that tells two messages apart when no stamp does.
    """

    stamp: Stamp | None = None
    sequence: str | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """One model. ``manual`` names the source of the addresses, ``verify`` what is unproven.

    ``default_rules`` is the set of shipped rules (``alerts/rules``) that fits it, if any.

    Raises:
        ValueError: a channel contradicts itself or another one.
    """

    model: str
    maker: str
    manual: str
    channels: tuple[Channel, ...]
    period: Duration
    verify: bool = False
    default_rules: str = ""
    modbus: Modbus | None = None
    mqtt: Mqtt | None = None

    def __post_init__(self) -> None:
        if (self.modbus is None) == (self.mqtt is None):
            raise ValueError(f"{self.model}: give exactly one of [modbus] and [mqtt]")
        if not self.channels:
            raise ValueError(f"{self.model}: a profile needs channels")
        seen: set[str] = set()
        for channel in self.channels:
            if channel.key in seen:
                raise ValueError(f"{self.model}: channel {channel.key!r} stands twice")
            seen.add(channel.key)
            self._check(channel)

    def _check(self, channel: Channel) -> None:
        where = f"{self.model}, channel {channel.key}"
        try:
            _ = channel.stored
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        low, high = channel.range
        if not low < high:
            raise ValueError(f"{where}: range {low} to {high} is empty")
        if not channel.resolution > 0:
            raise ValueError(f"{where}: resolution {channel.resolution} is not above 0")
        source = channel.source
        if isinstance(source, Register) != (self.modbus is not None):
            raise ValueError(f"{where}: its source is not of the profile's transport")
        if isinstance(source, Register):
            self._check_register(where, source)

    def _check_register(self, where: str, register: Register) -> None:
        if not 0 <= register.address <= 0x10000 - register.count:
            last = register.address + register.count - 1
            place = (
                f"{register.address}"
                if last == register.address
                else f"{register.address} to {last}"
            )
            raise ValueError(f"{where}: address {place} is outside the map, 0 to 65535")
        is_bit = register.table in {"coil", "discrete"}
        if is_bit != (register.type == "bit"):
            raise ValueError(f"{where}: a {register.table} cannot hold a {register.type}")
        if not isfinite(register.scale) or register.scale == 0:
            raise ValueError(f"{where}: scale {register.scale} makes every value the same")
        most = 0 if register.type in {"f32", "bit"} else 0x10000**register.count - 1
        if register.mask is not None and not 0 < register.mask <= most:
            raise ValueError(f"{where}: mask {register.mask} picks no bits of a {register.type}")
        modbus = self.modbus
        assert modbus is not None  # noqa: S101 # the caller asked
        last = register.address + register.count - 1
        for first, end in modbus.forbidden:
            if register.address <= end and last >= first:
                raise ValueError(f"{where}: stands in the forbidden range {first} to {end}")


def layout(device_id: str, profile: Profile) -> Layout:
    """The channels of the device ``device_id``, in the order of its profile."""
    return Layout(
        device_id,
        tuple(channel.key for channel in profile.channels),
        tuple(channel.quantity for channel in profile.channels),
    )


FAULT_QUALITY: dict[str, Quality] = {quality.word: quality for quality in Quality}
