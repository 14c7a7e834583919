"""A device model as data: what it measures, where the numbers stand, what they may be."""

from collections.abc import Iterator
from math import isfinite
from typing import NamedTuple

from devices.duration import Duration
from devices.part import Part
from devices.quality import Quality
from devices.question import check_question
from devices.scan import Layout
from devices.source import JsonPath, Metric, Packed, QualityWord, Query, Register
from devices.transport import Http, Line, Modbus, Mqtt
from devices.units import Stored, stored

TO_FILL_IN = "fill in"
"""What a template says in place of a maker."""


class Fault(Part, frozen=True, kw_only=True):
    """A raw value that is a code, not a measurement. ``raw`` counts before scaling."""

    raw: float | str | None
    quality: QualityWord = "sensor_fault"


class Status(Part, frozen=True, kw_only=True):
    """A register that says whether a value may be believed: it is not, where its state is 1.

    Without ``mask`` or ``idle`` any number but 0 is. A status that was not answered makes a
    value suspect.
    """

    register: Register
    quality: QualityWord = "sensor_fault"


class Variant(Part, frozen=True, kw_only=True):
    """What the numbers mean while the channel's selector reads ``when``.

    With ``full`` the raw numbers 0 to ``full`` span ``range``, in place of scale and offset.
    """

    when: int
    unit: str
    range: tuple[float, float]
    scale: float = 1.0
    offset: float = 0.0
    full: int = 0


class SelfTest(Part, frozen=True, kw_only=True):
    """A register that always reads ``raw``: it proves address base and word order."""

    register: Register
    raw: float


class Channel(Part, frozen=True, kw_only=True):
    """One measured thing. ``range`` and ``resolution`` are in the unit as written.

    A number outside ``range`` (both ends belong to it) is physically impossible for the sensor
    and is stored as out of range, without a value. Where a setting of the device decides what
    the numbers mean, ``selector`` is the register that tells, and ``variants`` what they may
    mean; under any other setting, or without an answer to it, there is no value (sensor fault).
    """

    key: str
    quantity: str
    unit: str
    range: tuple[float, float]
    resolution: float
    source: Register | JsonPath | Query | Packed | Metric
    faults: tuple[Fault, ...] = ()
    status: tuple[Status, ...] = ()
    selector: Register | None = None
    variants: tuple[Variant, ...] = ()
    name: str = ""
    verify: bool = False

    @property
    def stored(self) -> Stored:
        """How the unit as written becomes the stored one."""
        return stored(self.quantity, self.unit)


class Profile(Part, frozen=True, kw_only=True):
    """One model. ``manual`` names the source of the addresses, ``verify`` what is unproven.

    ``default_rules`` is the set of shipped rules (``alerts/rules``) that fits it, if any.
    ``updates`` is how often the device has a new value, where its maker says so.

    Raises:
        ValueError: a channel contradicts itself or another one.
    """

    model: str
    maker: str
    manual: str
    channels: tuple[Channel, ...]
    period: Duration
    updates: Duration | None = None
    verify: bool = False
    default_rules: str = ""
    modbus: Modbus | None = None
    mqtt: Mqtt | None = None
    line: Line | None = None
    http: Http | None = None
    self_test: tuple[SelfTest, ...] = ()

    def __post_init__(self) -> None:
        spoken = [t for t in (self.modbus, self.mqtt, self.line, self.http) if t is not None]
        if len(spoken) != 1:
            raise ValueError(f"{self.model}: give exactly one of [modbus], [mqtt], [line], [http]")
        if not self.channels:
            raise ValueError(f"{self.model}: a profile needs channels")
        seen: set[str] = set()
        for channel in self.channels:
            if channel.key in seen:
                raise ValueError(f"{self.model}: channel {channel.key!r} stands twice")
            seen.add(channel.key)
            self._check(channel)
        self._check_across(seen)
        for test in self.self_test:
            self._check_register(f"{self.model}, self-test", test.register)

    def _check_across(self, seen: set[str]) -> None:
        if self.line is not None and not self.is_unasked:
            silent = [
                c.key for c in self.channels if isinstance(c.source, Query) and not c.source.ask
            ]
            if silent:
                raise ValueError(
                    f"{self.model}: {', '.join(silent)}: without ask, where other channels have it"
                )
        for key in [key for part in self.mqtt.history for key in part.values] if self.mqtt else []:
            if key not in seen:
                raise ValueError(f"{self.model}: its history has a channel {key!r} that it has not")

    def _check(self, channel: Channel) -> None:
        where = f"{self.model}, channel {channel.key}"
        try:
            _ = channel.stored
            for variant in channel.variants:
                stored(channel.quantity, variant.unit)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        for low, high in (channel.range, *(variant.range for variant in channel.variants)):
            if not low < high:
                raise ValueError(f"{where}: range {low} to {high} is empty")
        if not channel.resolution > 0:
            raise ValueError(f"{where}: resolution {channel.resolution} is not above 0")
        self._check_source(where, channel)
        _check_variants(where, channel)
        for register in _registers(channel):
            self._check_register(where, register)

    def _check_source(self, where: str, channel: Channel) -> None:
        if not isinstance(channel.source, self._kind):
            raise ValueError(f"{where}: its source is not of the profile's transport")  # noqa: TRY004 # it is the profile that is wrong
        if isinstance(channel.source, Query):
            check_question(self.maker, where, channel.source.ask)
            if channel.source.given is not None:
                check_question(self.maker, where, channel.source.given.ask)

    @property
    def is_template(self) -> bool:
        """Whether it is of no device: it is there to be copied and filled in."""
        return self.maker == TO_FILL_IN

    @property
    def is_unasked(self) -> bool:
        """Whether the model speaks lines of text by itself, and is never asked."""
        return self.line is not None and not any(
            isinstance(channel.source, Query) and channel.source.ask for channel in self.channels
        )

    @property
    def _kind(self) -> type[Register | JsonPath | Query | Packed | Metric]:
        if self.modbus is not None:
            return Register
        if self.mqtt is not None and self.mqtt.dialect in _OWN_SOURCE:
            return _OWN_SOURCE[self.mqtt.dialect]
        return JsonPath if self.line is None else Query

    def _check_register(self, where: str, register: Register) -> None:
        if self.modbus is None:
            raise ValueError(f"{where}: only a [modbus] profile has registers")
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
        _check_numbers(where, register)
        last = register.address + register.count - 1
        for first, end in self.modbus.forbidden:
            if register.address <= end and last >= first:
                raise ValueError(f"{where}: stands in the forbidden range {first} to {end}")


