"""``culturewatch alarm replay`` and ``kpi``: what a change of rules would do, and how it goes."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console import words
from culturewatch.cli_entry import instant
from culturewatch.cli_options import DEFAULT_SITE, AsJson, SiteOption
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load

if TYPE_CHECKING:
    from alerts.contrast import Change
    from alerts.trial import Activation
    from culturewatch.rule_trial import Outcome

MONTH_MS = 30 * 24 * 3_600_000

From = Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601; default: all")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="ISO 8601; default: now")]


def replay(
    rules: Annotated[
        Path,
        typer.Option(
            "--rules", exists=True, metavar="DIR|FILE", help="the proposed rules, as in rules.d"
        ),
    ],
    *,
    from_: From = "",
    to: To = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Judge stored readings by changed rules: alarms won, lost and moved against those in force.

    Both rulebooks judge the same readings, from well before the period on. Of what people did only
    that is taken which tells of the plant: out-of-service and in-service, suppress, done, rota.
    Acknowledgements, shelves and edits were for the alarms there were; instead whoever is paged
    acknowledges at once, and a latched alarm is reset when it is gone. Pages are first calls and
    calls for what got worse or no better; escalation is not counted.
    """
    from alerts.schema import StoreError  # --help needs none of it
    from culturewatch.advance import shown
    from culturewatch.rule_trial import compare
    from storage.waiting import JournalError

    with told(StoreError, JournalError):
        loaded = load(site)

        def tell(change: "Change") -> None:
            if as_json:
                say_json(change)
            else:
                say(_line(change, loaded))

        with shown("entries judged") as progress:
            outcome = compare(
                loaded,
                rules,
                start=instant(loaded, "--from", from_),
                end=instant(loaded, "--to", to),
                tell=tell,
                progress=progress,
            )
        if as_json:
            say_json(outcome)
            return
        for line in _sum(outcome, loaded):
            say(line)


def kpi(
    *,
    from_: Annotated[
        str, typer.Option("--from", metavar="TIME", help="ISO 8601; default: 30 days before")
    ] = "",
    to: To = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show the figures of ISA-18.2 and EEMUA 191 over a period: rates, floods, nights, bad actors.

    Counted from the alarm history. The standards ask for 30 days or more; what lies before the
    first reading does not count as quiet.
    """
    from rich.console import Console  # --help needs none of it

    from alerts import kpi as figures
    from alerts.reader import AlarmReader
    from alerts.schema import StoreError
    from culturewatch import paths
    from culturewatch.kpi_table import table
    from storage.waiting import JournalError

    with told(StoreError, JournalError):
        loaded = load(site)
        start, end = _period(loaded, from_, to)
        with AlarmReader(paths.alarms(loaded.data)) as reader:
            found = figures.kpi(reader.told(), start=start, end=end, zone=loaded.zone)
        if as_json:
            say_json(found)
            return
        title = f"{_time(start, loaded)} to {_time(end, loaded)}"
        Console(file=sys.stdout).print(table(found, title))


def _period(site: Site, from_: str, to: str) -> tuple[int, int]:
    from culturewatch.rule_trial import extent
    from storage.archive.log import LogReader

    now = round(datetime.now(UTC).timestamp() * 1000)
    asked, end = instant(site, "--from", from_), instant(site, "--to", to) or now
    with LogReader(site.data) as journal:
        first, _ = extent(journal)
    start = max(end - MONTH_MS if asked is None else asked, first)
    if start >= end:
        raise SiteError([f"{site.data}: there is no reading in that period"])
    return start, end


def _line(change: "Change", site: Site) -> str:
    one = change.now or change.was
    if change.was is None or change.now is None:
        return f"{change.how:<5}  {change.rule}  {'' if one is None else _whole(one, site)}"
    moved = []
    for name in ("since", "start", "end", "severity", "pages"):
        before, after = getattr(change.was, name), getattr(change.now, name)
        if before != after:
            is_time = name in {"since", "start", "end"}
            texts = (_time(one, site) if is_time else str(one) for one in (before, after))
            moved.append(f"{name} {' -> '.join(texts)}")
    return f"moved  {change.rule}  {_time(change.was.start, site)}: {', '.join(moved)}"


def _whole(one: "Activation", site: Site) -> str:
    pages = f"{one.pages} page{'' if one.pages == 1 else 's'}"
    return f"{_time(one.start, site)} to {_time(one.end, site)}  {one.severity}, {pages}"


def _time(at: int | None, site: Site) -> str:
    return "still active" if at is None else words.moment(at, site.zone)


def _sum(outcome: "Outcome", site: Site) -> list[str]:
    found = outcome.summary
    lines = [
        f"from {_time(outcome.start, site)} to {_time(outcome.end, site)}",
        f"in force: {found.in_force.alarms} alarms, {found.in_force.pages} pages",
        f"proposed: {found.proposed.alarms} alarms, {found.proposed.pages} pages",
        f"{found.won} won, {found.lost} lost, {found.moved} moved, {found.same} the same",
    ]
    if outcome.damaged:
        lines.append(f"{outcome.damaged} entries of the journal are damaged and were left out")
    return lines
