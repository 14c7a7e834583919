"""The screen of one device: what was asked for, and what its charts and lists say."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from alerts.rota.wall import instant
from alerts.rule import Rule
from batches.calibration import Book
from batches.placement import Interval, Placement, Refused
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
LONGEST_MS = 10 * 366 * 24 * HOUR_MS
STATES = "1"
"""The unit of channels that are yes or no: they are drawn as marks, not as lines."""
LEVEL = "level"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The chart of a channel, whose buckets begin at ``start`` and are ``width`` ms wide."""

    key: str
    name: str
    now: str
    chart: Chart
    start: int
    width: int


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """When a state (a door, a filling) held, and when it is not known: shares, and in words.

    ``known`` says that something is: where nothing is, nobody can say that it never held.
    """

    key: str
    name: str
    spans: tuple[Beyond, ...]
    unknown: tuple[Beyond, ...]
    known: bool


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
    were: tuple[Placement, ...]
    tank: Tank | None


def asked(begins: str, ends: str, *, now: int, zone: ZoneInfo) -> tuple[int, int] | None:
    """The span from ``begins`` to ``ends`` of the site's wall clocks, epoch ms, up to ``now``.

    None where neither is given; an empty end is now.

    Raises:
        Refused: it is no span.
    """
    if not begins and not ends:
        return None
    start, end = _instant(begins, zone), _instant(ends, zone) if ends else now
    end = min(end, now)
    if start >= end:
        raise Refused("the span ends before it begins, or lies ahead")
    if end - start > LONGEST_MS:
        raise Refused("a chart shows ten years at most")
    return start, end


def _instant(text: str, zone: ZoneInfo) -> int:
    try:
        wall = datetime.fromisoformat(text)
        if wall.tzinfo is not None:
            return round(wall.timestamp() * 1000)
        return instant(wall.date(), wall.time(), zone)
    except (ValueError, OverflowError):
        raise Refused(f"{text[:40]!r} is no time; write it as 2026-01-31 18:00") from None


def page(
    device: DeviceView,
    found: Mapping[str, Buckets],
    rules: Iterable[Rule],
    *,
    book: Book,
    stood: Iterable[Placement],
    end: int,
    now: int,
    zone: tzinfo,
    say: Speech,
) -> DevicePage:
    """What the screen of ``device`` shows at ``now`` (epoch ms) of what was ``found``.

    ``stood`` is what was inside at some time from the span's beginning until now; it ends at
    ``end``, exclusive.
    """
    inside = tuple(stood)
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
        placed=tuple(stay for stay in inside if stay.end is None),
        were=tuple(stay for stay in inside if stay.end is not None and stay.start < end),
        tank=None if level is None else tank(found[level.key]),
    )


def _measured(
    channel: ChannelView, found: Buckets, rules: tuple[Rule, ...], zone: tzinfo, say: Speech
) -> Measured:
    mine = [rule for rule in rules if rule.channel == channel.id]
    return Measured(
        key=channel.key,
        name=words.named(channel.key, say),
        now=words.measured(channel.value, channel.unit, say),
        chart=chart.drawn(found, mine, channel.unit, zone=zone, say=say),
        start=found.start,
        width=found.width,
    )


def _marks(channel: ChannelView, found: Buckets, zone: tzinfo, say: Speech) -> Marks:
    return Marks(
        key=channel.key,
        name=words.named(channel.key, say),
        spans=tuple(chart.runs_where(found, found.high >= 1.0, zone)),
        unknown=tuple(chart.runs_where(found, found.unknown, zone)),
        known=not bool(np.isnan(found.high).all()),
    )


def _calibrated(
    channel: ChannelView, book: Book, now: int, zone: tzinfo, say: Speech
) -> Calibrated:
    at = book.at(channel.id, Interval(now, now + 1))
    due = book.due(channel.id, now)
    return Calibrated(
        name=words.named(channel.key, say),
        sensor=at[-1].sensor if at else "",
        due="" if due is None else words.moment(due, zone),
        is_over=due is not None and due <= now,
    )
