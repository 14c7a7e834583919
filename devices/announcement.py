"""What devices announce of themselves for Home Assistant, as channels of a generic MQTT profile.

Home Assistant's documentation: MQTT (discovery, abbreviations, base topic), MQTT sensor, MQTT
binary sensor. A template is understood where it takes one value out of JSON and changes nothing
but how that is written; whatever else is announced is left to a person, with the reason.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from devices.decoded import PoisonError
from devices.json_codec import parsed

PREFIX = "homeassistant"
PARTS = ("+/+/config", "+/+/+/config")
"""Of the topics of announcements, behind the prefix: without and with a node id."""
MOST_EXPIRES_S = 366 * 86_400
"""What is said to expire later than that says nothing of how often it is published."""
_FULL: Mapping[str, str] = MappingProxyType(
    {
        "stat_t": "state_topic",
        "val_tpl": "value_template",
        "unit_of_meas": "unit_of_measurement",
        "dev_cla": "device_class",
        "pl_on": "payload_on",
        "pl_off": "payload_off",
        "exp_aft": "expire_after",
        "uniq_id": "unique_id",
        "obj_id": "object_id",
        "dev": "device",
        "ids": "identifiers",
        "mf": "manufacturer",
        "mdl": "model",
    }
)
"""Abbreviations that matter here."""


class Kind(NamedTuple):
    """What a device class is here: its quantity, and by the unit's name there what it is here.

    With each unit stands what the quantity can be at all: a sensor's range is not announced.
    """

    quantity: str
    units: Mapping[str, tuple[str, float, float]]


_TEMPERATURE = {
    "°C": ("degC", -273.15, 1000.0),
    "°F": ("degF", -459.67, 1832.0),
    "K": ("K", 0.0, 1273.15),
}
_PRESSURE = {unit: (unit, 0.0, 100_000.0) for unit in ("hPa", "mbar", "kPa", "bar")}
_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "temperature": Kind("temperature", _TEMPERATURE),
        "humidity": Kind("relative_humidity", {"%": ("%", 0.0, 100.0)}),
        "carbon_dioxide": Kind("carbon_dioxide", {"ppm": ("ppm", 0.0, 1e6)}),
        "pressure": Kind("pressure", _PRESSURE),
        "atmospheric_pressure": Kind("pressure", _PRESSURE),
        "battery": Kind("share", {"%": ("%", 0.0, 100.0)}),
        "voltage": Kind("voltage", {"V": ("V", -1000.0, 1000.0)}),
        "current": Kind("current", {"mA": ("mA", -1000.0, 1000.0)}),
        "weight": Kind("mass", {"kg": ("kg", -10_000.0, 10_000.0)}),
        "duration": Kind("duration", {unit: (unit, 0.0, 1e8) for unit in ("s", "min", "h")}),
    }
)
_STEP = re.compile(
    r"\.([A-Za-z_]\w*)|\[\s*'([^'.\s]+)'\s*\]|\[\s*\"([^\".\s]+)\"\s*\]|\[\s*(\d+)\s*\]"
)
_TEMPLATE = re.compile(
    r"\{\{-?\s*value_json(?P<steps>(?:\.[A-Za-z_]\w*|\[\s*(?:'[^'.\s]+'|\"[^\".\s]+\"|\d+)\s*\])+)"
    r"(?P<filters>(?:\s*\|\s*(?:float|int|round)(?:\(\s*[\d.]*\s*\))?)*)\s*-?\}\}"
)
_NO_KEY = re.compile(r"[^a-z0-9]+")


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of whatever publishes at ``topic``. ``expires_s`` is 0 where nothing is said.

    ``maker`` and ``model`` are those of the device, empty where it does not say.
    """

    topic: str
    key: str
    quantity: str
    unit: str
    range: tuple[float, float]
    path: str
    words: dict[str, int]
    expires_s: int
    maker: str
    model: str


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """An announcement that is left to a person, and why."""

    topic: str
    why: str


class Transmitter(msgspec.Struct, frozen=True, kw_only=True):
    """All that is announced at one topic: a device here."""

    topic: str
    maker: str
    model: str
    expires_s: int
    channels: tuple[Announced, ...]


