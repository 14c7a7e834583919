"""``culturewatch vial label``: labels of vials, to print."""

from pathlib import Path
from typing import Annotated

import typer

from batches import label as labels
from batches.symbol import Symbology
from culturewatch.cli_entry import opened
from culturewatch.cli_options import DEFAULT_SITE, SiteOption
from culturewatch.faults import told
from culturewatch.output import say
from culturewatch.site import load
from storage import whole

label_commands = typer.Typer()


@label_commands.command()
def label(
    vials: Annotated[list[str] | None, typer.Argument(metavar="VIAL...")] = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.pdf", help="the file to make")],
    batch: Annotated[str, typer.Option("--batch", help="all that are left of a batch")] = "",
    symbology: Annotated[Symbology, typer.Option("--symbology")] = Symbology.DATAMATRIX,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="of a label, in mm; 33x13: of 2 ml vials")
    ] = "33x13",
    sheet: Annotated[
        bool, typer.Option("--sheet", help="on sheets of A4; default: one a page, for a printer")
    ] = False,
    edge: Annotated[float, typer.Option("--edge", min=0, help="free edge of a sheet, mm")] = 10.0,
    gap: Annotated[float, typer.Option("--gap", min=0, help="between labels, mm")] = 2.0,
    skip: Annotated[int, typer.Option("--skip", min=0, help="labels of the sheet used up")] = 0,
    dpi: Annotated[int, typer.Option("--dpi", min=100, max=2400, help="of the printer")] = 300,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Make labels: id, token, passage, date and a bar code of the id; never a name."""
    from batches.bank import Bank  # SQLAlchemy is slow to import
    from culturewatch import label_pages  # so is typst

    if bool(vials) == bool(batch):
        raise typer.BadParameter("say which: VIAL... or --batch BATCH, one of them")
    with opened(site) as (ledger, _), told(wrong_use=(labels.LabelError,)):
        bank, zone, on = Bank(ledger), load(site).zone, labels.size(size)
        chosen = [bank.vial(each) for each in vials or ()]
        if batch:
            chosen = [vial for vial in bank.vials(batch) if vial.ended_at is None]
        made = [
            labels.lay_out(
                vial.id,
                labels.lines(vial, bank.patient(vial.id), zone),
                symbology=symbology,
                on=on,
                dpi=dpi,
            )
            for vial in chosen
        ]
        if sheet:
            paper = labels.Sheet(labels.A4, edge, gap)
            pages = label_pages.on_sheets(made, on, paper, skip=skip)
        else:
            pages = label_pages.on_rolls(made, on)
        whole.write(out, label_pages.pdf(pages))
        say(f"{out}: {len(made)} labels on {len(pages.pages)} pages; print them at 100 %")
