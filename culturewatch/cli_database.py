"""``culturewatch ledger …``: the database of the ledger, for those who run it."""

from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from culturewatch.cli_ledger import server_ledger, tell
from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.faults import told
from culturewatch.ledger_address import with_password
from culturewatch.output import say
from culturewatch.secret import Secret
from culturewatch.site import Site, SiteError, load

ledger_commands = typer.Typer(
    no_args_is_help=True, help="The database of batches, people and alarms."
)
Reader = Annotated[str, typer.Option("--reader", help="the role of Grafana, if it reads there")]


@ledger_commands.command()
def grants(
    *,
    reader: Reader = "grafana",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Print what gives the roles of a ledger on PostgreSQL their rights and no more."""
    from storage.grants import grants as statements  # SQLAlchemy is slow

    with told():
        found = load(site)
        name = unquote(urlsplit(_on_a_server(found)).path.strip("/"))
        for line in statements(name, writer=_user(found), reader=reader):
            say(f"{line};")


@ledger_commands.command()
def upgrade(
    *,
    owner: Annotated[
        str, typer.Option("--as", metavar="ROLE", help="who owns the tables, if another role does")
    ] = "",
    password_env: Annotated[
        str, typer.Option("--password-env", metavar="NAME", help="where the owner's password is")
    ] = "",
    reader: Reader = "",
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Bring the tables up to date; as their owner also give the site's user its rights."""
    from storage.database import DatabaseError  # SQLAlchemy is slow to import
    from storage.database import upgrade as bring_up
    from storage.grants import give

    with told(DatabaseError):
        found = load(site)
        url = found.ledger_url
        if owner:
            password = Secret(env=password_env).reveal(found.base) if password_env else ""
            url = with_password(_on_a_server(found), password, user=owner)
        bring_up(url)
        if owner:
            give(url, writer=_user(found), reader=reader)
        say("the tables are those of this version")


@ledger_commands.command()
def fill(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="ledger.db out of a backup")
    ],
    *,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Put a ledger out of a backup into the empty database of the site, with its chain."""
    from storage.database import DatabaseError  # SQLAlchemy is slow to import
    from storage.ledger_copy import copy

    with told(DatabaseError):
        count = copy(f"sqlite:///{file.absolute()}", load(site).ledger_url)
        say(f"{count} rows were entered; culturewatch ledger verify checks their chain")


@ledger_commands.command()
def head(*, site: SiteOption = DEFAULT_SITE) -> None:
    """Print the end of the chain: noted elsewhere, it proves the ledger up to here."""
    from batches.ledger import Ledger  # SQLAlchemy is slow to import
    from storage.database import DatabaseError

    with told(DatabaseError):
        now = Ledger(load(site).ledger_url).head()
        say(f"{now.sequence} {now.hash}")


@ledger_commands.command()
def verify(
    *,
    by: By = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Check the site's ledger, alarms and journal; name whatever was changed."""
    from batches.verify import verify as check  # only this command needs it
    from culturewatch.noted import checked, checking
    from culturewatch.who import FAULTS

    with told(*FAULTS):
        found = load(site)
        noting = checking(found.data, None, found, by)
        report = check(found.data, ledger=server_ledger(found))
        checked(noting, report)
    tell(report, as_json=as_json)


def _on_a_server(site: Site) -> str:
    if site.file.ledger is None:
        raise SiteError([f"{site.path}: has no [ledger]; a ledger in a file has no roles"])
    return site.file.ledger.url


def _user(site: Site) -> str:
    return unquote(urlsplit(_on_a_server(site)).username or "")
