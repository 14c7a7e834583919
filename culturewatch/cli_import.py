"""``culturewatch import``: readings of any logger's CSV, into the journal as backfill."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batches.holding import holds_ms
from console.words import moment
from culturewatch.cli_entry import opened, zone_named
from culturewatch.cli_options import DEFAULT_SITE, By, Reason, SiteOption
from culturewatch.faults import FAILED, told
from culturewatch.output import say
from culturewatch.site import Site, SiteError, load
from devices import duration, units
from devices.duration import Duration

if TYPE_CHECKING:
    from batches.intake import Checked, Target
    from batches.logger_csv import Form
    from storage.intake import Intake, Origin
    from storage.journal import Journal

_GAPS_SHOWN = 20
_LOOK_S = 0.2
_RANGES = {"temperature": (-273.15, 10_000.0), "relative_humidity": (-0.1, 100.1)}
_SHARES = frozenset({"carbon_dioxide", "oxygen", "share"})
_ANY = 1e9


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the logger's CSV file")],
    *,
    device: Annotated[str, typer.Option("--device", metavar="ID", help="whose readings they are")],
    column: Annotated[
        str,
        typer.Option(
            "--column",
            metavar="HEADING=CHANNEL",
            help="which column (heading, or number from 1) is which channel of the device",
        ),
    ],
    time_column: Annotated[
        str, typer.Option("--time-column", help="the heading of the times, ISO 8601")
    ] = "time",
    unit: Annotated[str, typer.Option("--unit", help="default: the stored one, such as degC")] = "",
    zone: Annotated[
        str, typer.Option("--zone", help="of times without an offset: Europe/Zurich, Etc/GMT-1")
    ] = "",
    period: Annotated[
        str,
        typer.Option(
            "--period",
            metavar="SPAN",
            help="how often the logger measured; default: as its times say",
        ),
    ] = "",
    travelling: Annotated[
        bool,
        typer.Option("--travelling", help="of a logger that travels with vials, no device here"),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check, and keep nothing")] = False,
    wait: Annotated[
        str,
        typer.Option(
            "--wait",
            metavar="SPAN",
            help="for a running core to take it in, or a full disk to take anything",
        ),
    ] = "1m",
    by: By = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take the readings of a logger's file in, all of them or none, each once.

    The whole file is checked first: units, zone, order of time, and that nothing is known of that
    time yet; where a sealed segment of it, or the journal, is damaged nobody can know, and it is
    refused. A running core moves them into its journal; without one this command does.
    """
    from batches import intake as checks  # SQLAlchemy is slow to import
    from batches.logger_csv import LoggerFileError
    from storage.intake import Intake, IntakeError
    from storage.journal import JournalError

    bound_s = _span("--wait", wait).seconds
    with (
        opened(site) as (ledger, sign),
        told(IntakeError, JournalError, wrong_use=(LoggerFileError,)),
    ):
        loaded = load(site)
        target, form = _asked(
            loaded,
            device=device,
            column=column,
            time_column=time_column,
            unit=unit,
            zone=zone,
            travelling=travelling,
        )
        act = sign(by, "", reason)
        every = _span("--period", period) if period else None
        read, found = checks.check(
            file, target, form=form, period=every, by=act.by, now=ledger.clerk.now()
        )
        _tell(found, loaded)
        box = Intake(loaded.data)
        if box.is_done(found.origin.id):
            say("all of it is in the journal already; nothing to do")
            return
        if not box.began(found.origin.id):
            checks.check_alone(found.origin, box.waiting())
            _check_unheard(found.origin, loaded.data)
        if dry_run:
            say("nothing was kept: this was a dry run")
            return
        checks.enter(ledger, found, act=act)
        box.put(found.origin, checks.rows(read))
        if not asyncio.run(_taken_in(loaded, box, found.origin, bound_s)):
            say(
                "it waits beside the journal; a core goes on taking it in, or import it again "
                "when the disk has room"
            )
            raise SystemExit(FAILED)
        say(f"{found.origin.readings} readings are in the journal, marked as backfill")


def _check_unheard(origin: "Origin", data: Path) -> None:
    """Nothing is known of the channel and time of ``origin``.

    Raises:
        batches.placement.Refused: something is, or nobody can know.
    """
    from batches import intake as checks  # SQLAlchemy is slow to import
    from storage.archive.log import LogReader
    from storage.archive.seal import present
    from storage.journalfile import NAME as JOURNAL

    if (data / JOURNAL).exists() or present(data):
        with LogReader(data) as readings:
            checks.check_known(origin, data, readings.journal)
            checks.check_free(origin, readings)


