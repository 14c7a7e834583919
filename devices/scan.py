"""What one device said at one instant: the only shape that crosses packages."""

from collections.abc import Iterator
from enum import IntEnum
from math import isfinite

import msgspec

from devices.quality import VALUELESS, Quality

VALUELESS_CODES = bytes(VALUELESS)


class Source(IntEnum):
    """How a scan came in."""

    LIVE = 0
    BACKFILL = 1
    TEST = 2


class Layout(msgspec.Struct, frozen=True):
    """The channels of a device, in the order in which its scans hold them.

    ``quantities`` name what each channel measures and with it the stored unit
    (``devices.units``).
    """

    device: str
    keys: tuple[str, ...]
    quantities: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.keys) != len(self.quantities):
            raise ValueError(f"{self.device}: as many quantities as keys are needed")
        if len(set(self.keys)) != len(self.keys):
            raise ValueError(f"{self.device}: a channel key occurs twice")

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel ids as everything outside a device calls them: ``inc1.temperature``."""
        return tuple(f"{self.device}.{key}" for key in self.keys)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The view on one channel of a scan. Times are epoch milliseconds, UTC."""

    channel: str
    quantity: str
    at: int
    received: int
    value: float | None
    quality: Quality
    source: Source


class Scan(msgspec.Struct, frozen=True, gc=False):
    """Values and qualities of one device at one instant, in the order of its layout.

    ``at`` is the mid-point of request and answer, or the device's own stamp; ``received`` is
    when the collector had it; both epoch milliseconds, UTC. ``qualities`` holds one
    ``Quality`` code a byte. ``repeat`` marks a message that the broker sent again and that
    carried nothing to tell it from the first.

    Raises:
        ValueError: values and qualities do not match, or a value is not a finite number.
    """

    layout: Layout
    at: int
    received: int
    values: tuple[float | None, ...]
    qualities: bytes
    source: Source = Source.LIVE
    repeat: bool = False

    def __post_init__(self) -> None:
        count = len(self.layout.keys)
        if len(self.values) != count or len(self.qualities) != count:
            raise ValueError(
                f"{self.device}: {count} channels, {len(self.values)} values, "
                f"{len(self.qualities)} qualities"
            )
        if self.qualities.count(0) == count and None not in self.values:
            total = sum(self.values)  # type: ignore[arg-type] # no None is in there
            if isfinite(total):
                return
        self._check_each()

    def _check_each(self) -> None:
        for key, value, code in zip(self.layout.keys, self.values, self.qualities, strict=True):
            if (value is None) != (code in VALUELESS_CODES):
                raise ValueError(f"{self.device}.{key}: {Quality(code).word} with value {value}")
            if value is not None and not isfinite(value):
                raise ValueError(f"{self.device}.{key}: {value} is not a number to keep")

    @property
    def device(self) -> str:
        """The id of the device that spoke."""
        return self.layout.device

    def readings(self) -> Iterator[Reading]:
        """One view a channel."""
        for channel, quantity, value, code in zip(
            self.layout.channels, self.layout.quantities, self.values, self.qualities, strict=True
        ):
            yield Reading(
                channel=channel,
                quantity=quantity,
                at=self.at,
                received=self.received,
                value=value,
                quality=Quality(code),
                source=self.source,
            )


def absent(layout: Layout, *, at: int, quality: Quality = Quality.NO_ANSWER) -> Scan:
    """The scan that says a device said nothing: every channel without a value."""
    count = len(layout.keys)
    return Scan(layout, at, at, (None,) * count, bytes((quality,)) * count)
