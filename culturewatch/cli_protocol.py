"""``culturewatch protocol …``: check a protocol's file, keep its version, show what is kept."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from culturewatch.cli_entry import opened
from culturewatch.cli_options import DEFAULT_SITE, AsJson, At, By, Reason, SiteOption
from culturewatch.faults import told
from culturewatch.output import say, say_json

protocol_commands = typer.Typer(
    no_args_is_help=True, help="Check and keep the protocols that batches are judged by."
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="the protocol, a TOML file")]


@protocol_commands.command()
def check(file: File) -> None:
    """Validate a protocol without keeping it. Exit 2 with every mistake, by file and line."""
    from batches.protocol import ProtocolError, digest, encode, load  # only here

    with told(wrong_use=(ProtocolError,)):
        protocol = load(file)
    say(f"{file}: {protocol.reference} is good, SHA-256 {digest(encode(protocol))}")
    for step in protocol.step:
        second = "; a second person checks" if step.second_check else ""
        guarded = "; limits are tightened by the uncertainty" if step.guard_band else ""
        say(f"  {step.id} in {', '.join(step.devices)}{second}{guarded}")
        for limit in step.limit:
            say(f"    {limit.told()}")


@protocol_commands.command()
def add(
    file: File,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Keep a version for good, so that batches can be opened with it."""
    from batches.protocol import ProtocolError, load  # only here

    with told(wrong_use=(ProtocolError,)):
        protocol = load(file)
    with opened(site) as (ledger, sign):
        kept = ledger.keep(protocol, act=sign(by, at, reason))
    say(f"{protocol.reference} is kept, SHA-256 {kept.digest}")


@protocol_commands.command("list")
def list_(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show every version that is kept."""
    from batches.protocol import encode  # only here

    with opened(site) as (ledger, _):
        kept = ledger.protocols()
    if as_json:
        rows = [
            {
                "row": each.row,
                "digest": each.digest,
                "by": each.by,
                "at": each.at,
                "protocol": msgspec.Raw(encode(each.protocol).encode()),
            }
            for each in kept
        ]
        say_json(rows)
        return
    for each in kept:
        say(f"{each.protocol.reference}  {each.digest[:12]}  {each.protocol.title}".rstrip())
    if not kept:
        say("no protocol is kept yet")
