"""``culturewatch calibration …``: sensors in calibration, certificates, and what follows."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_entry import instant, opened
from culturewatch.cli_options import DEFAULT_SITE, AsJson, At, By, Corrects, Reason, SiteOption
from culturewatch.cli_sensor import Row, Serial
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from devices import duration

if TYPE_CHECKING:
    from batches.bank import Endangered
    from batches.calibration import Book, Deviation, Point

calibration_commands = typer.Typer(
    no_args_is_help=True, help="Enter calibrations and certificates; see what is due and in doubt."
)
_FIELDS = 4
Quantity = Annotated[
    str, typer.Option("--quantity", help="which one, where the sensor measures several")
]


@calibration_commands.command()
def begin(
    serial: Serial,
    *,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="the planned end")] = "",
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="such as 2h")] = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """A sensor is in calibration: what it says is no product data, and pages nobody.

    It has a planned end. From then on its alarms page again, whether or not somebody ended it.
    """
    from batches.instruments import Instruments  # SQLAlchemy is slow to import
    from culturewatch.in_calibration import take_out
    from storage.inbox import InboxError

    with opened(site) as (ledger, sign), told(InboxError):
        loaded, act = load(site), sign(by, at, reason)
        ends = _ends(loaded, act.at, until, span)
        if ledger.has_people():
            # Else whoever may calibrate could keep alarms quiet without the permit that it takes.
            ledger.authorise("alarm.out_of_service", serial, act.by)
        instruments = Instruments(ledger)
        begun = instruments.begin(serial, until=ends, act=act)
        why = reason or f"calibration of sensor {serial}"
        quiet = take_out(loaded, instruments.book(), begun, by=act.by, reason=why)
    say(f"sensor {serial} is in calibration")
    for line in quiet:
        say(line)


@calibration_commands.command()
def end(
    serial: Serial,
    *,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """What the sensor says is product data again, and five minutes later its alarms page again."""
    from batches.instruments import Instruments
    from culturewatch.in_calibration import put_back
    from storage.inbox import InboxError

    with opened(site) as (ledger, sign), told(InboxError):
        instruments, act = Instruments(ledger), sign(by, at, reason)
        ended = instruments.end(serial, act=act)
        now = ledger.clerk.now()
        lines = put_back(load(site), instruments.book(), ended, by=act.by, now=now)
    say(f"sensor {serial} measures again")
    for line in lines:
        say(line)


@calibration_commands.command()
def certificate(
    serial: Serial,
    *,
    laboratory: Annotated[str, typer.Option("--laboratory", help="who calibrated it")],
    date: Annotated[str, typer.Option("--date", metavar="TIME", help="when, ISO 8601")],
    unit: Annotated[str, typer.Option("--unit", help="of all numbers here, such as degC")],
    tolerance: Annotated[float, typer.Option("--tolerance", help="how far it may be off")],
    point: Annotated[
        list[str],
        typer.Option(
            "--point",
            metavar="REF,FOUND,LEFT,U",
            help="reference, as found, as left, expanded uncertainty (k = 2); once for each point",
        ),
    ],
    due: Annotated[str, typer.Option("--due", metavar="TIME", help="when it is due again")] = "",
    interval: Annotated[
        str, typer.Option("--interval", metavar="SPAN", help="or after how long, such as 365d")
    ] = "",
    number: Annotated[str, typer.Option("--number", help="of the certificate")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", help="the certificate as it came; a copy is kept")
    ] = None,
    quantity: Quantity = "",
    corrects: Corrects = None,
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter a certificate: what the laboratory found, and when the sensor is due again."""
    from batches import certificates
    from batches.calibration import settled_width
    from batches.certificates import CertificateError
    from batches.instruments import Instruments

    with opened(site) as (ledger, sign), told(CertificateError):
        loaded, instruments = load(site), Instruments(ledger)
        measured = _quantity(instruments.book(), serial, quantity)
        calibrated_at = sign.instant("--date", date) or 0
        try:
            points = [_point(measured, unit, each) for each in point]
            width = settled_width(measured, unit, tolerance)
        except ValueError as error:
            raise SiteError([str(error)]) from error
        found = instruments.certify(
            serial,
            quantity=measured,
            at=calibrated_at,
            due=_due(calibrated_at, sign.instant("--due", due), interval),
            laboratory=laboratory,
            number=number,
            tolerance=width,
            points=points,
            act=sign(by, at, reason),
            file=None if file is None else certificates.keep(loaded.data, file),
            corrects=corrects,
        )
        off = [d for d in instruments.book().deviations() if d.row == found.row]
        say(f"row {found.row}: certificate of sensor {serial} is kept")
        for deviation in off:
            _warn_of(deviation, loaded)


