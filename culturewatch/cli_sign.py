"""``culturewatch sign``: a person signs a record, with a password typed for that signature."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from batches.signature import Step
from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.faults import told
from culturewatch.output import say, say_json
from culturewatch.site import SiteError, load


def sign(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="a record")
    ],
    *,
    as_: Annotated[Step, typer.Option("--as", help="what is signed; in this order")],
    by: By = "",
    meaning: Annotated[str, typer.Option("--meaning", help="default: what page 1 says")] = "",
    justify: Annotated[
        list[str] | None,
        typer.Option(
            "--justify",
            metavar="NUMBER=WHY",
            help="why an open item does not stand against approval; once for each",
        ),
    ] = None,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Sign a record as prepared, reviewed or approved. The password is asked for each time.

    The record is checked first, byte by byte. Who made the data reviews and approves nothing of
    it. What the signature says is bound to the manifest, entered in the ledger, and kept in
    signatures.json; where the site has a certificate, the pages are signed as well.
    """
    from batches.export.pades import PadesError  # --help needs none of it
    from batches.export.pdf import LayoutError
    from batches.ledger import Ledger
    from batches.signature import SignatureError
    from batches.signing import Wish
    from culturewatch.signing import signatory, stamping
    from culturewatch.who import FAULTS, Who

    with told(SignatureError, PadesError, LayoutError, *FAULTS), ExitStack() as opened:
        loaded = load(site)
        why = _by_number(justify or [])
        # First: a certificate that cannot be used is told before anybody types.
        stamp = opened.enter_context(stamping(loaded))
        ledger = Ledger(loaded.ledger_url)
        person = Who(loaded, ledger).signing(by)
        signer = signatory(loaded, ledger, by=person.id, stamp=stamp)
        given = signer.sign(folder, Wish(step=as_, person=person, meaning=meaning, why=why))
    if as_json:
        say_json(given)
        return
    say(f"{folder}: {given.step} by {given.name}: {given.meaning}")


def _by_number(justified: list[str]) -> dict[int, str]:
    found = {}
    for text in justified:
        number, sign_, why = text.partition("=")
        if not (sign_ and why.strip() and number.strip().isdecimal()):
            raise SiteError([f"--justify {text!a}: write the number of the item, =, and why"])
        found[int(number)] = why
    return found
