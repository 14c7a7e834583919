"""``culturewatch drill``: whether an alarm would reach everybody, on every channel."""

from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.cli_rota import say_answer, send
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from storage.wall import wall_ms

if TYPE_CHECKING:
    from alerts.drills import Standing

drill_commands = typer.Typer(
    invoke_without_command=True, help="Send marked drills, and see who answered them."
)


@drill_commands.callback()
def drill(
    context: typer.Context,
    *,
    only: Annotated[str, typer.Option("--person", help="only this one; default: everybody")] = "",
    channel: Annotated[str, typer.Option(help="only on this one; default: all")] = "",
    note: Annotated[str, typer.Option(help="why; it stands in the message")] = "",
    by: By = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Send a drill to everybody on each of their channels, through the path of a real alarm."""
    if context.invoked_subcommand is not None:
        return
    from culturewatch.order import order  # only this command needs them
    from culturewatch.who import FAULTS, acting
    from storage.inbox import InboxError

    done, listening = True, True
    with told(InboxError, *FAULTS):
        loaded = load(site)
        ordering = acting(loaded, by, "alarm.drill", only or "everybody")
        for who, way in _ways(loaded, only, channel):
            arguments = {"channel": way, "note": note or f"ordered by {ordering}"}
            answer = order(loaded, "drill", who, by=ordering, arguments=arguments, wait=listening)
            # Who does not answer once need not be waited for again.
            listening = answer is not None
            done = say_answer(f"drill {who} by {way}", answer, as_json=as_json) and done
    if not done:
        raise SystemExit(FAILED)


@drill_commands.command("list")
def list_(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Print who has answered a drill lately. Exit 1 when somebody has not."""
    from alerts.schema import StoreError  # only this command needs it

    with told(StoreError):
        found = _standings(load(site))
    if as_json:
        say_json([_shown(one) for one in found])
    else:
        for one in found:
            newest = "" if one.newest is None or not one.newest.error else f": {one.newest.error}"
            say(f"{one.person}  {one.channel}  {one.word}{newest}")
    if not all(one.proven for one in found):
        raise SystemExit(FAILED)


@drill_commands.command()
def answer(
    drill: Annotated[str, typer.Argument(metavar="ID", help="as `drill list --json` prints it")],
    by: Annotated[str, typer.Option("--by", help="the person that it was for")],
    *,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Answer a drill that came without a link."""
    from alerts.transition import DRILL  # only this command needs it
    from culturewatch.who import FAULTS
    from storage.inbox import InboxError

    with told(InboxError, *FAULTS):
        send(load(site), "ack", f"{DRILL}{drill}", {}, by=by, as_json=as_json)


def _ways(site: Site, person: str, channel: str) -> list[tuple[str, str]]:
    ways = [
        (one.id, way)
        for one in site.file.person
        for way in one.channels
        if person in {"", one.id} and channel in {"", way}
    ]
    if not ways:
        raise SiteError([f"nobody is reached so: person {person!r}, channel {channel!r}"])
    return ways


def _standings(site: Site) -> "tuple[Standing, ...]":
    from alerts.drills import drilled, standings  # they need the store
    from alerts.schema import open_read_only
    from culturewatch import paths
    from culturewatch.on_call import drills_wanted

    path = paths.alarms(site.data)
    drills = []
    if path.exists():
        db = open_read_only(path)
        try:
            drills = drilled(db)
        finally:
            db.close()
    now = wall_ms()
    return standings(site.file.person, drills, drills_wanted(site), now=now)


def _shown(one: "Standing") -> dict[str, object]:
    """Names for every value: the drills are tuples where nobody else reads them."""
    return {
        "person": one.person,
        "channel": one.channel,
        "standing": one.word,
        "proven": one.proven,
        "newest": None if one.newest is None else one.newest._asdict(),
        "answered": None if one.answered is None else one.answered._asdict(),
    }
