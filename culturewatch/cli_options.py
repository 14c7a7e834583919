"""Options and arguments that several commands have: one spelling, and one help, for each."""

from pathlib import Path
from typing import Annotated

import typer

SiteOption = Annotated[
    Path,
    typer.Option("--site", envvar="CULTUREWATCH_SITE", help="the site's file"),
]
SitePath = Annotated[
    Path,
    typer.Argument(metavar="SITE", envvar="CULTUREWATCH_SITE", help="the site's file"),
]
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="such as B-2026-0001")]
VialId = Annotated[str, typer.Argument(metavar="VIAL", help="such as B-2026-0001-V001")]
DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="the id of a device of the site")]
By = Annotated[str, typer.Option("--by", help="who did it; default: who is logged in")]
At = Annotated[
    str,
    typer.Option("--at", metavar="TIME", help="when it was done, ISO 8601; default: now"),
]
Reason = Annotated[str, typer.Option("--reason", help="why; needed for what was done earlier")]
Position = Annotated[str, typer.Option("--position", help="shelf, rack or place in the device")]
Freezer = Annotated[str, typer.Option("--in", metavar="DEVICE", help="the freezer")]
Rack = Annotated[str, typer.Option("--rack")]
Box = Annotated[str, typer.Option("--box")]
CheckedBy = Annotated[
    str, typer.Option("--checked-by", help="the second person, where the protocol demands one")
]
DEFAULT_SITE = Path("site.toml")
LAST_ROW = 2**63 - 1
"""The highest number that a row of SQLite or PostgreSQL can have."""
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for other programs")]
Product = Annotated[str, typer.Option("--product", help="what is cultured")]
Protocol = Annotated[str, typer.Option("--protocol", help="such as fibroblast@3")]
Start = Annotated[str, typer.Option("--start", metavar="TIME", help="when it really began")]
End = Annotated[str, typer.Option("--end", metavar="TIME", help="when it really ended")]
Corrects = Annotated[
    int | None,
    typer.Option("--corrects", metavar="ROW", min=1, max=LAST_ROW, help="the entry it replaces"),
]
