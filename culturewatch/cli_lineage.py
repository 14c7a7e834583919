"""``culturewatch patient …`` and what becomes of a batch: passage, split, pool, thaw, dispose."""

from typing import Annotated

import typer

from culturewatch.cli_entry import opened
from culturewatch.cli_ledger import batch_commands
from culturewatch.cli_options import (
    DEFAULT_SITE,
    LAST_ROW,
    At,
    BatchId,
    By,
    Reason,
    SiteOption,
    VialId,
)
from culturewatch.output import say

patient_commands = typer.Typer(
    no_args_is_help=True, help="Enter patients, by tokens and never by name, and biopsies."
)
Into = Annotated[str, typer.Option("--into", metavar="BATCH", help="the batch to open")]


@patient_commands.command()
def enrol(
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="such as PT-7F3K9M2Q; default: a new one")
    ] = "",
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter a patient and print the token that stands for them."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        say(Lineage(ledger).enrol(token=token, act=sign(by, at, reason)))


@patient_commands.command()
def biopsy(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="the patient's token")],
    biopsy_id: Annotated[str, typer.Argument(metavar="BIOPSY", help="such as BX-2026-0001")],
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that a biopsy was taken."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        Lineage(ledger).take(biopsy_id, token, act=sign(by, at, reason))
        say(f"{biopsy_id} was taken from {token}")


@patient_commands.command()
def erase(
    patient: Annotated[str, typer.Argument(metavar="TOKEN", help="the patient's token or handle")],
    *,
    keep_cells: Annotated[
        bool,
        typer.Option("--keep-cells", help="although cells are kept that then belong to nobody"),
    ] = False,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Destroy the key of a patient's token, for good; the chain and the genealogy stay."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        handle = Lineage(ledger).erase(patient, act=sign(by, at, reason), stored=keep_cells)
        say(f"{handle}: its token can no longer be read here")
        say(
            "backups hold the key until they are replaced, and labels, records, manifests and "
            "other sites' ledgers may show the token: see to them"
        )


@batch_commands.command()
def passage(
    batch: BatchId,
    *,
    to: Annotated[
        int | None, typer.Option("--to", min=0, max=99, help="the passage; default: the next one")
    ] = None,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Passage a batch."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        now = Lineage(ledger).passage(batch, act=sign(by, at, reason), number=to)
        say(f"{batch} is in passage P{now}")


@batch_commands.command()
def split(
    batch: BatchId,
    into: Annotated[list[str], typer.Option("--into", metavar="BATCH", help="once for each part")],
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Open batches from parts of one, which goes on."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        Lineage(ledger).split(batch, into, act=sign(by, at, reason))
        say(f"{batch} was split; open now: {', '.join(into)}")


@batch_commands.command()
def pool(
    batches: Annotated[list[str], typer.Argument(metavar="BATCH...", help="two or more")],
    into: Into,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Open one batch from all of several of one patient, which end with it."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        Lineage(ledger).pool(batches, into, act=sign(by, at, reason))
        say(f"{into} is open, pooled from {', '.join(batches)}")


@batch_commands.command()
def thaw(
    vial: VialId,
    into: Into,
    *,
    product: Annotated[str, typer.Option("--product", help="default: that of the vial")] = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Thaw a vial and open a batch with its cells."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    if not into:
        raise typer.BadParameter("--into: name the batch that is opened, such as B-2026-0002")
    with opened(site) as (ledger, sign):
        act = sign(by, at, reason)
        Lineage(ledger).thaw(vial, into=into, product=product, act=act)
        say(f"{into} is open, thawed from {vial}")


@batch_commands.command()
def dispose(
    batch: BatchId,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter that a batch was destroyed, and why."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        Lineage(ledger).dispose(batch, act=sign(by, at, reason))
        say(f"{batch} was disposed of")


@batch_commands.command()
def relink(
    row: Annotated[
        int,
        typer.Argument(
            metavar="ROW", min=1, max=LAST_ROW, help="the entry, as vial genealogy shows"
        ),
    ],
    parent: Annotated[str, typer.Argument(metavar="PARENT", help="what it should have named")],
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Correct where a batch or biopsy comes from; the old entry stays, and a reason is needed."""
    from batches.lineage import Lineage  # SQLAlchemy is slow to import

    with opened(site) as (ledger, sign):
        kin = Lineage(ledger).relink(row, parent, act=sign(by, at, reason))
        say(f"{kin.child} comes from {kin.parent}")
