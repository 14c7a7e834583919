"""``culturewatch report show|send``: what is mailed by itself, now and by hand."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from culturewatch.cli_options import DEFAULT_SITE, By, SiteOption
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from culturewatch.site_file import ReportTable
from storage import whole
from storage.wall import wall_ms

if TYPE_CHECKING:
    from alerts.notify.mail import Attached
    from alerts.notify.notifier import Message
    from culturewatch.reports.schedule import Period

KINDS = ("week", "month", "silenced")

Which = Annotated[
    str,
    typer.Argument(
        metavar="KIND|ID", help="week, month or silenced, or the id of a report of the site"
    ),
]
Device = Annotated[str, typer.Option("--device", help="of a month: which device")]


def show(
    which: Which,
    *,
    device: Device = "",
    pages: Annotated[
        Path | None, typer.Option("--pdf", help="write its pages into this file as well")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Print a report of the newest period that is over; it is sent to nobody."""
    from culturewatch.reports import facts, letter  # --help needs none of it
    from culturewatch.reports.post import FAULTS

    with told(*FAULTS):
        loaded = load(site)
        report = _report(loaded, which, device)
        now = wall_ms()
        made = facts.made(loaded, report, _period(loaded, report, now), now=now)
        if pages is not None:
            whole.write(pages, letter.pdf(loaded, made.listing, now=now))
    if as_json:
        say_json(made.listing)
    else:
        sys.stdout.write(letter.text(made.listing))


def send(
    which: Which,
    to: Annotated[list[str], typer.Option("--to", help="the id of a person; may be repeated")],
    *,
    device: Device = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Mail a report of the newest period that is over, once more if need be."""
    from culturewatch.audit_trail import enter_sending  # --help needs none of it
    from culturewatch.reports import facts, letter
    from culturewatch.reports.post import FAULTS
    from culturewatch.reports.sent import SentError
    from culturewatch.who import FAULTS as NOT_PROVEN
    from culturewatch.who import acting

    with told(*FAULTS, *NOT_PROVEN, SentError):
        loaded = load(site)
        report = _report(loaded, which, device)
        _check_reached(loaded, to)
        who = acting(loaded, by, "export", f"report {report.id}")
        now = wall_ms()
        period = _period(loaded, report, now)
        own = facts.made(loaded, report, period, now=now)
        made, files = letter.whole(loaded, report, own, period, now=now)
        mails = [letter.message(loaded, report, made, period, person) for person in to]
        well = []
        for mail in mails:
            # Before it goes: what cannot be entered is not sent.
            enter_sending(loaded, who, f"report {report.id}", mail.person)
            well.append(asyncio.run(_hand_over(loaded, report, period, mail, files)))
    if not all(well):
        raise SystemExit(FAILED)


def post(
    site: Annotated[Path, typer.Argument(metavar="SITE")],
    report: Annotated[str, typer.Argument(metavar="ID")],
    period: Annotated[tuple[int, int, int], typer.Argument(metavar="START END DUE")],
) -> None:
    """Send a report that is due (the core starts this)."""
    from culturewatch import logs  # --help needs none of it
    from culturewatch.processes import stopped_by_signals
    from culturewatch.reports.post import post as send_due
    from culturewatch.reports.schedule import Period
    from culturewatch.reports.sent import SentError

    logs.set_up()

    async def main(loaded: Site) -> bool:
        with stopped_by_signals() as stop:
            due = _named(loaded, report)
            return await send_due(loaded, due, Period(*period), now=wall_ms, stop=stop)

    with told(SentError):
        well = asyncio.run(main(load(site)))
    if not well:
        raise SystemExit(FAILED)


async def _hand_over(
    site: Site,
    report: ReportTable,
    period: "Period",
    mail: "Message",
    files: "tuple[Attached, ...]",
) -> bool:
    from culturewatch.reach import mail_notifier
    from culturewatch.reports.post import handed
    from culturewatch.reports.sent import Sent, State

    way = mail_notifier(site)
    if way is None:
        raise SiteError([f"{site.path}: reports go by mail; give the server in a [mail] table"])
    state, why = await handed(way, mail, files)
    if state is not State.SENT:
        sys.stderr.write(f"culturewatch: {mail.person}: {why}\n")
        return False
    say(f"{report.id} was sent to {mail.person}")
    sent = Sent(site.data)
    standing = sent.standing(report.id, period.start)
    is_own = any(one.id == report.id and mail.person in one.to for one in site.file.report)
    if is_own and (mail.person not in standing or standing[mail.person].state is not State.SENT):
        sent.enter(report.id, period.start, mail.person, State.SENT, at=wall_ms(), text="by hand")
    return True


def _report(site: Site, which: str, device: str) -> ReportTable:
    if which not in KINDS or any(one.id == which for one in site.file.report):
        return _named(site, which)
    if (which == "month") != bool(device):
        raise SiteError(["a month is of one device: give --device, and to no other kind"])
    if device and device not in {each.id for each in site.devices}:
        raise SiteError([f"--device: no device of this site is called {device!r}"])
    return msgspec.convert(
        {"id": which, "kind": which, "to": ("by-hand",), "at": "00:00", "device": device},
        type=ReportTable,
    )


def _named(site: Site, name: str) -> ReportTable:
    found = next((one for one in site.file.report if one.id == name), None)
    if found is None:
        known = ", ".join((*KINDS, *(one.id for one in site.file.report)))
        raise SiteError([f"no report is called {name!r}; known: {known}"])
    return found


def _check_reached(site: Site, people: list[str]) -> None:
    reached = {one.id for one in site.file.person if one.addresses.get("mail")}
    for person in people:
        if person not in reached:
            known = ", ".join(sorted(reached)) or "nobody"
            raise SiteError([f"--to {person}: has no address for mail here; with one: {known}"])


def _period(site: Site, report: ReportTable, now: int) -> "Period":
    from culturewatch.reports.schedule import newest

    return newest(report, now, site.zone)
