"""``culturewatch batch stays``, ``correct``, ``withdraw``, ``check`` and ``amend``: setting right.

What stands in the ledger stays there; each of these is a new entry that says what should have been
said, with a reason.
"""

from typing import Annotated

import typer

from culturewatch.cli_entry import opened
from culturewatch.cli_ledger import batch_commands
from culturewatch.cli_options import (
    DEFAULT_SITE,
    LAST_ROW,
    AsJson,
    At,
    BatchId,
    By,
    CheckedBy,
    End,
    Position,
    Product,
    Protocol,
    Reason,
    SiteOption,
    Start,
)
from culturewatch.output import say, say_json
from culturewatch.site import SiteError, load

__all__ = ["batch_commands"]

Row = Annotated[
    int,
    typer.Argument(metavar="ROW", min=1, max=LAST_ROW, help="the entry, as `batch stays` shows it"),
]


@batch_commands.command()
def stays(
    batch: Annotated[str, typer.Argument(metavar="ID", help="a batch or a vial")],
    *,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show where a batch or vial was, with the rows that say so; who did it, and who checked."""
    from batches.calibrated import moment  # SQLAlchemy is slow to import

    with opened(site) as (ledger, _):
        found, zone = ledger.stays(batch), load(site).zone
    if as_json:
        say_json(found)
        return
    for stay in found:
        until = "now" if stay.end is None else moment(stay.end, zone)
        ended = "" if stay.departure is None else f" (ended by row {stay.departure})"
        checked = f", checked by {stay.checked_by}" if stay.checked_by else ""
        place = f"{stay.device} {stay.position}".rstrip()
        say(
            f"row {stay.row}: {place} from {moment(stay.start, zone)} to {until}{ended}, "
            f"by {stay.by}{checked}"
        )
    if not found:
        say(f"{batch} was in no device")


@batch_commands.command()
def correct(
    row: Row,
    *,
    device: Annotated[str, typer.Option("--device", help="where it really was")] = "",
    position: Position = "",
    start: Start = "",
    end: End = "",
    goes_on: Annotated[bool, typer.Option("--goes-on", help="it has not ended")] = False,
    checked_by: CheckedBy = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter what a stay should have said; what is not given stays as it was."""
    from msgspec import UNSET

    with opened(site) as (ledger, sign):
        ended = sign.instant("--end", end)
        if goes_on and ended is not None:
            raise SiteError(["say either --end TIME or --goes-on"])
        found = ledger.correct(
            row,
            act=sign(by, at, reason),
            device=device or None,
            position=position or None,
            start=sign.instant("--start", start),
            end=UNSET if ended is None and not goes_on else ended,
            checked_by=sign.second(checked_by),
        )
        say(f"{found.batch} in {found.device}: row {found.row} takes the place of {row}")


@batch_commands.command()
def withdraw(
    row: Row, *, by: By = "", at: At = "", reason: Reason = "", site: SiteOption = DEFAULT_SITE
) -> None:
    """Take back a stay, an end of a stay, a check or a closing that never happened."""
    with opened(site) as (ledger, sign):
        ledger.withdraw(row, act=sign(by, at, reason))
        say(f"row {row} is taken back")


@batch_commands.command()
def check(
    row: Row, *, by: By = "", at: At = "", reason: Reason = "", site: SiteOption = DEFAULT_SITE
) -> None:
    """Enter that a second person has seen a stay."""
    with opened(site) as (ledger, sign):
        found = ledger.check(row, act=sign(by, at, reason))
        say(f"row {row}: {found.batch} in {found.device} was checked by {found.checked_by}")


@batch_commands.command()
def amend(
    batch: BatchId,
    *,
    product: Product = "",
    protocol: Protocol = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter what should have been said about a batch itself."""
    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        found = ledger.amend(batch, act=act, product=product or None, protocol=protocol or None)
        say(f"{batch}: {found.product}{', ' + found.protocol if found.protocol else ''}")
