"""JSON payload → values and qualities: what a message says, and nothing it does not say."""

import json
from collections.abc import Callable
from datetime import datetime
from math import isfinite, isnan

import msgspec

from devices.loose_json import PoisonError, mended
from devices.profile import FAULT_QUALITY, Channel, Profile
from devices.quality import VALUELESS, Quality
from devices.source import JsonPath
from devices.transport import Mqtt

LARGEST = 256 * 1024
"""Bytes of the largest payload that is read; a sensor's message is a thousandth of it."""

_PLACES = 9
_MISSING = object()
_NO_ANSWER = (None, Quality.NO_ANSWER)
_SENSOR_FAULT = (None, Quality.SENSOR_FAULT)
_OUT_OF_RANGE = (None, Quality.OUT_OF_RANGE)

_Value = tuple[float | None, Quality]


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What one payload says, values in stored units, in the order of the profile's channels.

    ``stamp`` is the device's own time in epoch milliseconds, UTC; when the profile promises
    one and the payload has none that can be used, it is ``None`` and ``stamp_fault`` says why.
    """

    values: tuple[float | None, ...]
    qualities: bytes
    stamp: int | None = None
    stamp_fault: str = ""
    sequence: int | None = None


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
        self._channels = tuple(_Channel(channel) for channel in profile.channels)
        self._is_tolerant = profile.http is not None and profile.http.tolerant
        said = profile.mqtt or Mqtt()
        self._stamp = said.stamp
        self._stamp_path = _Path(self._stamp.path) if self._stamp else None
        sequence = said.sequence
        self._sequence_path = _Path(sequence) if sequence is not None else None

    def decode(self, payload: bytes, *, is_whole: bool = True) -> Decoded:
        """What ``payload`` says; it may have been cut where it is not sure to be ``is_whole``.

        Raises:
            PoisonError: too large, not JSON, nested too deeply, or not an object.
        """
        try:
            document = _parsed(payload)
        except PoisonError:
            if not self._is_tolerant or len(payload) > LARGEST:
                raise
            document = _parsed(mended(payload, is_whole=is_whole))
        read = [channel.read(document) for channel in self._channels]
        stamp, fault = self._stamped(document)
        return Decoded(
            tuple([value for value, _ in read]),
            bytes([quality for _, quality in read]),
            stamp,
            fault,
            self._sequenced(document),
        )

    def _stamped(self, document: object) -> tuple[int | None, str]:
        if self._stamp is None or self._stamp_path is None:
            return None, ""
        raw = self._stamp_path.reach(document)
        if raw is _MISSING or raw is None:
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


class _Path:
    """The way through objects and lists to one value."""

    def __init__(self, path: str) -> None:
        self._steps = tuple(
            (step, int(step) if step.isascii() and step.isdigit() else None)
            for step in path.split(".")
        )
        self._only = self._steps[0][0] if len(self._steps) == 1 else None

    def reach(self, document: object) -> object:
        """The value, ``None`` where a null stands on the way, ``_MISSING`` where nothing does."""
        if self._only is not None and isinstance(document, dict):
            return document.get(self._only, _MISSING)
        here = document
        for key, index in self._steps:
            if isinstance(here, dict):
                here = here.get(key, _MISSING)
            elif isinstance(here, list) and index is not None and index < len(here):
                here = here[index]
            else:
                return None if here is None else _MISSING
        return here


class _Channel:
    """One channel's source, range and faults, made ready for reading."""

    def __init__(self, channel: Channel) -> None:
        source = channel.source
        if not isinstance(source, JsonPath):
            raise TypeError(f"{channel.key}: its source is not a JSON path")
        self._reach = _Path(source.path).reach
        self._scale = source.scale
        self._words = source.words
        self._convert = channel.stored.convert
        # 77.36 K are -195.79 degC, not -195.78999999999996.
        self._exact = source.scale == 1.0 and channel.stored[1:] == (1.0, 0.0)
        low, high = channel.range
        # Scaling is not exact (3 * 0.1 > 0.3), and both ends belong to the range.
        grain = channel.resolution * 1e-6
        self._low, self._high = low - grain, high + grain
        faults = {fault.raw: FAULT_QUALITY[fault.quality] for fault in channel.faults}
        self._null = faults.pop(None, Quality.SENSOR_FAULT)
        self._faults: dict[float | str | None, Quality] = faults

    def read(self, document: object) -> _Value:
        raw = self._reach(document)
        kind = type(raw)
        if kind is float or kind is int:
            return self._number(raw)  # type: ignore[arg-type] # the line above says so
        if raw is _MISSING:
            return _NO_ANSWER
        if raw is None:
            # A null has no value that a suspect reading could keep.
            return None, self._null if self._null in VALUELESS else Quality.SENSOR_FAULT
        if isinstance(raw, bool):
            return self._word("true" if raw else "false")
        return self._word(raw) if isinstance(raw, str) else _SENSOR_FAULT

    def _number(self, raw: float) -> _Value:
        quality = self._faults.get(raw, Quality.GOOD) if self._faults else Quality.GOOD
        if quality in VALUELESS:
            return None, quality
        return self._scaled(raw, quality)

    def _word(self, raw: str) -> _Value:
        quality = self._faults.get(raw, Quality.GOOD)
        if quality in VALUELESS:
            return None, quality
        number = self._words.get(raw)
        return _SENSOR_FAULT if number is None else self._scaled(number, quality)

    def _scaled(self, raw: float, quality: Quality) -> _Value:
        try:
            value = raw * self._scale
        except OverflowError:
            return _OUT_OF_RANGE
        if self._low <= value <= self._high:
            return value if self._exact else round(self._convert(value), _PLACES), quality
        return _OUT_OF_RANGE if isfinite(raw) else _SENSOR_FAULT


def _parsed(payload: bytes) -> object:
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


def _iso8601_stamp(raw: object) -> int:
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
    "iso8601": _iso8601_stamp,
}
