"""What the alarm engine must know of a channel before it can watch it."""

import msgspec


class ChannelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One channel. ``resolution`` and ``range`` are in the stored unit of its quantity.

    ``id`` is ``<device>.<key>``; ``period_ms`` is how often a sample is expected, in
    milliseconds. ``range`` is what the sensor can physically measure, both ends included, when
    that is known.
    """

    id: str
    quantity: str
    period_ms: int
    resolution: float
    range: tuple[float, float] | None = None

    @property
    def device(self) -> str:
        """The id of the device that it belongs to."""
        return self.id.partition(".")[0]

    @property
    def key(self) -> str:
        """What the device's layout calls it."""
        return self.id.partition(".")[2]
