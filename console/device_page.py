"""The screen of one device: what was asked for, and what its charts and lists say."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo

import msgspec

from alerts.rule import Rule
from batches.calibration import Book
from batches.placement import Interval, Placement
from console import chart, words
from console.chart import Beyond, Chart
from console.chart_data import Buckets
from console.speech import Speech
from console.tank import Tank, tank
from console.view import ChannelView, DeviceView

HOUR_MS = 3_600_000
SPANS: Mapping[str, int] = {
    "1h": HOUR_MS,
    "6h": 6 * HOUR_MS,
    "24h": 24 * HOUR_MS,
    "7d": 7 * 24 * HOUR_MS,
    "30d": 30 * 24 * HOUR_MS,
    "1y": 366 * 24 * HOUR_MS,
}
USUAL = "24h"
STATES = "1"
"""The unit of channels that are yes or no: they are drawn as marks, not as lines."""
LEVEL = "level"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The chart of a channel."""

    key: str
    name: str
    now: str
    chart: Chart


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """When a state (a door, a filling) held: shares of the span, and in words."""

    key: str
    name: str
    spans: tuple[Beyond, ...]


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """The sensor at a channel and when it is due; both empty where nothing was entered."""

    name: str
    sensor: str
    due: str
    is_over: bool


class DevicePage(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    measured: tuple[Measured, ...]
    states: tuple[Marks, ...]
    calibrated: tuple[Calibrated, ...]
    placed: tuple[Placement, ...]
    tank: Tank | None


def page(
    device: DeviceView,
    found: Mapping[str, Buckets],
    rules: Iterable[Rule],
    *,
    book: Book,
    placed: Iterable[Placement],
    now: int,
    zone: tzinfo,
    say: Speech,
) -> DevicePage:
    """What the screen of ``device`` shows at ``now`` (epoch ms) of what was ``found``."""
    known = [channel for channel in device.channels if channel.key in found]
    mine = tuple(rules)
    level = next((channel for channel in known if channel.quantity == LEVEL), None)
    return DevicePage(
        measured=tuple(
            _measured(channel, found[channel.key], mine, zone, say)
            for channel in known
            if channel.unit != STATES
        ),
        states=tuple(
            _marks(channel, found[channel.key], zone, say)
            for channel in known
            if channel.unit == STATES
        ),
        calibrated=tuple(
            _calibrated(channel, book, now, zone, say)
            for channel in device.channels
            if channel.unit != STATES
        ),
        placed=tuple(placed),
        tank=None if level is None else tank(found[level.key]),
    )


def _measured(
    channel: ChannelView, found: Buckets, rules: tuple[Rule, ...], zone: tzinfo, say: Speech
) -> Measured:
    mine = [rule for rule in rules if rule.channel == channel.id]
    return Measured(
        key=channel.key,
        name=say(words.spaced(channel.key)),
        now=words.measured(channel.value, channel.unit, say),
        chart=chart.drawn(found, mine, channel.unit, zone=zone, say=say),
    )


def _marks(channel: ChannelView, found: Buckets, zone: tzinfo, say: Speech) -> Marks:
    held = tuple(chart.runs_where(found, found.high >= 1.0, zone))
    return Marks(key=channel.key, name=say(words.spaced(channel.key)), spans=held)


def _calibrated(
    channel: ChannelView, book: Book, now: int, zone: tzinfo, say: Speech
) -> Calibrated:
    at = book.at(channel.id, Interval(now, now + 1))
    due = book.due(channel.id, now)
    return Calibrated(
        name=say(words.spaced(channel.key)),
        sensor=at[-1].sensor if at else "",
        due="" if due is None else words.moment(due, zone),
        is_over=due is not None and due <= now,
    )
