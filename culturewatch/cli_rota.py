"""``culturewatch rota …``: who is on call, and what people change of it for a while."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from storage.wall import wall_ms

if TYPE_CHECKING:
    from alerts.store import Answer

rota_commands = typer.Typer(no_args_is_help=True, help="See and change who is on call.")

RotaId = Annotated[str, typer.Argument(metavar="ROTA", help="the id of a rota of the site")]
From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="2026-12-24T20:00, in the rota's zone")
]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="from then on as declared")]
Reason = Annotated[str, typer.Option("--reason", help="why; it is kept")]
_DAY_MS = 86_400_000


@rota_commands.command()
def show(
    rota: Annotated[str, typer.Argument(metavar="ROTA", help="default: all")] = "",
    *,
    days: Annotated[int, typer.Option(min=1, max=60, help="how far ahead")] = 7,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Print who is on call now and next, and what is wrong. Exit 1 when something is."""
    from alerts.schema import StoreError  # only this command needs it
    from culturewatch.rota_view import print_rota, rota_views

    with told(StoreError):
        loaded = load(site)
        wanted = [_known(loaded, rota)] if rota else [one.id for one in loaded.file.rota]
        now = wall_ms()
        views = rota_views(loaded, wanted, now=now, until=now + days * _DAY_MS)
    if as_json:
        say_json(views)
    else:
        print_rota(views)
        if not views:
            say("no [[rota]] stands in the site's files: its policies name people themselves")
    if any(view.problems for view in views):
        raise SystemExit(FAILED)


@rota_commands.command()
def override(
    rota: RotaId,
    people: Annotated[list[str], typer.Argument(metavar="PERSON...", help="who is on call")],
    *,
    from_: From,
    until: Until,
    reason: Reason,
    by: By = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Put somebody on call for a while, whoever it would be."""
    _change(site, "override", rota, people, (from_, until, reason, by), as_json=as_json)


@rota_commands.command()
def swap(
    rota: RotaId,
    one: Annotated[str, typer.Argument(metavar="PERSON")],
    other: Annotated[str, typer.Argument(metavar="PERSON")],
    *,
    from_: From,
    until: Until,
    reason: Reason,
    by: By = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Let two people stand in each other's place for a while."""
    _change(site, "swap", rota, [one, other], (from_, until, reason, by), as_json=as_json)


@rota_commands.command()
def withdraw(
    rota: RotaId,
    act: Annotated[str, typer.Argument(metavar="ID", help="as `rota show` prints it")],
    *,
    reason: Reason,
    by: By = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Take an override or a swap back; both stay written down."""
    with told(*_faults()):
        loaded = load(site)
        arguments = {"of": act, "reason": reason}
        send(loaded, "withdraw", _known(loaded, rota), arguments, by=by, as_json=as_json)


def send(
    site: Site, verb: str, target: str, arguments: dict[str, str], *, by: str, as_json: bool
) -> None:
    """Order it, print what the core says, and exit 1 when it refuses.

    Raises:
        storage.inbox.InboxError: it could not be kept.
        as ``culturewatch.who.FAULTS``: who orders it has not proved who they are, or may not.
    """
    from culturewatch.order import order  # the inbox and the store
    from culturewatch.who import acting

    who = acting(site, by, f"alarm.{verb}", target)
    answer = order(site, verb, target, by=who, arguments=arguments)
    if not say_answer(f"{verb} {target}", answer, as_json=as_json):
        raise SystemExit(FAILED)


def say_answer(what: str, answer: "Answer | None", *, as_json: bool) -> bool:
    """Print what the core said to an order; whether it did not refuse."""
    if as_json:
        say_json({"order": what, "answer": answer})
    elif answer is None:
        say(f"{what}: kept; the core has not answered, and does it when it runs")
    else:
        say(f"{what}: {'done' if answer.accepted else 'REFUSED'}: {answer.why}")
    return answer is None or answer.accepted


def _change(
    path: Path,
    verb: str,
    rota: str,
    people: list[str],
    told_by: tuple[str, str, str, str],
    *,
    as_json: bool,
) -> None:
    from_, until, reason, by = told_by
    with told(*_faults()):
        site = load(path)
        known = {person.id for person in site.file.person}
        strangers = [f"there is no person {name!r}" for name in people if name not in known]
        if strangers:
            raise SiteError(strangers)
        zone = next((one.zone for one in site.file.rota if one.id == rota), "")
        arguments = {
            "from": str(_instant(site, zone, from_)),
            "until": str(_instant(site, zone, until)),
            "to": ",".join(people),
            "reason": reason,
        }
        send(site, verb, _known(site, rota), arguments, by=by, as_json=as_json)


def _known(site: Site, rota: str) -> str:
    ids = [one.id for one in site.file.rota]
    if rota not in ids:
        raise SiteError([f"no [[rota]] is called {rota!r}; known: {', '.join(ids) or 'none'}"])
    return rota


def _instant(site: Site, zone: str, text: str) -> int:
    from zoneinfo import ZoneInfo

    from alerts.rota.wall import instant

    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is not None:
            return round(when.timestamp() * 1000)
        return instant(when.date(), when.time(), ZoneInfo(zone) if zone else site.zone)
    except (ValueError, OverflowError) as error:
        raise SiteError(
            [f"{text}: is no time; write 2026-12-24T20:00 or with an offset"]
        ) from error


def _faults() -> tuple[type[Exception], ...]:
    from culturewatch.who import FAULTS  # only commands that order
    from storage.inbox import InboxError

    return (InboxError, *FAULTS)
