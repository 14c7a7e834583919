"""The reader for a device's messages, by its profile's dialect."""

from typing import Protocol

from devices.decoded import Decoded
from devices.dialects.address import network, split
from devices.dialects.homes import ShellyReader, TasmotaReader, Zigbee2MqttReader
from devices.dialects.lorawan import CHIRPSTACK, THE_THINGS_STACK, LorawanReader
from devices.json_codec import JsonCodec
from devices.profile import Profile


class Reader(Protocol):
    """Reads a message on one of the device's topics; ``tail`` is what that topic is called."""

    def read(self, tail: str, payload: bytes) -> tuple[Decoded, ...]:
        """What it says of the device, if anything.

        Raises:
            PoisonError: nothing can be read in it.
        """


class PlainReader:
    """Reads payloads that are the JSON object of the profile."""

    def __init__(self, profile: Profile) -> None:
        self._decode = JsonCodec(profile).decode

    def read(self, _tail: str, payload: bytes) -> tuple[Decoded, ...]:
        """What it says.

        Raises:
            PoisonError: nothing can be read in it.
        """
        return (self._decode(payload),)


def reader(address: str, profile: Profile) -> Reader:
    """What reads the messages of the device at ``address``.

    Raises:
        ValueError: the profile does not speak over MQTT, or not at such a place.
    """
    if profile.mqtt is None:
        raise ValueError(f"{profile.model} does not speak over MQTT")
    topic, sensor = split(address)
    match profile.mqtt.dialect:
        case "lorawan":
            known = network(topic) == "chirpstack"
            return LorawanReader(profile, CHIRPSTACK if known else THE_THINGS_STACK)
        case "zigbee2mqtt":
            return Zigbee2MqttReader(profile)
        case "shelly":
            return ShellyReader(profile)
        case "tasmota":
            return TasmotaReader(profile, sensor)
        case "sparkplug":
            raise ValueError(f"{profile.model}: an edge node's messages are read in their order")
        case "plain":
            return PlainReader(profile)