async def _taken_in(site: Site, box: "Intake", origin: "Origin", bound_s: float) -> bool:
    """Whether the journal has it: moved here, or by the core that holds the journal."""
    from storage.journal import Journal, JournalError
    from storage.waiting import JournalHeldError

    until = time.monotonic() + bound_s
    while not box.is_done(origin.id):
        moves = True
        try:
            async with Journal(site.data, max_bytes=site.max_bytes, on_trouble=_warn) as journal:
                moves = box.is_done(origin.id) or await _moved(box, origin, journal, bound_s)
        except JournalError as error:
            # A running core has it, and takes in what waits.
            if moves and not isinstance(error, JournalHeldError):
                raise
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(_LOOK_S)
        if not moves:
            return False
    return True


async def _moved(box: "Intake", origin: "Origin", journal: "Journal", bound_s: float) -> bool:
    """Whether all of it is in the journal; not where that takes nothing for ``bound_s``."""
    last, since_s = journal.last, time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        moving = tasks.create_task(box.move(origin, journal), name=f"import {origin.file}")
        while not moving.done():
            await asyncio.wait({moving}, timeout=_LOOK_S)
            if journal.last != last:
                last, since_s = journal.last, time.monotonic()
            elif time.monotonic() - since_s > bound_s:
                moving.cancel()
    return not moving.cancelled()


def _warn(line: str) -> None:
    sys.stderr.write(f"culturewatch: {line}\n")


def _asked(
    site: Site,
    *,
    device: str,
    column: str,
    time_column: str,
    unit: str,
    zone: str,
    travelling: bool,
) -> "tuple[Target, Form]":
    from batches.intake import Target  # SQLAlchemy is slow to import
    from batches.logger_csv import Form

    heading, _, channel = column.rpartition("=")
    if not heading or not channel:
        raise typer.BadParameter(f"--column {column}: write HEADING=CHANNEL, such as 2=temperature")
    quantity = _quantity(site, device, channel, travelling=travelling)
    try:
        stored = units.stored(quantity, unit or units.STORED_UNIT[quantity])
    except ValueError as error:
        raise typer.BadParameter(f"--unit: {error}") from error
    least, most = _RANGES.get(quantity, (-0.1, 100.1) if quantity in _SHARES else (-_ANY, _ANY))
    form = Form(
        time=time_column,
        value=heading,
        zone=zone_named(zone),
        stored=stored,
        least=least,
        most=most,
        quantity=quantity,
    )
    return Target(device=device, channel=channel, quantity=quantity), form


def _quantity(site: Site, device: str, channel: str, *, travelling: bool) -> str:
    found = next((each for each in site.devices if each.id == device), None)
    if found is None:
        if travelling and device.isprintable() and device.strip():
            return "temperature"
        known = ", ".join(sorted(each.id for each in site.devices))
        raise SiteError(
            [f"{device!r} is not a device of this site; known: {known}; or say --travelling"]
        )
    channels = {each.key: each.quantity for each in found.profile.channels}
    if channel not in channels:
        known = ", ".join(sorted(channels))
        raise SiteError([f"{device} has no channel {channel!r}; known: {known}"])
    return channels[channel]


def _span(option: str, text: str) -> Duration:
    try:
        return duration.parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def _tell(found: "Checked", site: Site) -> None:
    origin, zone = found.origin, site.zone
    say(
        f"{origin.file}: {origin.readings} readings of {origin.device}.{origin.channel}, "
        f"{moment(origin.start, zone)} to {moment(origin.end, zone)}, one each "
        f"{Duration(found.period)}; {found.empty} say that nothing was measured"
    )
    for gap in found.gaps[:_GAPS_SHOWN]:
        say(f"  gap of {Duration(gap.end - gap.start)} from {moment(gap.start, zone)}")
    if len(found.gaps) > _GAPS_SHOWN:
        say(f"  and {len(found.gaps) - _GAPS_SHOWN} gaps more")
    longest = Duration(holds_ms(found.period))
    say(
        f"  each holds for {Duration(found.period)}, and until the next one where that comes "
        f"within {longest}; the rest are gaps"
    )
