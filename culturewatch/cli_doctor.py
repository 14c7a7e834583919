"""``culturewatch doctor``: what endangers a site, and what to do."""

import sys
from typing import Annotated

import typer

from culturewatch.cli_options import DEFAULT_SITE, AsJson, SitePath
from culturewatch.faults import FAILED, told
from culturewatch.output import say_json
from devices import duration


def doctor(
    site: SitePath = DEFAULT_SITE,
    outage: Annotated[
        str, typer.Option(metavar="SPAN", help="how long this machine may be away")
    ] = "4h",
    queue: Annotated[
        list[str] | None,
        typer.Option(metavar="BROKER=N", help="messages a broker keeps for us; 0: all"),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Look for what endangers a site: its files, this machine, the servers it names.

    Each finding says what it endangers and what to do. Exit 1 where one endangers something.
    """
    from culturewatch.doctor.examine import examine, lines  # --help needs none

    try:
        outage_s = duration.parse(outage).seconds
        limits = _limits(queue or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with told():
        report = examine(site, outage_s=outage_s, limits=limits)
    if as_json:
        say_json(report)
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(report))
    if not report.is_well:
        raise SystemExit(FAILED)


def _limits(texts: list[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        broker, equals, number = text.partition("=")
        if not equals or not number.isdecimal():
            raise ValueError(f"--queue {text}: write BROKER=N, such as hall=100000")
        found[broker] = int(number)
    return found
