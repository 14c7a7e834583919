"""``culturewatch user …``, ``login`` and ``logout``: people, and what proves who they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch import paths
from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import Site, SiteError, load
from devices import duration

if TYPE_CHECKING:
    from batches.batch import Signed
    from batches.people import People

user_commands = typer.Typer(
    no_args_is_help=True, help="People of the ledger, their roles, passwords and PINs."
)

Id = Annotated[str, typer.Argument(metavar="PERSON", help="the id of a person, such as operator-1")]
Name = Annotated[str, typer.Option("--name", help="the name that is printed")]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", help="operator, on-call, supervisor, qa, admin, auditor; may repeat"),
]
Why = Annotated[str, typer.Option("--reason", help="why; it is kept, and needed")]


class Office:
    """The people of a site, and who acts on them."""

    def __init__(self, site: Site) -> None:
        from batches.enlisting import OneTime  # SQLAlchemy is slow to import
        from batches.ledger import Ledger
        from culturewatch.who import Who

        site.data.mkdir(parents=True, exist_ok=True)
        self.site = site
        self.ledger = Ledger(site.ledger_url)
        self.who: Who = Who(site, self.ledger)
        self.people: People = self.who.people
        self.desk: OneTime = OneTime(paths.bootstrap(site.data))

    def sign(self, by: str, reason: str) -> "Signed":
        """Who acts, proved, and why."""
        from batches.batch import Signed  # SQLAlchemy is slow to import

        return Signed(by=self.who.proven(by), reason=reason)


@contextmanager
def office(path: Path) -> Iterator[Office]:
    """The people of the site at ``path``; faults end the command."""
    from culturewatch.who import FAULTS  # SQLAlchemy is slow to import

    with told(*FAULTS):
        yield Office(load(path))


def _chosen(what: str) -> str:
    from culturewatch.who import asked  # SQLAlchemy is slow to import

    return asked(what, twice=True)


@user_commands.command()
def bootstrap(*, site: SiteOption = DEFAULT_SITE) -> None:
    """Make the token that enters the first admin; good once, for an hour."""
    from batches.batch import Signed  # SQLAlchemy is slow to import
    from culturewatch.who import person

    with office(site) as here:
        act = Signed(by=person(""), reason="no admin can sign in")
        token = here.people.bootstrap(here.desk, act=act)
    say(f"{token}\ngood once, within an hour: culturewatch user add PERSON --name NAME --token …")


@user_commands.command()
def add(
    person: Id,
    name: Name,
    *,
    role: Roles = None,
    token: Annotated[str, typer.Option("--token", help="of user bootstrap: an admin")] = "",
    reason: Why = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Enter a person with a first password, which they must change; the first one is an admin."""
    from culturewatch.who import person as user  # SQLAlchemy is slow to import

    with office(site) as here:
        if token:
            if role not in (None, ["admin"]):
                raise SiteError(["the token enters an admin; leave --role away"])
            chosen = _chosen(f"password of {person}")
            made = here.people.begin(
                here.desk, token, person, name=name, password=chosen, by=user("")
            )
        else:
            act = here.sign(by, reason)
            chosen = _chosen(f"first password of {person}")
            made = here.people.add(person, name=name, roles=role or [], password=chosen, act=act)
    say(f"{made.id} is entered: {made.name} ({', '.join(made.roles)})")


