"""The site in a terminal: each channel's value, quality, age, alarm and batches; then the pages."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from rich.console import Group
from rich.table import Table
from rich.text import Text

from alerts.engine.view import AlarmView
from alerts.reader import SentPage
from console import words
from console.view import DeviceView, SiteView

_OLD_MS = 10_000
PAGES = 6
_HEADINGS = 6
"""Lines that are not rows: headline, two headings, a title, and the prompt's."""


def render(view: SiteView, zone: tzinfo, *, title: str, height: int | None = None) -> Group:
    """The whole picture; in a terminal of ``height`` lines, as much of it as fits.

    What is left out first are switches at rest, then whatever is well: never an alarm.
    """
    problems = [Text(f"! {line}", style="bold red") for line in view.problems]
    pages = _pages(view.pages[:PAGES], zone)
    taken = len(problems) + pages.row_count + _HEADINGS
    room = None if height is None else max(0, height - taken)
    shown_channels = next(
        (chosen for chosen in _choices(view) if room is None or len(chosen) <= room),
        frozenset[str](),
    )
    return Group(_headline(view, zone, title), _room(view, shown_channels), *problems, pages)


def _choices(view: SiteView) -> Iterator[frozenset[str]]:
    """Which channels to show: all, those that are no switches at rest, one a device, alarms."""
    channels = [channel for device in view.devices for channel in device.channels]
    alarmed = frozenset(c.id for c in channels if c.alarm)
    yield frozenset(c.id for c in channels)
    yield alarmed | {c.id for c in channels if c.quantity != "state"}
    yield alarmed | {device.channels[0].id for device in view.devices if device.channels}
    yield alarmed


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
        text.append(
            f"CORE DOES NOT RUN (last heard: {words.age(view.core_age_ms)} ago)", "bold red"
        )
    if view.status is not None:
        text.append(f"  {view.status.received} answers, {view.status.journal.last} entries")
    if view.counts is not None:
        text.append(f"  {view.counts.open} alarms open, {view.counts.pages} pages")
    return text


def _room(view: SiteView, channels: frozenset[str]) -> Table:
    table = Table(box=None, padding=(0, 1), expand=False, header_style="dim")
    for heading in ("device", "channel"):
        table.add_column(heading, no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("quality", no_wrap=True)
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("alarm")
    table.add_column("batch at risk")
    for device in view.devices:
        _device_rows(table, device, channels)
    return table


def _device_rows(table: Table, device: DeviceView, channels: frozenset[str]) -> None:
    batches = ", ".join(device.batches)
    if not device.channels:
        table.add_row(
            device.name, "", words.NOTHING, Text("never heard", "bold red"), "", "", batches
        )
    first = True
    for channel in device.channels:
        if channel.id not in channels:
            continue
        table.add_row(
            device.name if first else "",
            channel.key,
            words.measured(channel.value, channel.unit),
            Text(channel.quality, "" if channel.quality == "good" else "bold red"),
            Text(words.age(channel.age_ms), "red" if (channel.age_ms or 0) > _OLD_MS else ""),
            alarm_text(channel.alarm),
            batches if first or channel.alarm else "",
        )
        first = False


def _pages(pages: tuple[SentPage, ...], zone: tzinfo) -> Table:
    table = Table(box=None, padding=(0, 1), title="Last pages", title_justify="left")
    for heading in ("at", "to", "by", "state", "message", "acknowledged by"):
        table.add_column(heading, header_style="dim", no_wrap=heading != "message")
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
