"""``culturewatch audit``: who did what when, from which value to which, and why."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from console.words import moment
from culturewatch.cli_entry import instant, opened
from culturewatch.cli_options import DEFAULT_SITE, LAST_ROW, AsJson, By, SiteOption
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import Site, load
from storage.wall import wall_ms

if TYPE_CHECKING:
    from batches.trail import Line

_SHOWN = 120
"""Characters of a value that a terminal is shown; --json has all of it."""


def audit(
    *,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="ISO 8601")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="ISO 8601")] = "",
    by: Annotated[str, typer.Option("--by", help="only what this person did")] = "",
    area: Annotated[
        str,
        typer.Option(
            "--area",
            help="such as data, alarm, signature, user, access, audit or export; default: all",
        ),
    ] = "",
    reader: Annotated[str, typer.Option("--as", help="who asks; default: who is logged in")] = "",
    sign: Annotated[
        str,
        typer.Option(
            "--sign",
            metavar="MEANING",
            help="sign that this was reviewed; the password is asked for once more",
        ),
    ] = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show the audit trail, oldest first; ``culturewatch verify`` proves it.

    A signature is of the heads of both chains up to which it was read.
    """
    from alerts.schema import StoreError  # --help needs none of it
    from culturewatch.audit_trail import Selection, sign_review, trail
    from culturewatch.who import FAULTS, acting

    with told(StoreError, *FAULTS):
        loaded = load(site)
        first, last = instant(loaded, "--since", since), instant(loaded, "--until", until)
        acting(loaded, reader, "read-audit", "audit trail")
        found = trail(loaded, since=first, until=last, by=by, area=area)
        if sign:
            of = Selection(since=first, until=last, by=by, area=area)
            sign_review(loaded, found, of, reader, sign)
        if area and not found.lines:
            told_areas = ", ".join(sorted({line.area for line in trail(loaded).lines}))
            note = f"culturewatch: NOTE: of area {area!a} there is nothing; areas: {told_areas}\n"
            sys.stderr.write(note)
    if as_json:
        say_json(found)
        return
    for line in found.lines:
        say(_told(line, loaded))
    say(
        f"{len(found.lines)} entries; ledger up to row {found.ledger.sequence}, "
        f"alarm history up to row {found.alarms.sequence}, read {_now(loaded)}"
    )


def explain(
    row: Annotated[
        int,
        typer.Argument(
            metavar="ROW", min=1, max=LAST_ROW, help="of the ledger, as `audit` shows it"
        ),
    ],
    *,
    reason: Annotated[str, typer.Option("--reason", help="why it was changed; needed")] = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Say why the configuration was changed, which the program cannot know."""
    with opened(site) as (ledger, sign):
        ledger.explain(row, act=sign(by, "", reason))
    say(f"row {row} is explained")


def _told(line: "Line", site: Site) -> str:
    change = ""
    if line.old is not None or line.new is not None:
        change = f"{_short(line.old)} -> {_short(line.new)}"
    entered = "" if line.at == line.entered else f"done {moment(line.at, site.zone)}"
    facts = (
        moment(line.entered, site.zone),
        f"{line.area:<13}",
        line.by,
        line.item,
        line.subject,
        "" if line.outcome == "done" else line.outcome,
        change,
        line.reason,
        entered,
        f"({line.chain} row {line.row})",
    )
    return "  ".join(fact for fact in facts if fact)


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"


def _now(site: Site) -> str:
    return moment(wall_ms(), site.zone)
