"""Metrics of a Sparkplug device → readings of its profile's channels."""

import hashlib
from collections.abc import Iterable, Iterator

from devices.decoded import Decoded
from devices.dialects.edge_node import Spoken
from devices.meaning import MISSING, Meaning, Value
from devices.profile import Profile
from devices.quality import Quality
from devices.source import Metric

_STALE: Value = (None, Quality.STALE)


class MetricReader:
    """Reads what is spoken of one device. Each metric has a time of its own."""

    def __init__(self, profile: Profile) -> None:
        self._channels: dict[str, list[tuple[int, Meaning]]] = {}
        for number, channel in enumerate(profile.channels):
            source = channel.source
            if not isinstance(source, Metric):
                raise TypeError(f"{channel.key}: its source is not a metric")
            meaning = Meaning(channel, source.scale, source.words)
            self._channels.setdefault(source.metric, []).append((number, meaning))

    def read(self, spoken: Iterable[Spoken]) -> Iterator[Decoded]:
        """What is said of channels, one by one.

        A value that is told again with its time, as in a rebirth, has the digest that it had.
        """
        for one in spoken:
            for number, meaning in self._channels.get(one.name, ()):
                raw = one.metric.value(one.datatype)
                value, quality = _STALE if raw is MISSING else meaning.of(raw)
                yield Decoded(
                    (value,),
                    bytes([quality]),
                    stamp=one.at,
                    stamp_fault="" if one.at is not None else "the node told no time",
                    said=(number,),
                    past=one.metric.historical,
                    digest=hashlib.sha256(f"{value!r} {quality}".encode()).digest(),
                )
