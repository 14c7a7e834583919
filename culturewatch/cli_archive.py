"""``culturewatch seal``, ``export`` and ``influx rebuild``: what is kept for good, and its use."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_entry import instant
from culturewatch.cli_options import DEFAULT_SITE, By, SiteOption, SitePath
from culturewatch.faults import FAILED, told
from culturewatch.output import say
from culturewatch.site import Site, SiteError, load
from storage.wall import wall_ms

if TYPE_CHECKING:
    from storage.archive.sealer import Heads

influx_commands = typer.Typer(no_args_is_help=True, help="The view of the readings in InfluxDB.")
_NICE = 10
_FAR = 1 << 62
_SHOWN = 20

From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="from here on, ISO 8601; default: all")
]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="up to here; default: now")]


def seal(site: SitePath = DEFAULT_SITE) -> None:
    """Seal the days that are over, and look after those that are sealed.

    A running core has this done each midnight (UTC). Exit 1 when something is damaged.
    """
    from culturewatch.advance import shown
    from culturewatch.parts import VERSION
    from storage.archive.patrol import patrol
    from storage.archive.seal import ArchiveError
    from storage.archive.sealer import Sealer  # pyarrow
    from storage.waiting import JournalError

    # Readings come first.
    os.nice(_NICE)
    with told(ArchiveError, JournalError):
        loaded, now = load(site), wall_ms()
        data = loaded.data
        damaged = patrol(data, now)
        for line in damaged:
            sys.stderr.write(f"culturewatch: {line}\n")
        with shown("entries sealed") as advance:
            sealer = Sealer(data, heads=lambda: _heads(loaded), software=VERSION, progress=advance)
            for made in sealer.seal(now):
                say(f"{made.seal.name}: {made.seal.entries} entries sealed, SHA-256 {made.sha256}")
    if damaged:
        raise SystemExit(FAILED)


def _heads(site: "Site") -> "Heads":
    """The newest rows of the alarm history and of the ledger, as far as there are any."""
    from alerts.reader import AlarmReader
    from culturewatch import paths
    from storage import acts
    from storage.archive.sealer import Heads
    from storage.database import NAME, Database, DatabaseError

    alarms = ledger = None
    if paths.alarms(site.data).exists():
        with AlarmReader(paths.alarms(site.data)) as reader:
            alarms = reader.head()
    if site.file.ledger is not None or (site.data / NAME).exists():
        try:
            with Database(site.ledger_url, inspecting=True).reading() as connection:
                ledger = acts.head(connection)
        except DatabaseError as error:
            # The day is sealed without it rather than not at all; the next seal names it.
            sys.stderr.write(f"culturewatch: sealed without the head of the ledger: {error}\n")
    return Heads(alarms, ledger)


def export(
    channel: Annotated[
        list[str],
        typer.Option("--channel", metavar="DEVICE.KEY", help="such as inc1.temperature; repeat it"),
    ],
    out: Annotated[Path, typer.Option("--out", help="the file to make: .csv or .parquet")],
    *,
    from_: From = "",
    to: To = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Write readings of channels into a file, a row a reading, with its quality.

    Times are those of the device, in UTC; a time without an offset is one of the site's zone.
    """
    from batches.ledger import Ledger  # SQLAlchemy is slow to import
    from batches.trail import Note
    from culturewatch.advance import shown
    from culturewatch.leaving import BEGUN, leaving
    from culturewatch.noted import sha256
    from culturewatch.who import FAULTS, acting
    from storage.archive.export import Asked, ExportError
    from storage.archive.export import export as write
    from storage.archive.log import LogReader
    from storage.waiting import JournalError

    with told(JournalError, *FAULTS, wrong_use=(ExportError,)):
        loaded, what = load(site), ", ".join(channel)
        start, end = span(loaded, from_, to)
        note = Note(
            kind="export",
            by=acting(loaded, by, "export", what),
            subject=what,
            area="export",
            item=out.name,
            outcome=BEGUN,
        )
        with (
            LogReader(loaded.data) as log,
            shown("milliseconds exported") as advance,
            leaving(Ledger(loaded.ledger_url), note) as leave,
        ):
            layouts = log.journal.numbered_layouts()
            asked = Asked(channel, start, end)
            count = write(asked, out, readings=log, layouts=layouts, progress=advance)
            leave.conclude(f"{count} readings into {out.name}", sha256(out))
            damaged = log.damaged
    say(f"{out}: {count} readings")
    end_with(damaged)


@influx_commands.command()
def rebuild(
    site: SitePath = DEFAULT_SITE,
    *,
    from_: From = "",
    to: To = "",
    anew: Annotated[
        bool, typer.Option("--anew", help="do not go on where the last one was broken off")
    ] = False,
) -> None:
    """Send every reading to InfluxDB again, from the archive and the journal.

    Points that are there already stay as they are. Broken off, it goes on where it was. A running
    core goes on sending what comes in.
    """
    from culturewatch.advance import shown
    from culturewatch.parts import influx_settings
    from storage.archive.rebuild import ArchiveLog, Span
    from storage.influx import Forwarder
    from storage.waiting import JournalError

    with told(JournalError):
        loaded = load(site)
        settings = influx_settings(loaded)
        if settings is None:
            raise SiteError([f"{site}: has no [influx] table; say there where readings go"])
        asked = Span(*span(loaded, from_, to, open_end=True))
        bucket = f"{settings.url} {settings.org} {settings.bucket}"
        with shown("entries sent") as advance:
            log = ArchiveLog(loaded.data, bucket, asked, progress=advance)
            if anew:
                log.forget()
            forwarder = Forwarder(settings, log, site=loaded.file.site.id, in_order=True)
            try:
                asyncio.run(forwarder.run())
            finally:
                log.close()
        log.forget()
    done = forwarder.status
    say(f"{settings.bucket}: {done.lines_written} points sent, {done.expired} too old for it")
    if log.refused:
        say(f"{log.refused} were refused and are kept in {loaded.data / 'influx-rebuild.refused'}")
    end_with(log.damaged)


def span(site: Site, from_: str, to: str, *, open_end: bool = False) -> tuple[int, int]:
    """The time asked for, epoch ms; up to now, or for ever, where no end was given.

    Raises:
        SiteError: it is none.
    """
    start, end = instant(site, "--from", from_), instant(site, "--to", to)
    if end is None:
        end = _FAR if open_end else wall_ms()
    start = 0 if start is None else start
    if start >= end:
        raise SiteError(["--from lies after --to; nothing can be between them"])
    return start, end


def end_with(damaged: dict[int, str]) -> None:
    """Name what was left out, and end with 1 if anything was."""
    for seq, why in sorted(damaged.items())[:_SHOWN]:
        sys.stderr.write(f"culturewatch: entry {seq} was left out: {why}\n")
    if damaged:
        sys.stderr.write(
            f"culturewatch: {len(damaged)} entries are damaged; culturewatch verify names them\n"
        )
        raise SystemExit(FAILED)