def announced(topic: str, payload: bytes) -> Announced | Unread:
    """What an announcement at ``topic`` (``homeassistant/sensor/…/config``) says."""
    try:
        told = _whole(parsed(payload))
    except PoisonError as error:
        return Unread(topic=topic, why=str(error))
    parts = topic.split("/")
    component = parts[1] if len(parts) > 1 else ""
    state = _text(told, "state_topic")
    if component not in {"sensor", "binary_sensor"}:
        return Unread(topic=topic, why=f"a {component} is not measured")
    if not state or "+" in state or "#" in state:
        return Unread(topic=topic, why="it names no topic of its state")
    template = _text(told, "value_template")
    path = json_path(template)
    if not path:
        how = f"its template {template} does more than take a value out" if template else _BARE
        return Unread(topic=topic, why=how)
    kind = _BINARY if component == "binary_sensor" else _KINDS.get(_text(told, "device_class"))
    there = _text(told, "unit_of_measurement") if component == "sensor" else ""
    found = None if kind is None else kind.units.get(there)
    if kind is None or found is None:
        said = (
            f"{_text(told, 'device_class') or 'none'!r} in {_text(told, 'unit_of_measurement')!r}"
        )
        return Unread(topic=topic, why=f"its device class {said} is not known here")
    device = told.get("device")
    about = device if isinstance(device, dict) else {}
    expires = told.get("expire_after")
    return Announced(
        topic=state,
        key=_NO_KEY.sub("_", path.lower()).strip("_") or "value",
        quantity=kind.quantity,
        unit=found[0],
        range=found[1:],
        path=path,
        words=_words(told) if component == "binary_sensor" else {},
        expires_s=expires if type(expires) is int and 0 < expires <= MOST_EXPIRES_S else 0,
        maker=_text(about, "manufacturer"),
        model=_text(about, "model"),
    )


_BARE = "it publishes a bare value and no JSON object, which no profile reads"
_BINARY = Kind("state", {"": ("1", 0.0, 1.0)})


def json_path(template: str) -> str:
    """The path to the value that a template takes out of JSON; empty where it does anything else.

    ``float``, ``int`` and ``round`` change how a number is written, and are passed over: here it
    is read as it was sent.
    """
    found = _TEMPLATE.fullmatch(template.strip())
    if found is None:
        return ""
    steps = _STEP.findall(found["steps"])
    return ".".join("".join(step) for step in steps)


def transmitters(found: Iterable[Announced]) -> tuple[Transmitter, ...]:
    """What is announced, by the topic at which it is published; of two alike the first counts."""
    grouped: dict[str, dict[str, Announced]] = {}
    for one in found:
        channels = grouped.setdefault(one.topic, {})
        if any(held.path == one.path for held in channels.values()):
            continue
        number, key = 2, one.key
        while key in channels:
            key, number = f"{one.key}_{number}", number + 1
        channels[key] = msgspec.structs.replace(one, key=key)
    return tuple(
        Transmitter(
            topic=topic,
            maker=next((one.maker for one in channels.values() if one.maker), ""),
            model=next((one.model for one in channels.values() if one.model), ""),
            expires_s=min((c.expires_s for c in channels.values() if c.expires_s), default=0),
            channels=tuple(channels.values()),
        )
        for topic, channels in sorted(grouped.items())
    )


def _whole(said: Mapping[str, object]) -> dict[str, object]:
    """Abbreviations written out, and the base topic put in its place."""
    told = {_FULL.get(key, key): value for key, value in said.items()}
    base = told.pop("~", None)
    state = told.get("state_topic")
    if isinstance(base, str) and isinstance(state, str):
        if state.startswith("~"):
            state = base + state[1:]
        elif state.endswith("~"):
            state = state[:-1] + base
        told["state_topic"] = state
    if isinstance(device := told.get("device"), dict):
        told["device"] = {_FULL.get(key, key): value for key, value in device.items()}
    return told


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _words(told: Mapping[str, object]) -> dict[str, int]:
    """What stands for off and on; a boolean is meant by its word as well."""
    words: dict[str, int] = {}
    for name, default, value in (("payload_off", "OFF", 0), ("payload_on", "ON", 1)):
        said = told.get(name, default)
        words[str(said).lower() if isinstance(said, bool) else str(said)] = value
    return words
