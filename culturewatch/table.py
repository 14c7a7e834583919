"""The site in a terminal: each channel's value, quality, age, alarm and batches; then the pages."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from io import StringIO

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from alerts.engine.view import AlarmView
from alerts.reader import SentPage
from console import words
from console.view import ChannelView, DeviceView, SiteView
from culturewatch.terminal import terminal

_OLD_MS = 10_000
PAGES, FEWER_PAGES = 6, 3
_ANY_WIDTH = 10_000
_ALARM, _ALARM_WIDTH = "alarm", 18
"""Its heading, and the width at which its words wrap between them."""
_NEVER = (words.NOTHING, Text("never heard", "bold red"), "", "")


def render(
    view: SiteView, zone: tzinfo, *, title: str, width: int, height: int | None = None
) -> Group:
    """The picture for a terminal ``width`` wide; of ``height`` lines, as much of it as fits.

    What is left out first are switches at rest, then whatever is well, then pages: never an
    alarm. Where names leave no room for alarms and batches, ids stand in their place.
    """
    screen = terminal(width=width, file=StringIO())
    picture = Group()
    for channels, pages in _choices(view):
        picture = _picture(view, zone, channels, title=title, pages=pages, on=screen)
        # The last line is the prompt's.
        if height is None or len(screen.render_lines(picture)) < height:
            break
    return picture


def _choices(view: SiteView) -> Iterator[tuple[frozenset[str], int]]:
    """Channels and pages to show: all, no switches at rest, one channel a device, alarms."""
    channels = [channel for device in view.devices for channel in device.channels]
    alarmed = frozenset(c.id for c in channels if c.alarm)
    for chosen in (
        frozenset(c.id for c in channels),
        alarmed | {c.id for c in channels if c.quantity != "state"},
        alarmed | {device.channels[0].id for device in view.devices if device.channels},
        alarmed,
    ):
        yield chosen, PAGES
        yield chosen, FEWER_PAGES
    yield alarmed, 0


def _picture(
    view: SiteView, zone: tzinfo, channels: frozenset[str], *, title: str, pages: int, on: Console
) -> Group:
    room = _room(view, channels)
    tight = _needs(room, view, channels, on) > on.width
    return Group(
        _headline(view, zone, title),
        _tight_room(view, channels, on.width) if tight else room,
        *(Text(f"! {line}", style="bold red") for line in view.problems),
        *([_pages(view.pages[:pages], zone, tight=tight)] if pages else []),
    )


def _needs(room: Table, view: SiteView, channels: frozenset[str], on: Console) -> int:
    """The width that ``room`` needs: the same with alarms as without, so that it does not jump."""
    natural = Measurement.get(on, on.options.update(width=_ANY_WIDTH), room).maximum
    said = [
        len(alarm_text(channel.alarm).plain)
        for device in view.devices
        for channel in device.channels
        if channel.id in channels
    ]
    return natural - max([len(_ALARM), *said]) + _ALARM_WIDTH


def clock(at: int | None, zone: tzinfo) -> str:
    """A time of today, with seconds; nothing for None."""
    return "" if at is None else f"{datetime.fromtimestamp(at / 1000, zone):%H:%M:%S}"


def alarm_text(alarm: AlarmView | None) -> Text:
    """An alarm's state in words; colour only underlines it."""
    if alarm is None:
        return Text("")
    style = "bold red" if words.asks(alarm) else "yellow"
    return Text(f"{words.severity(alarm)} {words.state(alarm)}", style=style)


def _headline(view: SiteView, zone: tzinfo, title: str) -> Text:
    text = Text()
    text.append(f" {title} ", style="bold reverse")
    text.append(f"  {datetime.fromtimestamp(view.at / 1000, zone):%Y-%m-%d %H:%M:%S %z}  ")
    if view.core_alive:
        text.append("core runs", style="green")
    else:
        last = (
            "never heard"
            if view.core_age_ms is None
            else f"last heard: {words.age(view.core_age_ms)} ago"
        )
        text.append(f"CORE DOES NOT RUN ({last})", "bold red")
    if view.status is not None:
        text.append(f"  {view.status.received} answers, {view.status.journal.last} entries")
    if view.counts is not None:
        text.append(f"  {view.counts.open} alarms open, {view.counts.pages} pages")
    return text


def _room(view: SiteView, channels: frozenset[str]) -> Table:
    table = Table(box=None, padding=(0, 1), expand=False, header_style="dim")
    for heading in ("device", "channel"):
        table.add_column(heading, no_wrap=True)
    _add_state_columns(table, "batch at risk")
    for device in view.devices:
        batches = _batches(device, ", ")
        first = True
        for channel in _shown(device, channels):
            name = device.name if first else ""
            if channel is None:
                table.add_row(name, "", *_NEVER, batches)
            else:
                inside = batches if first or channel.alarm else ""
                table.add_row(name, channel.key, *_state(channel), inside)
            first = False
    return table


def _tight_room(view: SiteView, channels: frozenset[str], width: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    first = ["channel"]
    first += [
        device.id if channel is None else channel.id
        for device in view.devices
        for channel in _shown(device, channels)
    ]
    longest = max(map(len, first))
    table.add_column(first[0], width=min(longest, width // 3), overflow="fold")
    _add_state_columns(table, "at risk")
    for device in view.devices:
        batches = _batches(device, "\n")
        for channel in _shown(device, channels):
            if channel is None:
                table.add_row(device.id, *_NEVER, batches)
            else:
                table.add_row(channel.id, *_state(channel), batches)
    return table


def _add_state_columns(table: Table, batches: str) -> None:
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("quality", overflow="fold")
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column(_ALARM, overflow="fold")
    table.add_column(batches, overflow="fold")


def _batches(device: DeviceView, between: str) -> str:
    inside = words.inside(device.batches, device.vials)
    return "not known" if inside is None else between.join(inside)


def _shown(device: DeviceView, channels: frozenset[str]) -> Iterator[ChannelView | None]:
    """The channels of a device to show; nothing stands for one that was never heard."""
    if not device.channels:
        yield None
    yield from (channel for channel in device.channels if channel.id in channels)


def _state(channel: ChannelView) -> tuple[str | Text, ...]:
    good = channel.quality == "good"
    return (
        words.measured(channel.value, channel.unit),
        Text(words.spaced(channel.quality), "" if good else "bold red"),
        Text(words.age(channel.age_ms), "red" if (channel.age_ms or 0) > _OLD_MS else ""),
        alarm_text(channel.alarm),
    )


def _pages(pages: tuple[SentPage, ...], zone: tzinfo, *, tight: bool) -> Table:
    table = Table(
        box=None,
        padding=(0, 1, 0, 0) if tight else (0, 1),
        pad_edge=not tight,
        title="Last pages",
        title_justify="left",
    )
    for heading in ("at", "to", "by", "state", "message", "acknowledged by"):
        narrow = heading in {"message", "acknowledged by"} if tight else heading == "message"
        table.add_column(heading, header_style="dim", no_wrap=not narrow)
    for page in pages:
        table.add_row(
            clock(page.handed or page.queued, zone),
            page.person,
            page.channel,
            page.state.value,
            page.subject or page.rule,
            ", ".join(page.acked_by),
        )
    if not pages:
        table.add_row("", "", "", "", Text("none so far", "dim"), "")
    return table
