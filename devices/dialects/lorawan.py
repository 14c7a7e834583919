"""Uplinks as ChirpStack and The Things Stack tell of them.

Both write protobuf messages as JSON, in which fields that are zero or empty are left out: a frame
counter of 0, a port of 0, an empty payload. ChirpStack v4: integration events; The Things Stack
v3: MQTT server, data formats.
"""

import base64
import binascii

import msgspec
from msgspec.structs import replace

from devices.decoded import Decoded, PoisonError
from devices.dialects.packed import PackedCodec
from devices.json_codec import JsonWay, iso8601, parsed
from devices.meaning import MISSING
from devices.profile import Profile


class Envelope(msgspec.Struct, frozen=True):
    """Where a network server puts what; ``times`` in the order in which they are preferred."""

    times: tuple[str, ...]
    counter: str
    port: str
    payload: str
    simulated: str


CHIRPSTACK = Envelope(("time",), "fCnt", "fPort", "data", "")
THE_THINGS_STACK = Envelope(
    ("uplink_message.received_at", "received_at"),
    "uplink_message.f_cnt",
    "uplink_message.f_port",
    "uplink_message.frm_payload",
    "simulated",
)


class LorawanReader:
    """Reads the uplinks of one device. Decoders in the network server play no part."""

    def __init__(self, profile: Profile, envelope: Envelope) -> None:
        self._codec = PackedCodec(profile)
        self._envelope = envelope

    def read(self, _tail: str, payload: bytes) -> tuple[Decoded, ...]:
        """What an uplink says; nothing, where it carries no payload.

        Raises:
            PoisonError: it is no uplink of this network server.
        """
        envelope, document = self._envelope, parsed(payload)
        counter = _whole(document, envelope.counter)
        port = _whole(document, envelope.port)
        stamp, fault = _time(document, envelope.times)
        test = bool(envelope.simulated) and _at(document, envelope.simulated) is True
        said = self._codec.decode(_bytes(document, envelope.payload), port)
        return tuple(
            replace(one, sequence=counter, test=test)
            if one.past
            else replace(one, stamp=stamp, stamp_fault=fault, sequence=counter, test=test)
            for one in said
        )


def _at(document: object, path: str) -> object:
    return JsonWay(path).reach(document)


def _whole(document: object, path: str) -> int:
    raw = _at(document, path)
    if raw is MISSING or raw is None:
        return 0
    if type(raw) is not int:
        raise PoisonError(f"{path} is not a whole number")
    return raw


def _bytes(document: object, path: str) -> bytes:
    raw = _at(document, path)
    if raw is MISSING or raw is None:
        return b""
    if not isinstance(raw, str):
        raise PoisonError(f"{path} is not a text")
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PoisonError(f"{path} is not base64: {error}") from error


def _time(document: object, paths: tuple[str, ...]) -> tuple[int | None, str]:
    fault = f"{paths[0]} is missing"
    for path in paths:
        raw = _at(document, path)
        if raw is MISSING or raw is None:
            continue
        try:
            return iso8601(raw), ""
        except (TypeError, ValueError, OverflowError) as error:
            fault = f"{path}: {error}"
    return None, fault
