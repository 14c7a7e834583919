"""``culturewatch batch …``, ``record`` and ``verify``: what people enter, and what comes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_entry import opened
from culturewatch.cli_options import (
    DEFAULT_SITE,
    AsJson,
    At,
    BatchId,
    By,
    CheckedBy,
    DeviceId,
    Position,
    Product,
    Protocol,
    Reason,
    SiteOption,
)
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import Site, load

if TYPE_CHECKING:
    from batches.verify import Report

batch_commands = typer.Typer(no_args_is_help=True, help="Open, place, move and close batches.")


@batch_commands.command("open")
def open_(
    batch: BatchId,
    product: Product,
    *,
    protocol: Protocol = "",
    biopsy: Annotated[str, typer.Option("--biopsy", help="the biopsy it is grown from")] = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Begin a batch."""
    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        if biopsy:
            from batches.lineage import Lineage  # not every batch has one

            Lineage(ledger).start(batch, biopsy, product=product, act=act, protocol=protocol)
        else:
            ledger.open_batch(batch, product=product, act=act, protocol=protocol)
        say(f"{batch} is open: {product}")


@batch_commands.command()
def place(
    batch: BatchId,
    device: DeviceId,
    *,
    position: Position = "",
    by: By = "",
    at: At = "",
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="when it left again, if it has")
    ] = "",
    checked_by: CheckedBy = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Put a batch into a device."""
    with opened(site) as (ledger, sign):
        act, left = sign(by, at, reason), sign.instant("--until", until)
        seen = sign.second(checked_by)
        ledger.place(batch, device, act=act, position=position, until=left, checked_by=seen)
        say(f"{batch} {'is' if left is None else 'was'} in {device}")


@batch_commands.command()
def move(
    batch: BatchId,
    device: DeviceId,
    *,
    position: Position = "",
    by: By = "",
    at: At = "",
    checked_by: CheckedBy = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take a batch out of where it is and into another device, at the same instant."""
    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        seen = sign.second(checked_by)
        ledger.move(batch, device, act=act, position=position, checked_by=seen)
        say(f"{batch} is in {device}")


@batch_commands.command()
def remove(
    batch: BatchId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take a batch out of its device, onto the bench."""
    with opened(site) as (ledger, sign):
        stay = ledger.remove(batch, act=sign(by, at, reason))
        say(f"{batch} has left {stay.device}")


@batch_commands.command()
def close(
    batch: BatchId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """End a batch, and the stay it is in.

    Where its environment has gaps it is closed with a reason only: what is filled in later makes
    another record.
    """
    from alerts.schema import StoreError  # --help needs none of it
    from batches.placement import Refused
    from culturewatch.closing import unknown
    from storage.waiting import JournalError

    with opened(site) as (ledger, sign), told(StoreError, JournalError):
        act = sign(by, at, reason)
        if not reason.strip() and (missing := unknown(load(site), ledger, batch)):
            raise Refused(
                f"{batch}: is not known throughout: {'; '.join(missing)}; fill that in first, or "
                "say with --reason why it is closed all the same"
            )
        ledger.close(batch, act=act)
        say(f"{batch} is closed")


@batch_commands.command("list")
def list_(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show all batches and where they are."""
    with opened(site) as (ledger, _):
        batches = ledger.batches()
        stays = {batch.id: ledger.stays(batch.id) for batch in batches}
    if as_json:
        rows = [{"batch": b, "stays": stays[b.id]} for b in batches]
        say_json(rows)
        return
    for batch in batches:
        here = [stay.device for stay in stays[batch.id] if stay.end is None]
        place_ = here[0] if here else ("on the bench" if batch.is_open else "closed")
        say(f"{batch.id}  {place_}  {batch.product}")
    if not batches:
        say("no batch has been opened")


def record(
    batch: BatchId,
    out: Annotated[Path, typer.Option("--out", help="the folder to make")],
    *,
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Write the environmental record of a batch, or of a vial, into a folder."""
    from alerts.schema import StoreError  # a record needs most of the program
    from batches.export.publish import RecordError
    from culturewatch.advance import shown
    from culturewatch.make_record import write_record
    from culturewatch.who import FAULTS, acting
    from storage.journal import JournalError

    with told(StoreError, RecordError, JournalError, *FAULTS):
        loaded = load(site)
        maker = acting(loaded, by, "export", batch)
        with shown("scans read") as advance:
            made = write_record(loaded, batch, out, by=maker, progress=advance)
        say(f"{made}: the record of {batch}; open {made / 'record.pdf'}")


def verify(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", exists=True, file_okay=False, help="a record, or a folder of data"
        ),
    ],
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            exists=True,
            file_okay=False,
            help="hold a record against the data it came from",
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            "--key", metavar="SHA256", help="of the site's key: a record must be signed by that"
        ),
    ] = "",
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="of a folder of data: judge its readings again, and see that the alarm history "
            "is what they give",
        ),
    ] = False,
    site: Annotated[
        Path | None,
        typer.Option("--site", help="the site's file: where its ledger is on a server"),
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Check a record or a folder of data byte by byte; name whatever was changed.

    The audit trail of the site tells of it, where its file is named or the data are those of the
    site in this place. Nobody is asked who they are.
    """
    from batches.verify import verify as check  # only this command needs it
    from culturewatch.advance import shown
    from culturewatch.noted import checked, checking
    from culturewatch.who import FAULTS

    with told(*FAULTS):
        loaded = load(site) if site else None
        noting = checking(path, data, loaded, by)
        with shown("bytes of the archive read") as read, shown("entries replayed") as advance:
            ledger = server_ledger(loaded) if loaded else ""
            judge = advance if replay else None
            report = check(path, data=data, ledger=ledger, key=key, replay=judge, progress=read)
        checked(noting, report)
    tell(report, as_json=as_json)


def server_ledger(site: Site) -> str:
    """The address of a ledger that is not in the folder of data; empty when it is there."""
    return "" if site.file.ledger is None else site.ledger_url


def tell(report: "Report", *, as_json: bool) -> None:
    """Print what was checked and found; ends the command where something is wrong."""
    if as_json:
        say_json(report)
    else:
        for line in report.checked:
            say(f"ok     {line}")
        for fault in report.faults:
            say(f"WRONG  {fault}")
        for name in report.absent:
            say(f"absent {name}: is not in this folder, so nothing is said about it")
        whole = "nothing was changed" + (" in what is there" if report.absent else "")
        say(f"{report.path}: " + (whole if report.sound else "NOT as it was written"))
    if not report.sound:
        raise SystemExit(FAILED)