@calibration_commands.command()
def correct(
    row: Row,
    *,
    start: Annotated[str, typer.Option("--start", metavar="TIME")] = "",
    end: Annotated[str, typer.Option("--end", metavar="TIME")] = "",
    by: By = "",
    at: At = "",
    reason: Reason = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter when a calibration really began and ended; needs a reason."""
    from msgspec import UNSET

    from batches.instruments import Instruments

    with opened(site) as (ledger, sign):
        ended = sign.instant("--end", end)
        found = Instruments(ledger).correct_calibration(
            row,
            act=sign(by, at, reason),
            start=sign.instant("--start", start),
            end=UNSET if ended is None else ended,
        )
        say(f"calibration of sensor {found.sensor}: row {found.row} takes the place of {row}")


@calibration_commands.command("due")
def due_(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show when each sensor that is installed has to be calibrated, the first one first.

    Exit 1 when one is overdue, or nothing is known of it.
    """
    from batches.calibrated import moment
    from batches.impact import dues
    from batches.instruments import Instruments

    with opened(site) as (ledger, _):
        now, zone = ledger.clerk.now(), load(site).zone
        found = dues(Instruments(ledger).book(), now)
    if as_json:
        say_json(found)
    else:
        for each in found:
            when = "not known" if each.due is None else moment(each.due, zone)
            say(f"{when}  {each.sensor} at {each.channel}{'  OVERDUE' if each.is_over else ''}")
        if not found:
            say("no sensor is installed")
    if any(each.is_over or each.due is None for each in found):
        raise SystemExit(1)


@calibration_commands.command()
def impact(serial: Serial, *, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show which batches and vials an as-found deviation of a sensor puts in doubt."""
    from batches.impact import impact as find

    with opened(site) as (ledger, _):
        loaded = load(site)
        found = find(ledger, serial)
    if as_json:
        say_json(found)
        return
    for each in found:
        _warn_of(each.deviation, loaded)
        for part in each.parts:
            _say_touched(part, loaded)
    if not found:
        say(f"no calibration found sensor {serial} out of tolerance")


def _say_touched(part: "Endangered", site: Site) -> None:
    from batches.calibrated import moment

    span = f"{moment(part.span.start, site.zone)} to {moment(part.span.end, site.zone)}"
    say(f"  {part.device} from {span}")
    for stay in (*part.batches, *part.vials):
        say(f"    {stay.batch}  {stay.position}".rstrip())
    if not (part.batches or part.vials):
        say("    nothing stood in it")


def _warn_of(deviation: "Deviation", site: Site) -> None:
    from batches.calibrated import deviation_told, moment

    since = "it was installed" if deviation.since is None else moment(deviation.since, site.zone)
    say(f"{deviation_told(deviation, site.zone)}; in doubt since {since}")


def _point(quantity: str, unit: str, text: str) -> "Point":
    from batches.calibration import Point, settled, settled_width

    parts = text.split(",")
    if len(parts) != _FIELDS:
        raise ValueError(f"--point {text}: write reference,as found,as left,uncertainty")
    try:
        reference, found, left, uncertainty = map(float, parts)
    except ValueError as error:
        raise ValueError(f"--point {text}: write four numbers, as 37.0,37.1,37.0,0.2") from error
    return Point(
        reference=settled(quantity, unit, reference),
        as_found=settled(quantity, unit, found),
        as_left=settled(quantity, unit, left),
        uncertainty=settled_width(quantity, unit, uncertainty),
    )


def _quantity(book: "Book", serial: str, asked: str) -> str:
    known = {one.quantity for one in book.installations if one.sensor == serial}
    if asked or len(known) == 1:
        return asked or known.pop()
    listed = ", ".join(sorted(known)) or "nothing yet: install it first, or say it"
    raise SiteError([f"say with --quantity what was calibrated; {serial} measures {listed}"])


def _due(calibrated_at: int, due: int | None, interval: str) -> int:
    if (due is None) == (not interval):
        raise SiteError(["say when it is due again: either --due TIME or --interval SPAN"])
    return due if due is not None else calibrated_at + _span(interval)


def _ends(site: Site, at: int | None, until: str, span: str) -> int:
    if bool(until) == bool(span):
        raise SiteError(["say either --until TIME or --for SPAN: a calibration has a planned end"])
    if until:
        return instant(site, "--until", until) or 0
    begun = round(datetime.now(site.zone).timestamp() * 1000) if at is None else at
    return begun + _span(span)


def _span(text: str) -> int:
    try:
        return int(duration.parse(text))
    except ValueError as error:
        raise SiteError([str(error)]) from error