class Aside(NamedTuple):
    """A register that is read for the sake of a channel's value: a status, or its selector."""

    owner: int
    register: Register


def asides(profile: Profile) -> tuple[Aside, ...]:
    """Every register that is read beside those of the channels, each once, in their order."""
    found: dict[Register, int] = {}
    for owner, channel in enumerate(profile.channels):
        for register in _asides(channel):
            found.setdefault(register, owner)
    return tuple(Aside(owner, register) for register, owner in found.items())


def layout(device_id: str, profile: Profile) -> Layout:
    """The channels of the device ``device_id``, in the order of its profile."""
    return Layout(
        device_id,
        tuple(channel.key for channel in profile.channels),
        tuple(channel.quantity for channel in profile.channels),
    )


def _asides(channel: Channel) -> Iterator[Register]:
    for status in channel.status:
        yield status.register
    if channel.selector is not None:
        yield channel.selector


def _registers(channel: Channel) -> Iterator[Register]:
    if isinstance(channel.source, Register):
        yield channel.source
    yield from _asides(channel)


def _check_variants(where: str, channel: Channel) -> None:
    if (channel.selector is None) != (not channel.variants):
        raise ValueError(f"{where}: selector and variants go together")
    if channel.selector is None:
        return
    if not isinstance(channel.source, Register) or channel.source.is_state:
        raise ValueError(f"{where}: only a measured number has variants")
    if channel.selector.type in {"f32", "bit"}:
        raise ValueError(f"{where}: a selector is a whole number, not a {channel.selector.type}")
    if len({variant.when for variant in channel.variants}) < len(channel.variants):
        raise ValueError(f"{where}: two variants are for the same selector")


def _check_numbers(where: str, register: Register) -> None:
    if not isfinite(register.scale) or register.scale == 0:
        raise ValueError(f"{where}: scale {register.scale} makes every value the same")
    if not isfinite(register.offset):
        raise ValueError(f"{where}: offset {register.offset} is no number")
    most = 0 if register.type in {"f32", "bit"} else 0x10000**register.count - 1
    if register.mask is not None and not 0 < register.mask <= most:
        raise ValueError(f"{where}: mask {register.mask} picks no bits of a {register.type}")
    if register.idle and register.type in {"f32", "bit"}:
        raise ValueError(f"{where}: idle lists codes of whole numbers, not of a {register.type}")


FAULT_QUALITY: dict[str, Quality] = {quality.word: quality for quality in Quality}
_OWN_SOURCE: dict[str, type[Packed | Metric]] = {"lorawan": Packed, "sparkplug": Metric}
"""Dialects of MQTT whose values do not stand in JSON."""