@user_commands.command()
def change(
    person: Id,
    *,
    name: Annotated[str | None, typer.Option("--name", help="the name that is printed")] = None,
    role: Roles = None,
    reason: Why = "",
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Give a person another printed name, or other roles in the place of theirs."""
    with office(site) as here:
        act = here.sign(by, reason)
        made = here.people.change(person, act=act, name=name, roles=role)
    say(f"{made.id}: {made.name} ({', '.join(made.roles)})")


@user_commands.command()
def end(person: Id, *, reason: Why = "", by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Enter that a person works here no more; what they did stays theirs."""
    with office(site) as here:
        here.people.end(person, act=here.sign(by, reason))
    say(f"{person} works here no more")


@user_commands.command("return")
def return_(person: Id, *, reason: Why = "", by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Enter that a person who ended works here again."""
    with office(site) as here:
        here.people.let_return(person, act=here.sign(by, reason))
    say(f"{person} works here again")


@user_commands.command("list")
def list_(
    *,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Show who may work with the ledger, and in which roles."""
    with office(site) as here:
        found = here.people.everybody()
    if as_json:
        say_json(found)
        return
    for one in found:
        ended = "" if one.active else "  works here no more"
        say(f"{one.id}  {one.name}  {', '.join(one.roles)}{ended}")
    if not found:
        say("nobody is entered; begin with culturewatch user bootstrap")


@user_commands.command()
def password(person: Id, *, site: SiteOption = DEFAULT_SITE) -> None:
    """Change one's own password; where there is no terminal, two lines are read: old and new."""
    from batches.placement import Refused
    from batches.proof import NotAuthenticated  # SQLAlchemy is slow to import
    from culturewatch import who

    with office(site) as here:
        old = who.asked(f"password of {person}")
        new = _chosen("new password")
        found = here.people.change_password(person, old, new)
        if isinstance(found, NotAuthenticated):
            raise Refused(f"{person}: {who.told(found, here.site)}")
    say(f"{person} has a new password; who was logged in as {person} is no more")


@user_commands.command()
def reset_password(
    person: Id, *, reason: Why = "", by: By = "", site: SiteOption = DEFAULT_SITE
) -> None:
    """Give somebody else a password, which they must change before they use it."""
    with office(site) as here:
        act = here.sign(by, reason)
        here.people.reset_password(person, _chosen(f"first password of {person}"), act=act)
    say(f"{person} has a password that is good for choosing another")


@user_commands.command()
def unlock(person: Id, *, reason: Why = "", by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """End a lock-out before its time."""
    with office(site) as here:
        here.people.unlock(person, act=here.sign(by, reason))
    say(f"{person} may try again")


@user_commands.command()
def pin(person: Id, *, by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Give a person who is paged a PIN, which the page behind their links asks for from then on.

    It is asked for twice, or read as one line where there is no terminal.
    """
    from console.pins import PinError, Pins  # --help needs none of it

    with office(site) as here, told(PinError):
        _known(here.site, person)
        act = _on_pin(here, person, by)
        Pins(paths.pins(here.site.data)).keep(person, _chosen(f"PIN of {person}"))
        _note_pin(here, act, person, "given")
    say(f"{person} has a PIN; the page behind links asks for it from now on")


@user_commands.command()
def forget_pin(person: Id, *, by: By = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Ask a person for no PIN any more: whoever has their link can acknowledge."""
    from console.pins import PinError, Pins  # --help needs none of it

    with office(site) as here, told(PinError):
        _known(here.site, person)
        act = _on_pin(here, person, by)
        had = Pins(paths.pins(here.site.data)).forget(person)
        _note_pin(here, act, person, "taken away" if had else "there was none")
    say(f"{person} {'is asked for no PIN any more' if had else 'had no PIN'}")


def login(
    person: Id,
    *,
    span: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="default: what the site says")
    ] = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Prove once who works at this terminal; for a while no password is asked for here."""
    from console.words import moment  # only here

    with office(site) as here:
        most = int(here.site.file.access.login)
        try:
            wanted = int(duration.parse(span)) if span else most
        except ValueError as error:
            raise SiteError([f"--for {span}: {error}"]) from error
        if not 0 < wanted <= most:
            raise SiteError([f"--for {span}: the site allows {duration.Duration(most)} at most"])
        if not here.ledger.has_people():
            raise SiteError(["this ledger knows no people; begin with culturewatch user bootstrap"])
        session = here.who.log_in(person, wanted)
        until = moment(session.until, here.site.zone)
    say(f"{person} is logged in at this terminal until {until}")


def logout(*, site: SiteOption = DEFAULT_SITE) -> None:
    """End every login at this terminal."""
    with office(site) as here:
        names = here.who.sessions.people()
        for name in names:
            here.who.sessions.forget(name)
    say(f"logged out: {', '.join(names)}" if names else "nobody was logged in at this terminal")


def _on_pin(here: Office, person: str, by: str) -> "Signed":
    """Who gives a PIN: the person, or an admin."""
    act = here.sign(by, "")
    if here.ledger.has_people():
        here.ledger.authorise("password" if act.by == person else "pin", person, act.by)
    return act


def _note_pin(here: Office, act: "Signed", person: str, outcome: str) -> None:
    from batches.trail import Note  # SQLAlchemy is slow to import

    here.ledger.note(
        Note(kind="pin", by=act.by, subject=person, area="user", item="pin", outcome=outcome)
    )


def _known(site: Site, person: str) -> None:
    known = [one.id for one in site.file.person]
    if person not in known:
        raise SiteError([f"there is no person {person!r}; known: {', '.join(known) or 'none'}"])
