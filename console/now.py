"""The screen of now: the room as cards by location. Pure, over what was read."""

from collections.abc import Iterable, Mapping

import msgspec

from console import trends, words
from console.speech import Speech
from console.trends import Line
from console.view import ChannelView, DeviceView, Equipment, SiteView

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
    """One device. ``inside`` is what is in it, in words; None where nobody can know it.

    ``fine`` is how many channels are left out because nothing is wrong with them; None where all
    are shown. ``holds`` says whether batches can be in it at all.
    """

    id: str
    name: str
    silent: bool
    never: bool
    inside: tuple[str, ...] | None
    alarm: str
    rows: tuple[Row, ...]
    holds: bool = True
    fine: int | None = None


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


def rooms(equipment: Iterable[Equipment], say: Speech) -> dict[str, tuple[Equipment, ...]]:
    """What is at each location, in the order of the site's file; what watches it comes last."""
    found: dict[str, list[Equipment]] = {}
    for one in sorted(equipment, key=lambda one: one.is_system):
        room = say("The watch itself") if one.is_system else one.location or say("Elsewhere")
        found.setdefault(room, []).append(one)
    return {room: tuple(those) for room, those in found.items()}


def card(device: DeviceView, lines: Mapping[str, Line], say: Speech, *, holds: bool = True) -> Card:
    """One device."""
    rows = tuple(_row(channel, lines.get(channel.id, ()), say) for channel in device.channels)
    marks = {row.alarm for row in rows}
    return Card(
        id=device.id,
        name=device.name,
        silent=device.silent,
        never=not device.channels,
        inside=words.inside(device.batches, device.vials, say),
        alarm=next((mark for mark in ("asks", "open") if mark in marks), ""),
        rows=rows,
        holds=holds,
    )


def watching(device: DeviceView, lines: Mapping[str, Line], say: Speech) -> Card:
    """The system as one of its devices: what is wrong with it is shown, the rest counted."""
    whole = card(device, lines, say, holds=False)
    shown = tuple(row for row in whole.rows if row.alarm or not row.is_good)
    fine = len(whole.rows) - len(shown)
    return msgspec.structs.replace(whole, rows=shown, fine=fine)


def _row(channel: ChannelView, line: Line, say: Speech) -> Row:
    alarm, mark, says = channel.alarm, "", ""
    if alarm is not None:
        mark = "asks" if words.asks(alarm) else "open"
        says = f"{say(words.severity(alarm)).upper()}, {words.state(alarm, say)}"
    return Row(
        name=words.named(channel.key, say),
        value=words.reading(channel.key, channel.value, channel.unit, say),
        quality=words.named(channel.quality, say),
        is_good=channel.quality == "good",
        age=words.age(channel.age_ms, say),
        trend=trends.path(line, width=TREND_WIDTH, height=TREND_HEIGHT),
        told=_told(line, channel, say),
        alarm=mark,
        says=says,
    )


def _told(line: Line, channel: ChannelView, say: Speech) -> str:
    known = [value for value in line if value is not None]
    if not known:
        return ""
    low, high = (
        words.reading(channel.key, value, channel.unit, say) for value in (min(known), max(known))
    )
    return say("last 30 min: {low} to {high}", low=low, high=high)
