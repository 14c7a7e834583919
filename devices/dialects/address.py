"""Topics: what is asked of a broker for a device, and which message is which."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from devices.profile import Profile

NAMESPACE = "spBv1.0"
"""First level of the topics of Sparkplug B."""
_CHIRPSTACK = 4
_THINGS = 4
_NODE, _DEVICE = 3, 4


class Route(msgspec.Struct, frozen=True):
    """``filters`` are what is subscribed to; ``topics`` what each topic of the device is called."""

    filters: tuple[str, ...]
    topics: Mapping[str, str]


class AddressError(ValueError):
    """A device's topic does not fit its dialect; the text says how it should be."""


def split(address: str) -> tuple[str, str]:
    """A device's own topic, and the probe on it, of an address ``TOPIC`` or ``TOPIC#PROBE``."""
    topic, _, sensor = address.partition("#")
    return topic, sensor


def joined(topic: str, sensor: str) -> str:
    """The address of a probe on a topic; of the topic itself without one."""
    return f"{topic}#{sensor}" if sensor else topic


def route(address: str, profile: Profile) -> Route:
    """Where the device at ``address`` speaks.

    Raises:
        AddressError: there is no such place in the profile's dialect.
    """
    if profile.mqtt is None:
        raise AddressError(f"{profile.model} does not speak over MQTT")
    topic, sensor = split(address)
    dialect = profile.mqtt.dialect
    if not topic or "+" in topic or address.endswith("#"):
        raise AddressError(f"topic {address!r} must name one topic, without + and #")
    if (dialect == "tasmota") != bool(sensor):
        what = "has no probes to choose from; leave sensor out"
        if not sensor:
            what = "give the Id of its probe as sensor"
        raise AddressError(f"{profile.model}: {what}")
    return _ROUTES[dialect](topic)


def network(topic: str) -> str:
    """The LoRaWAN network server whose topic this is: ``chirpstack``, ``the-things-stack``.

    Raises:
        AddressError: it is that of neither.
    """
    levels = topic.split("/")
    if len(levels) == _CHIRPSTACK and levels[0] == "application" and levels[2] == "device":
        return "chirpstack"
    if len(levels) == _THINGS and levels[0] == "v3" and levels[2] == "devices":
        return "the-things-stack"
    raise AddressError(
        f"topic {topic!r} is neither application/ID/device/DEV_EUI (ChirpStack) nor "
        "v3/APPLICATION@TENANT/devices/DEVICE (The Things Stack)"
    )


def _plain(topic: str) -> Route:
    return Route((topic,), {topic: ""})


def _lorawan(topic: str) -> Route:
    levels = topic.split("/")
    end = "event/up" if network(topic) == "chirpstack" else "up"
    # One subscription serves all devices of an application.
    return Route(("/".join([*levels[:3], "+", end]),), {f"{topic}/{end}": "up"})


def _zigbee2mqtt(topic: str) -> Route:
    base, _, name = topic.partition("/")
    if not name:
        raise AddressError(f"topic {topic!r} is not BASE/NAME, as zigbee2mqtt/Fridge 2")
    topics = {
        topic: "",
        f"{topic}/availability": "availability",
        f"{base}/bridge/state": "bridge",
    }
    return Route(tuple(topics), topics)


def _shelly(topic: str) -> Route:
    topics = {f"{topic}/events/rpc": "rpc", f"{topic}/online": "online"}
    return Route(tuple(topics), topics)


def _tasmota(topic: str) -> Route:
    topics = {f"{topic}/SENSOR": "SENSOR", f"{topic}/LWT": "LWT"}
    return Route(tuple(topics), topics)


def _sparkplug(topic: str) -> Route:
    levels = topic.split("/")
    if len(levels) not in {_NODE, _DEVICE} or levels[0] != NAMESPACE or not all(levels):
        raise AddressError(f"topic {topic!r} is not {NAMESPACE}/GROUP/NODE or …/NODE/DEVICE")
    _, group, node = levels[:3]
    kinds = ("BIRTH", "DATA", "DEATH")
    # Messages of all its devices count in the node's sequence.
    filters = [f"{NAMESPACE}/{group}/N{kind}/{node}" for kind in kinds]
    filters += [f"{NAMESPACE}/{group}/D{kind}/{node}/+" for kind in kinds]
    return Route(tuple(filters), {})


_ROUTES: Mapping[str, Callable[[str], Route]] = MappingProxyType(
    {
        "plain": _plain,
        "lorawan": _lorawan,
        "zigbee2mqtt": _zigbee2mqtt,
        "shelly": _shelly,
        "tasmota": _tasmota,
        "sparkplug": _sparkplug,
    }
)
