"""JSON payload → values and qualities: what a message says, and nothing it does not say."""

import json
from collections.abc import Callable
from datetime import datetime
from math import isnan

import msgspec

from devices.decoded import Decoded, PoisonError
from devices.loose_json import mended
from devices.meaning import MISSING, Meaning, Value
from devices.profile import Channel, Profile
from devices.source import JsonPath
from devices.transport import Mqtt

LARGEST = 256 * 1024
"""Bytes of the largest payload that is read; a sensor's message is a thousandth of it."""


class JsonCodec:
    """Reads the payloads of one profile.

    A missing path is no answer. ``null`` (also on the way to the path), NaN, infinity, a text
    or boolean that the profile does not map, an object or a list is a sensor fault, unless a
    fault of the profile says otherwise. A number outside the range is out of range. Numbers
    written as text are texts.

    Raises:
        ValueError: the profile does not speak over MQTT or HTTP.
    """

    def __init__(self, profile: Profile) -> None:
        if profile.mqtt is None and profile.http is None:
            raise ValueError(f"{profile.model} does not speak over MQTT or HTTP")
        self._channels = tuple(map(_channel, profile.channels))
        self._is_tolerant = profile.http is not None and profile.http.tolerant
        said = profile.mqtt or Mqtt()
        self._stamp = said.stamp
        self._stamp_path = JsonWay(self._stamp.path) if self._stamp else None
        sequence = said.sequence
        self._sequence_path = JsonWay(sequence) if sequence is not None else None

    def decode(self, payload: bytes, *, is_whole: bool = True) -> Decoded:
        """What ``payload`` says; it may have been cut where it is not sure to be ``is_whole``.

        Raises:
            PoisonError: too large, not JSON, nested too deeply, or not an object.
        """
        try:
            document = parsed(payload)
        except PoisonError:
            if not self._is_tolerant or len(payload) > LARGEST:
                raise
            document = parsed(mended(payload, is_whole=is_whole))
        return self.decode_document(document)

    def decode_document(self, document: object) -> Decoded:
        """What a payload says that was parsed before."""
        read = [meaning(reach(document)) for reach, meaning in self._channels]
        values, qualities = zip(*read, strict=True)
        stamp, fault = self._stamped(document)
        return Decoded(values, bytes(qualities), stamp, fault, self._sequenced(document))

    def _stamped(self, document: object) -> tuple[int | None, str]:
        if self._stamp is None or self._stamp_path is None:
            return None, ""
        raw = self._stamp_path.reach(document)
        if raw is MISSING or raw is None:
            return None, f"{self._stamp.path} is missing"
        try:
            return _STAMPS[self._stamp.format](raw), ""
        except (TypeError, ValueError, OverflowError) as error:
            return None, f"{self._stamp.path}: {error}"

    def _sequenced(self, document: object) -> int | None:
        if self._sequence_path is None:
            return None
        raw = self._sequence_path.reach(document)
        return raw if type(raw) is int else None


class JsonWay:
    """The way through objects and lists to one value."""

    def __init__(self, path: str) -> None:
        self._steps = tuple(
            (step, int(step) if step.isascii() and step.isdigit() else None)
            for step in path.split(".")
        )
        self._first = self._steps[0][0]
        self._rest = self._steps[1:]
        self._second = self._rest[0][0] if len(self._rest) == 1 else None

    def reach(self, document: object) -> object:
        """The value, ``None`` where a null stands on the way, ``MISSING`` where nothing does."""
        if type(document) is dict:
            here = document.get(self._first, MISSING)
            if self._second is not None and type(here) is dict:
                return here.get(self._second, MISSING)
            return _reached(here, self._rest) if self._rest else here
        return _reached(document, self._steps)


def _reached(here: object, steps: tuple[tuple[str, int | None], ...]) -> object:
    for key, index in steps:
        if isinstance(here, dict):
            here = here.get(key, MISSING)
        elif isinstance(here, list) and index is not None and index < len(here):
            here = here[index]
        else:
            return None if here is None else MISSING
    return here


def _channel(channel: Channel) -> tuple[Callable[[object], object], Callable[[object], Value]]:
    source = channel.source
    if not isinstance(source, JsonPath):
        raise TypeError(f"{channel.key}: its source is not a JSON path")
    return JsonWay(source.path).reach, Meaning(channel, source.scale, source.words).of


def parsed(payload: bytes) -> dict[str, object]:
    """The JSON object in ``payload``.

    Raises:
        PoisonError: too large, not JSON, nested too deeply, or not an object.
    """
    if len(payload) > LARGEST:
        raise PoisonError(f"{len(payload)} bytes; the most that is read is {LARGEST}")
    try:
        document = msgspec.json.decode(payload)
    except ValueError as error:  # msgspec's own, and that of a text which is not UTF-8
        document = _parsed_with_nan(payload, error)
    except RecursionError:
        raise PoisonError("nested too deeply") from None
    if not isinstance(document, dict):
        raise PoisonError(f"not a JSON object but {_KINDS.get(type(document), 'a number')}")
    return document


def _parsed_with_nan(payload: bytes, refusal: ValueError) -> object:
    # Some devices write NaN and Infinity, which are not JSON; one broken probe
    # must not take the other channels of its message with it.
    try:
        return json.loads(payload.decode())
    except RecursionError:
        raise PoisonError("nested too deeply") from None
    except ValueError:
        raise PoisonError(f"not JSON: {refusal}") from refusal


def _shown(raw: object) -> str:
    # What could just be parsed may be nested too deeply to be written out again.
    return f"{raw!r:.40}" if isinstance(raw, str | int | float) else _KINDS[type(raw)]


_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}


def _number_stamp(raw: object, scale: int) -> int:
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        raise TypeError(f"{_shown(raw)} is not a number")
    if isnan(raw):
        raise ValueError("NaN is not a time")
    return round(raw * scale)


def iso8601(raw: object) -> int:
    """A time with its zone as epoch milliseconds; TypeError, ValueError if it is none."""
    if not isinstance(raw, str):
        raise TypeError(f"{_shown(raw)} is not a text")
    try:
        at = datetime.fromisoformat(raw)
    except ValueError:
        raise ValueError(f"{raw!r:.40} is not an ISO 8601 time") from None
    if at.tzinfo is None:
        raise ValueError(f"{raw!r:.40} does not say its time zone")
    return round(at.timestamp() * 1000)


_STAMPS: dict[str, Callable[[object], int]] = {
    "ms": lambda raw: _number_stamp(raw, 1),
    "s": lambda raw: _number_stamp(raw, 1000),
    "iso8601": iso8601,
}
