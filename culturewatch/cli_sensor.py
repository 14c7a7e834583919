"""``culturewatch sensor …``: which measuring instrument is where."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from culturewatch.cli_entry import opened
from culturewatch.cli_options import (
    DEFAULT_SITE,
    LAST_ROW,
    AsJson,
    At,
    By,
    End,
    Reason,
    SiteOption,
    Start,
)
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load

if TYPE_CHECKING:
    from batches.calibration import Book
    from batches.sensor import Sensor

sensor_commands = typer.Typer(
    no_args_is_help=True, help="Enter sensors, and at which channel each of them measures."
)
Serial = Annotated[str, typer.Argument(metavar="SERIAL", help="the number on the sensor")]
ChannelId = Annotated[str, typer.Argument(metavar="CHANNEL", help="such as inc1.temperature")]
Row = Annotated[
    int,
    typer.Argument(metavar="ROW", min=1, max=LAST_ROW, help="the entry, as `sensor list` shows it"),
]


@sensor_commands.command()
def add(
    serial: Serial,
    model: Annotated[str, typer.Option("--model", help="such as HMP252")],
    *,
    maker: Annotated[str, typer.Option("--maker")] = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that there is a sensor."""
    from batches.instruments import Instruments  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        found = Instruments(ledger).register(serial, model=model, maker=maker, act=act)
        say(f"sensor {found.serial}: {found.maker} {found.model}".replace(":  ", ": "))


@sensor_commands.command()
def install(
    serial: Serial,
    channel: ChannelId,
    *,
    by: By = "",
    at: At = "",
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="when it was taken out, if it was")
    ] = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that a sensor measures at a channel from now on."""
    from batches.instruments import Instruments

    with opened(site) as (ledger, sign):
        quantity = quantity_of(load(site), channel)
        Instruments(ledger).install(
            serial,
            channel,
            quantity=quantity,
            act=sign(by, at, reason),
            until=sign.instant("--until", until),
        )
        say(f"sensor {serial} measures {quantity.replace('_', ' ')} at {channel}")


@sensor_commands.command()
def swap(
    channel: ChannelId,
    serial: Serial,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Put another sensor in the place of the one at a channel, both at the same instant."""
    from batches.instruments import Instruments

    with opened(site) as (ledger, sign):
        quantity_of(load(site), channel)
        Instruments(ledger).swap(channel, serial, act=sign(by, at, reason))
        say(f"sensor {serial} measures at {channel}")


@sensor_commands.command()
def uninstall(
    channel: ChannelId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that the sensor at a channel was taken away."""
    from batches.instruments import Instruments

    with opened(site) as (ledger, sign):
        found = Instruments(ledger).uninstall(channel, act=sign(by, at, reason))
        say(f"sensor {found.sensor} has left {channel}")


@sensor_commands.command()
def correct(
    row: Row,
    *,
    channel: Annotated[str, typer.Option("--channel", help="where it really was")] = "",
    start: Start = "",
    end: End = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter what an installation should have said; the old row stays, and needs a reason."""
    from msgspec import UNSET

    from batches.instruments import Instruments

    with opened(site) as (ledger, sign):
        ended = sign.instant("--end", end)
        found = Instruments(ledger).correct_installation(
            row,
            act=sign(by, at, reason),
            channel=channel or None,
            quantity=quantity_of(load(site), channel) if channel else None,
            start=sign.instant("--start", start),
            end=UNSET if ended is None else ended,
        )
        say(f"sensor {found.sensor} at {found.channel}: row {found.row} takes the place of {row}")


@sensor_commands.command()
def withdraw(
    row: Row,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take back an installation, a certificate, a calibration, or the end of one; with a reason."""
    from batches.instruments import Instruments

    with opened(site) as (ledger, sign):
        Instruments(ledger).withdraw(row, act=sign(by, at, reason))
        say(f"row {row} is taken back")


@sensor_commands.command("list")
def list_(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show every sensor: where it is and was, and its certificates."""
    from batches.instruments import Instruments

    with opened(site) as (ledger, _):
        book, zone = Instruments(ledger).book(), load(site).zone
    if as_json:
        say_json(book)
        return
    for sensor in book.sensors:
        for line in _lines(book, sensor, zone):
            say(line)
    if not book.sensors:
        say("no sensor is entered")


def _lines(book: "Book", sensor: "Sensor", zone: ZoneInfo) -> Iterator[str]:
    from batches.calibrated import moment

    yield f"{sensor.serial}  {sensor.model}"
    for one in (each for each in book.installations if each.sensor == sensor.serial):
        ended = "" if one.end is None else f" to {moment(one.end, zone)}"
        yield f"  row {one.row}: {one.channel} from {moment(one.start, zone)}{ended}"
    for kept in (each for each in book.certificates if each.sensor == sensor.serial):
        when, due = moment(kept.at, zone), moment(kept.due, zone)
        yield f"  row {kept.row}: calibrated {when} by {kept.laboratory}, due {due}"
    for period in (each for each in book.periods if each.sensor == sensor.serial):
        ended = "" if period.end is None else f" to {moment(period.end, zone)}"
        yield f"  row {period.row}: in calibration from {moment(period.start, zone)}{ended}"


def quantity_of(site: Site, channel: str) -> str:
    """What ``channel`` of the site measures.

    Raises:
        SiteError: the site has no such channel.
    """
    device_id, _, key = channel.rpartition(".")
    for device in site.devices:
        for one in device.profile.channels:
            if (device.id, one.key) == (device_id, key):
                return one.quantity
    known = ", ".join(f"{d.id}.{c.key}" for d in site.devices for c in d.profile.channels)
    raise SiteError([f"{channel!a} is no channel of this site; known: {known}"])
