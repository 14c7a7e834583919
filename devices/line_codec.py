"""Lines of text → values and qualities: what a device said, and nothing it did not say."""

import re
from collections.abc import Mapping
from math import isfinite, isnan, nan

from devices.codec import Decoded
from devices.profile import FAULT_QUALITY, Channel, Profile
from devices.quality import VALUELESS, Quality
from devices.source import Query

LONGEST = 256
"""Characters of the longest answer that is read; a level is said in ten."""
_PLACES = 9


class LineCodec:
    """Reads the answers of one profile.

    A question without an answer is no answer. An answer that the channel's pattern does not fit,
    or whose value is neither a number nor one of the channel's words, is a sensor fault: the
    device spoke, but not of a value. A number outside the range is out of range.

    Raises:
        ValueError: the profile does not speak in lines.
    """

    def __init__(self, profile: Profile) -> None:
        if profile.line is None:
            raise ValueError(f"{profile.model} does not speak in lines of text")
        self._channels = tuple(_Channel(channel) for channel in profile.channels)
        asked = [ask for channel in self._channels for ask in channel.asks if ask]
        self.questions = tuple(dict.fromkeys(asked))
        """What is asked, each once, in the order of the channels."""

    def decode(self, answers: Mapping[str, str | None]) -> Decoded:
        """What ``answers``, by question, say; of a device that speaks unasked under ``""``."""
        read = [channel.read(answers) for channel in self._channels]
        return tuple(value for value, _ in read), bytes(quality for _, quality in read)


class _Channel:
    """One channel's pattern, range and faults, made ready for reading."""

    def __init__(self, channel: Channel) -> None:
        source = channel.source
        if not isinstance(source, Query):
            raise TypeError(f"{channel.key}: is not read from a line")
        self._ask = source.ask
        self._given = source.given
        self._given_match = re.compile(source.given.pattern).fullmatch if source.given else None
        self._match = re.compile(source.pattern).fullmatch
        self._scale = source.scale
        self._words = source.words
        self._convert = channel.stored.convert
        low, high = channel.range
        # Scaling is not exact, and both ends belong to the range.
        grain = channel.resolution * 1e-6
        self._low, self._high = low - grain, high + grain
        self._faults = {fault.raw: FAULT_QUALITY[fault.quality] for fault in channel.faults}

    @property
    def asks(self) -> tuple[str, ...]:
        """The questions whose answers it needs; that of the value first."""
        return (self._ask,) if self._given is None else (self._ask, self._given.ask)

    def read(self, answers: Mapping[str, str | None]) -> tuple[float | None, Quality]:
        """What ``answers`` say of it."""
        answer = answers.get(self._ask)
        if answer is None:
            return None, Quality.NO_ANSWER
        said = self._faults.get(answer.strip())
        if said is not None:
            return None, said if said in VALUELESS else Quality.SENSOR_FAULT
        found = self._match(answer) if len(answer) <= LONGEST else None
        if found is None or found[1] is None:
            return None, Quality.SENSOR_FAULT
        raw = self._words.get(found[1])
        if raw is None:
            raw = _number(found[1])
        if raw is None:
            return None, Quality.SENSOR_FAULT
        factor = self._factor(answers)
        # Without knowing the unit, 36 may be inches or a third of the way down.
        return (None, Quality.SENSOR_FAULT) if factor is None else self._scaled(raw, factor)

    def _factor(self, answers: Mapping[str, str | None]) -> float | None:
        if self._given is None or self._given_match is None:
            return 1.0
        found = self._given_match((answers.get(self._given.ask) or "")[:LONGEST])
        return None if found is None else self._given.factors.get(found[1])

    def _scaled(self, raw: float, factor: float) -> tuple[float | None, Quality]:
        quality = self._faults.get(raw, Quality.GOOD)
        if quality in VALUELESS:
            return None, quality
        value = raw * factor * self._scale
        if not isfinite(value) or not self._low <= value <= self._high:
            return None, Quality.OUT_OF_RANGE
        return round(self._convert(value), _PLACES), quality


def _number(text: str) -> float | None:
    try:
        # float() would also take 1_000, nan and digits of other scripts.
        number = float(text) if text.isascii() and "_" not in text else nan
    except ValueError:
        return None
    return None if isnan(number) else number
