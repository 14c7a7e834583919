"""The screen of now: the room as cards by location. Pure, over what was read."""

from collections.abc import Mapping

import msgspec

from console import trends, words
from console.speech import Speech
from console.trends import Line
from console.view import ChannelView, DeviceView, SiteView

TREND_WIDTH, TREND_HEIGHT = 90.0, 20.0
"""Of a trend line's box, in its own units."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One channel on a card, in words. ``trend`` is an SVG path, ``told`` says it to who listens.

    ``alarm`` is ``asks`` (somebody must acknowledge), ``open`` or empty; ``says`` its words.
    """

    name: str
    value: str
    quality: str
    is_good: bool
    age: str
    trend: str
    told: str
    alarm: str
    says: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One device. ``batches`` is None where nobody can know them."""

    id: str
    name: str
    silent: bool
    never: bool
    batches: tuple[str, ...] | None
    alarm: str
    rows: tuple[Row, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What must be seen from across the room."""

    core_alive: bool
    core_age: str
    core_known: bool
    devices: int
    silent: int
    alarms: int | None
    asking: int
    problems: tuple[str, ...]


def facts(view: SiteView) -> Facts:
    """The line above all cards."""
    problems = list(view.problems)
    if view.status is not None and view.status.journal.trouble:
        problems.append(view.status.journal.trouble)
    return Facts(
        core_alive=view.core_alive,
        core_age=words.age(view.core_age_ms),
        core_known=view.core_age_ms is not None,
        devices=len(view.devices),
        silent=sum(device.silent for device in view.devices),
        alarms=None if view.counts is None else len(view.alarms),
        asking=sum(words.asks(alarm) for alarm in view.alarms),
        problems=tuple(problems),
    )


def cards(view: SiteView, lines: Mapping[str, Line], say: Speech) -> dict[str, tuple[Card, ...]]:
    """The cards of each location, in the order of the site's file."""
    rooms: dict[str, list[Card]] = {}
    for device in view.devices:
        rooms.setdefault(device.location or say("Elsewhere"), []).append(card(device, lines, say))
    return {room: tuple(found) for room, found in rooms.items()}


def card(device: DeviceView, lines: Mapping[str, Line], say: Speech) -> Card:
    """One device."""
    rows = tuple(_row(channel, lines.get(channel.id, ()), say) for channel in device.channels)
    marks = {row.alarm for row in rows}
    return Card(
        id=device.id,
        name=device.name,
        silent=device.silent,
        never=not device.channels,
        batches=device.batches,
        alarm=next((mark for mark in ("asks", "open") if mark in marks), ""),
        rows=rows,
    )


def _row(channel: ChannelView, line: Line, say: Speech) -> Row:
    alarm, mark, says = channel.alarm, "", ""
    if alarm is not None:
        mark = "asks" if words.asks(alarm) else "open"
        says = f"{say(words.severity(alarm)).upper()}, {words.state(alarm, say)}"
    return Row(
        name=say(words.spaced(channel.key)),
        value=words.measured(channel.value, channel.unit, say),
        quality=say(words.spaced(channel.quality)),
        is_good=channel.quality == "good",
        age=words.age(channel.age_ms, say),
        trend=trends.path(line, width=TREND_WIDTH, height=TREND_HEIGHT),
        told=_told(line, channel.unit, say),
        alarm=mark,
        says=says,
    )


def _told(line: Line, unit: str, say: Speech) -> str:
    known = [value for value in line if value is not None]
    if not known:
        return ""
    low, high = (words.measured(value, unit, say) for value in (min(known), max(known)))
    return say("last 30 min: {low} to {high}", low=low, high=high)
