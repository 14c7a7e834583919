"""``culturewatch exposure FILE``: what any logger's readings say about limits and gaps."""

import math
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from culturewatch.cli_options import AsJson
from culturewatch.faults import FAILED, told
from devices import duration
from devices.duration import Duration


def exposure(
    readings: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV with columns time (ISO 8601 or seconds), value (degC), duration_s (optional)",
        ),
    ],
    *,
    low: Annotated[float | None, typer.Option("--low", help="in limits from here, degC")] = None,
    high: Annotated[float | None, typer.Option("--high", help="in limits up to here, degC")] = None,
    delay: Annotated[
        str, typer.Option("--delay", metavar="SPAN", help="excursions up to this long are allowed")
    ] = "",
    delta_h: Annotated[
        float, typer.Option("--delta-h", help="activation energy for the MKT, kJ/mol")
    ] = 83.144,
    period: Annotated[
        str,
        typer.Option(
            "--period", metavar="SPAN", help="from reading to reading; default: the usual one"
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Judge a logger's CSV file: exit 0 when in limits, 1 when out or unknown, 2 for wrong use.

    In limits means low <= value <= high. A reading holds until the next one where that follows
    within 1.5 periods, else for one period; the rest is a gap, and a gap is never in limits.
    Without limits nothing is judged.
    """
    from batches.excursion import Limits  # each command stays small
    from batches.logger_csv import LoggerFileError
    from batches.policy import Verdict
    from culturewatch.exposure_report import Asked, picture, report
    from culturewatch.terminal import terminal

    _check(low, high, delta_h)
    asked = Asked(
        limits=Limits(low=low, high=high),
        delay=_span("--delay", delay, least=0) if delay else Duration(0),
        delta_h=delta_h,
        period=_span("--period", period, least=1) if period else None,
    )
    with told(wrong_use=(LoggerFileError, OSError)):
        found = report(readings, asked)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
    else:
        terminal().print(picture(found))
    if found.verdict not in {None, Verdict.IN}:
        raise SystemExit(FAILED)


def _check(low: float | None, high: float | None, delta_h: float) -> None:
    for name, value in (("--low", low), ("--high", high)):
        if value is not None and not math.isfinite(value):
            raise typer.BadParameter(f"{name} {value}: a limit is a number of degC")
    if low is not None and high is not None and low > high:
        raise typer.BadParameter(f"--low {low:g} lies above --high {high:g}")
    if not 0 < delta_h < math.inf:
        raise typer.BadParameter(f"--delta-h {delta_h}: an activation energy is above 0 kJ/mol")


def _span(option: str, text: str, *, least: int) -> Duration:
    try:
        span = duration.parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error
    if span < least:
        raise typer.BadParameter(f"{option} {text}: no time at all; leave it out or say a span")
    return span
