"""``culturewatch summary``: what batches were exposed to, from what the archive has added up."""

import sys
from math import isfinite
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from culturewatch.cli_archive import From, To, end_with, span
from culturewatch.cli_entry import opened
from culturewatch.cli_options import DEFAULT_SITE, SiteOption
from culturewatch.faults import told
from culturewatch.site import Site, SiteError, load

if TYPE_CHECKING:
    from batches.excursion import Limits
    from batches.ledger import Ledger
    from batches.placement import Placement
    from batches.summaries import Line


def summary(
    *,
    batch: Annotated[
        list[str] | None, typer.Option("--batch", help="a batch or vial; repeat it; default: all")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option("--device", help="stays in it; repeat it; default: all")
    ] = None,
    from_: From = "",
    to: To = "",
    low: Annotated[float | None, typer.Option("--low", help="in limits from here")] = None,
    high: Annotated[float | None, typer.Option("--high", help="in limits up to here")] = None,
    quantity: Annotated[
        str, typer.Option("--quantity", help="of which the limits are, in its stored unit")
    ] = "temperature",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Sum up stays: readings, coverage, min, mean, max and MKT; with limits, the excursions.

    Batches are summed up stay by stay, vials only when they are named. Days that are sealed come
    from what was added up at sealing, so that a thousand batches take seconds. Nothing is judged:
    a record does that. Exit 1 when readings are damaged and were left out.
    """
    from batches.instruments import Instruments  # SQLAlchemy is slow to import
    from batches.placement import Interval
    from batches.summaries import Summaries  # pyarrow
    from culturewatch.advance import shown
    from culturewatch.parts import devices
    from culturewatch.summary_table import Summed, picture
    from culturewatch.terminal import terminal
    from storage.archive.log import LogReader
    from storage.archive.seal import ArchiveError
    from storage.waiting import JournalError

    with opened(site) as (ledger, _), told(JournalError, ArchiveError):
        loaded = load(site)
        limits = _limits(low, high, quantity)
        asked = Interval(*span(loaded, from_, to))
        placements = _placements(loaded, ledger, batch or [], device or [])
        with LogReader(loaded.data) as log, shown("stays summed up") as advance:
            summaries = Summaries(
                log,
                equipment=devices(loaded),
                book=Instruments(ledger).book(),
                placements=placements,
                span=asked,
                limits=limits,
            )
            lines: list[Line] = []
            for done, some in enumerate(summaries, 1):
                lines += some
                advance(done, len(summaries))
            damaged = log.damaged
    found = [Summed.of(line, loaded.zone) for line in lines]
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
    else:
        terminal().print(picture(found))
    end_with(damaged)


def _limits(low: float | None, high: float | None, quantity: str) -> "dict[str, Limits]":
    from batches.excursion import Limits
    from devices.units import STORED_UNIT

    if quantity not in STORED_UNIT:
        raise SiteError([f"--quantity {quantity}: is none; known are {', '.join(STORED_UNIT)}"])
    for name, value in (("--low", low), ("--high", high)):
        if value is not None and not isfinite(value):
            raise SiteError([f"{name} {value}: a limit is a number of {STORED_UNIT[quantity]}"])
    if low is not None and high is not None and low > high:
        raise SiteError([f"--low {low:g} lies above --high {high:g}"])
    found = Limits(low=low, high=high)
    return {quantity: found} if found.given else {}


def _placements(
    site: Site, ledger: "Ledger", batches: list[str], devices: list[str]
) -> "list[Placement]":
    """The stays that were asked for, batch after batch.

    Raises:
        Refused: one of ``batches`` was never entered.
        SiteError: one of ``devices`` is none of the site.
    """
    from sqlalchemy import and_, true

    from batches import standing
    from batches.vial import number_of
    from storage import views

    known = [each.id for each in site.devices]
    for device in devices:
        if device not in known:
            raise SiteError([f"--device {device}: is not of this site; known: {', '.join(known)}"])
    stay = views.stay.c
    where = and_(
        stay.device.in_(devices) if devices else true(),
        stay.batch.in_(batches) if batches else true(),
    )
    with ledger.database.reading() as connection:
        for batch in batches:
            standing.life(connection, batch)
        found = standing.stays(connection, where)
    wanted = [each for each in found if batches or number_of(each.batch) is None]
    return sorted(wanted, key=lambda each: (each.batch, each.start))
