"""``culturewatch equipment …`` and ``report …``: what is done to devices, and reports on them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_entry import instant, opened
from culturewatch.cli_options import (
    DEFAULT_SITE,
    At,
    By,
    CheckedBy,
    Corrects,
    DeviceId,
    Reason,
    SiteOption,
)
from culturewatch.cli_sensor import Row
from culturewatch.faults import told
from culturewatch.output import say
from culturewatch.site import Site, SiteError, load

if TYPE_CHECKING:
    from batches.placement import Interval

equipment_commands = typer.Typer(
    no_args_is_help=True, help="Enter what is done to devices; write their log."
)
report_commands = typer.Typer(no_args_is_help=True, help="Write reports of a period.")
Agent = Annotated[str, typer.Option("--agent", help="with what, or by which company")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="when it was finished")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="ISO 8601")]
Out = Annotated[Path, typer.Option("--out", help="the folder to make")]


def _care(name: str, kind: str, what: str) -> None:
    def enter(
        device: DeviceId,
        *,
        agent: Agent = "",
        until: Until = "",
        checked_by: CheckedBy = "",
        corrects: Corrects = None,
        by: By = "",
        at: At = "",
        reason: Reason = "",
        site: SiteOption = DEFAULT_SITE,
    ) -> None:
        from batches.care import Caretaker, Kind  # SQLAlchemy is slow to import

        with opened(site) as (ledger, sign):
            found = Caretaker(ledger).enter(
                device,
                Kind[kind],
                act=sign(by, at, reason),
                agent=agent,
                until=sign.instant("--until", until),
                checked_by=sign.second(checked_by),
                corrects=corrects,
            )
            say(f"row {found.row}: {device} was {found.what}")

    equipment_commands.command(name, help=f"Enter that a device was {what}.")(enter)


_care("clean", "CLEAN", "cleaned")
_care("sterilise", "STERILISE", "sterilised")
_care("maintain", "MAINTAIN", "maintained")
_care("service", "SERVICE", "serviced")
_care("fill", "FILL", "filled")


@equipment_commands.command()
def check(row: Row, *, by: By = "", at: At = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Enter that a second person has checked what an entry says."""
    from batches.care import Caretaker

    with opened(site) as (ledger, sign):
        found = Caretaker(ledger).check(row, act=sign(by, at, "checked"))
        say(f"row {row}: that {found.device} was {found.what} was checked by {found.checked_by}")


@equipment_commands.command()
def withdraw(
    row: Row, *, by: By = "", at: At = "", reason: Reason = "", site: SiteOption = DEFAULT_SITE
) -> None:
    """Take back an entry about a device, or a check of it; with a reason."""
    from batches.care import Caretaker

    with opened(site) as (ledger, sign):
        Caretaker(ledger).withdraw(row, act=sign(by, at, reason))
        say(f"row {row} is taken back")


@equipment_commands.command()
def log(
    device: DeviceId,
    out: Out,
    from_: From,
    to: To,
    *,
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Write the log of a device: batches, cleaning, maintenance, calibration (21 CFR 211.182).

    Fills of a tank that its level tells of, and that nobody entered, are in it as such.
    """
    from batches.export.publish import RecordError
    from culturewatch.make_report import write_log
    from culturewatch.who import acting
    from storage.waiting import JournalError

    with opened(site) as (ledger, _), told(RecordError, JournalError):
        loaded = load(site)
        maker = acting(loaded, by, "export", device)
        span = _span(loaded, from_, to)
        made, found = write_log(loaded, device, span, out, ledger=ledger, by=maker)
        say(f"{made}: the log of {device}, {len(found.entries)} entries")


@report_commands.command()
def excursions(
    out: Out,
    from_: From,
    to: To,
    *,
    device: Annotated[str, typer.Option("--device", help="one only; default: all")] = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Write every excursion of a period: against what, its alarms, and who was there."""
    from alerts.schema import StoreError
    from batches.export.publish import RecordError
    from culturewatch.make_report import write_excursions
    from culturewatch.who import acting
    from storage.journal import JournalError

    with opened(site) as (ledger, _), told(RecordError, StoreError, JournalError):
        loaded = load(site)
        maker = acting(loaded, by, "export", device or "excursions")
        devices = (device,) if device else tuple(each.id for each in loaded.devices)
        span = _span(loaded, from_, to)
        made, found = write_excursions(loaded, devices, span, out, ledger=ledger, by=maker)
        say(f"{made}: {len(found.excursions)} excursions, {len(found.alarms)} alarms")


def _span(site: Site, from_: str, to: str) -> "Interval":
    from batches.placement import Interval

    start, end = instant(site, "--from", from_) or 0, instant(site, "--to", to) or 0
    if end <= start:
        raise SiteError([f"--to {to} does not lie after --from {from_}"])
    return Interval(start, end)
