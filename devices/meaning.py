"""Raw number, text or boolean of a channel → value and quality: range, faults, words, units."""

from collections.abc import Mapping
from math import isfinite

from devices.profile import FAULT_QUALITY, Channel
from devices.quality import VALUELESS, Quality

Value = tuple[float | None, Quality]
"""In the stored unit."""
MISSING = object()
"""Stands where a message says nothing."""
NO_ANSWER: Value = (None, Quality.NO_ANSWER)
SENSOR_FAULT: Value = (None, Quality.SENSOR_FAULT)
OUT_OF_RANGE: Value = (None, Quality.OUT_OF_RANGE)
_PLACES = 9
_GOOD = Quality.GOOD


class Meaning:
    """What a channel's raw value means. ``scale`` is that of numbers, ``words`` those of texts.

    Nothing is no answer. ``None``, NaN, infinity, a text or boolean that is not among the words,
    and whatever is neither is a sensor fault, unless a fault of the profile says otherwise. A
    number outside the range is out of range. Numbers written as text are texts.
    """

    def __init__(self, channel: Channel, scale: float, words: Mapping[str, float]) -> None:
        self._scale = scale
        self._words = words
        self._convert = channel.stored.convert
        # 77.36 K are -195.79 degC, not -195.78999999999996.
        self._exact = scale == 1.0 and channel.stored[1:] == (1.0, 0.0)
        low, high = channel.range
        # Scaling is not exact (3 * 0.1 > 0.3), and both ends belong to the range.
        grain = channel.resolution * 1e-6
        self._low, self._high = low - grain, high + grain
        faults = {fault.raw: FAULT_QUALITY[fault.quality] for fault in channel.faults}
        self._null = faults.pop(None, Quality.SENSOR_FAULT)
        self._faults: dict[float | str | None, Quality] = faults
        self._is_plain = self._exact and not faults
        # What a text means is found out once.
        told = (*words, *(raw for raw in faults if isinstance(raw, str)))
        self._told: dict[str, Value] = {text: self._word(text) for text in told}

    def of(self, raw: object) -> Value:
        """The value and its quality."""
        kind = type(raw)
        if kind is float or kind is int:
            # The usual number, without the calls that it would take otherwise.
            if self._is_plain and self._low <= raw <= self._high:  # type: ignore[operator] # a number
                return raw * 1.0, _GOOD  # type: ignore[operator] # a number
            return self._number(raw)  # type: ignore[arg-type] # a number
        if raw is MISSING:
            return NO_ANSWER
        if raw is None:
            # A null has no value that a suspect reading could keep.
            return None, self._null if self._null in VALUELESS else Quality.SENSOR_FAULT
        if isinstance(raw, bool):
            return self._told.get("true" if raw else "false", SENSOR_FAULT)
        return self._told.get(raw, SENSOR_FAULT) if isinstance(raw, str) else SENSOR_FAULT

    def _number(self, raw: float) -> Value:
        quality = self._faults.get(raw, _GOOD)
        if quality is not _GOOD and quality in VALUELESS:
            return None, quality
        return self._scaled(raw, quality)

    def _word(self, raw: str) -> Value:
        quality = self._faults.get(raw, Quality.GOOD)
        if quality in VALUELESS:
            return None, quality
        number = self._words.get(raw)
        return SENSOR_FAULT if number is None else self._scaled(number, quality)

    def _scaled(self, raw: float, quality: Quality) -> Value:
        try:
            value = raw * self._scale
        except OverflowError:
            return OUT_OF_RANGE
        if self._low <= value <= self._high:
            return value if self._exact else round(self._convert(value), _PLACES), quality
        return OUT_OF_RANGE if isfinite(raw) else SENSOR_FAULT
