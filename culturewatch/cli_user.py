"""``culturewatch user …``: what proves that somebody is who a message was for."""

import sys
from typing import Annotated

import typer

from culturewatch.cli_ledger import DEFAULT_SITE, SiteOption
from culturewatch.faults import told
from culturewatch.site import Site, SiteError, load

user_commands = typer.Typer(no_args_is_help=True, help="PINs of the people who are paged.")

Person = Annotated[str, typer.Argument(metavar="PERSON", help="the id of a person of the site")]


@user_commands.command()
def pin(person: Person, *, site: SiteOption = DEFAULT_SITE) -> None:
    """Give a person a PIN, which the page behind their links asks for from then on.

    It is asked for twice, or read as one line where there is no terminal.
    """
    from console.pins import PinError, Pins  # noqa: PLC0415 # --help needs none of it
    from culturewatch import paths  # noqa: PLC0415

    with told(PinError):
        loaded = _known(load(site), person)
        if sys.stdin.isatty():
            text = str(typer.prompt(f"PIN of {person}", hide_input=True, confirmation_prompt=True))
        else:
            text = sys.stdin.readline().rstrip("\n")
        Pins(paths.pins(loaded.data)).keep(person, text)
    sys.stdout.write(f"{person} has a PIN; the page behind links asks for it from now on\n")


@user_commands.command()
def forget_pin(person: Person, *, site: SiteOption = DEFAULT_SITE) -> None:
    """Ask a person for no PIN any more: whoever has their link can acknowledge."""
    from console.pins import Pins  # noqa: PLC0415 # --help needs none of it
    from culturewatch import paths  # noqa: PLC0415

    with told():
        had = Pins(paths.pins(_known(load(site), person).data)).forget(person)
    sys.stdout.write(f"{person} {'is asked for no PIN any more' if had else 'had no PIN'}\n")


def _known(site: Site, person: str) -> Site:
    known = [one.id for one in site.file.person]
    if person not in known:
        raise SiteError([f"there is no person {person!r}; known: {', '.join(known) or 'none'}"])
    return site
