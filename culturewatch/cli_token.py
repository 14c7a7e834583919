"""``culturewatch token …``: what programs may ask of the HTTP API."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from culturewatch import paths
from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.cli_user import Office, office
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import SiteError
from devices import duration

if TYPE_CHECKING:
    from console.api.tokens import ApiTokens, Scope

token_commands = typer.Typer(
    no_args_is_help=True, help="Tokens with which programs use the HTTP API."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="what it is for, such as grafana")]


@token_commands.command()
def create(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            help="read:readings|alarms|batches|records|health, act:alarms, admin:site; may repeat",
        ),
    ],
    *,
    expires: Annotated[
        str, typer.Option("--expires", metavar="SPAN", help="when it ends, such as 90d")
    ] = "90d",
    person: Annotated[
        str, typer.Option("--person", help="with act:alarms and admin:site: in whose name it acts")
    ] = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Make a token, and show it: this once, for its text is kept nowhere."""
    from console.api.tokens import TokenError  # --help needs none of it

    with office(site) as here, told(TokenError):
        who = _may(here, name, by)
        if person and here.ledger.has_people():
            found = here.people.find(person)
            if found is None or not found.active:
                raise SiteError([f"--person {person}: works not here"])
        now = here.ledger.clerk.now()
        text = _tokens(here).make(
            name, _scopes(scope), expires_at=now + _span(expires), now=now, by=who, person=person
        )
        _note(here, name, who, f"created: {' '.join(sorted(scope))}")
    say(text)


@token_commands.command()
def revoke(name: Name, *, by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """End a token now, whoever has it."""
    from console.api.tokens import TokenError  # --help needs none of it

    with office(site) as here, told(TokenError):
        who = _may(here, name, by)
        _tokens(here).revoke(name, now=here.ledger.clerk.now(), by=who)
        _note(here, name, who, "revoked")
    say(f"{name} opens nothing any more")


@token_commands.command("list")
def list_(
    *,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show every token, also those that are over; never their text."""
    from console.words import moment  # --help needs none of it

    with office(site) as here:
        found = _tokens(here).all()
        now = here.ledger.clerk.now()
    if as_json:
        shown = [msgspec.to_builtins(one) for one in found]
        for one in shown:
            del one["digest"]
        say_json(shown)
        return
    for one in found:
        over = "revoked" if one.revoked_at else "over" if now >= one.expires_at else "good"
        until = moment(one.expires_at, here.site.zone)
        person = f" as {one.person}" if one.person else ""
        say(f"{one.id}  {over} until {until}  {' '.join(one.scopes)}{person}  by {one.made_by}")
    if not found:
        say("there is no token; make one with culturewatch token create")


def _tokens(here: Office) -> "ApiTokens":
    from console.api.tokens import ApiTokens  # --help needs none of it

    return ApiTokens(paths.api_tokens(here.site.data))


def _may(here: Office, name: str, by: str) -> str:
    """Who makes or ends a token, who may."""
    who = here.sign(by, "").by
    if here.ledger.has_people():
        here.ledger.authorise("token", name, who)
    return who


def _note(here: Office, name: str, by: str, outcome: str) -> None:
    from batches.trail import Note  # SQLAlchemy is slow to import

    here.ledger.note(
        Note(kind="token", by=by, subject=name, area="user", item="token", outcome=outcome)
    )


def _scopes(words: list[str]) -> "list[Scope]":
    from console.api.tokens import Scope  # --help needs none of it

    unknown = [word for word in words if word not in list(Scope)]
    if unknown:
        known = ", ".join(Scope)
        raise SiteError([f"--scope {unknown[0]}: there is no such scope; known: {known}"])
    return [Scope(word) for word in words]


def _span(text: str) -> int:
    try:
        return int(duration.parse(text))
    except ValueError as error:
        raise SiteError([f"--expires {text}: {error}"]) from error
