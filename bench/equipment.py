"""What sorts of devices the benches watch, by the channel names that the default rules know."""

import msgspec

from alerts.channel import ChannelSpec
from devices.scan import Layout

MINUTE_S = 60
"""How often a sample comes."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What a sort of device measures: key, quantity, resolution, deviation of its noise, range."""

    rules: str
    channels: tuple[tuple[str, str, float, float, tuple[float, float]], ...]

    def layout(self, device: str) -> Layout:
        """The channels of one device."""
        keys = tuple(key for key, *_ in self.channels)
        return Layout(device, keys, tuple(quantity for _, quantity, *_ in self.channels))

    def specs(self, device: str) -> tuple[ChannelSpec, ...]:
        """The same as the alarm engine must know them, a sample a minute."""
        return tuple(
            ChannelSpec(
                id=f"{device}.{key}",
                quantity=quantity,
                period_ms=MINUTE_S * 1000,
                resolution=resolution,
                range=ends,
            )
            for key, quantity, resolution, _, ends in self.channels
        )


SWITCH = (1.0, 0.0, (0.0, 1.0))
KINDS = {
    "incubator": Kind(
        rules="incubators",
        channels=(
            ("temperature", "temperature", 0.01, 0.01, (0.0, 200.0)),
            ("carbon_dioxide", "carbon_dioxide", 0.01, 0.01, (0.0, 20.0)),
            ("relative_humidity", "relative_humidity", 0.1, 0.2, (0.0, 100.0)),
            ("door", "state", *SWITCH),
            ("sterilisation", "state", *SWITCH),
        ),
    ),
    "ln2-freezer": Kind(
        rules="ln2-freezers",
        channels=(
            ("level", "level", 1.0, 0.4, (0.0, 1500.0)),
            ("temperature_top", "temperature", 0.1, 0.05, (-200.0, 60.0)),
            ("temperature_bottom", "temperature", 0.1, 0.05, (-200.0, 60.0)),
            ("lid", "state", *SWITCH),
            ("filling", "state", *SWITCH),
        ),
    ),
    "freezer-80": Kind(
        rules="freezers-80",
        channels=(
            ("temperature", "temperature", 0.1, 0.05, (-150.0, 60.0)),
            ("door", "state", *SWITCH),
        ),
    ),
    "refrigerator": Kind(
        rules="refrigerators",
        channels=(
            ("temperature", "temperature", 0.1, 0.05, (-40.0, 60.0)),
            ("door", "state", *SWITCH),
        ),
    ),
    "room-oxygen": Kind(
        rules="room-oxygen",
        channels=(
            ("oxygen", "oxygen", 0.1, 0.03, (0.0, 25.0)),
            ("fault", "state", *SWITCH),
        ),
    ),
}
