"""``culturewatch sign``: a person signs a record, with a password typed for that signature."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from batches.signature import Step
from culturewatch.cli_ledger import say
from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SiteOption
from culturewatch.faults import told
from culturewatch.site import Site, SiteError, load
from culturewatch.site_file import SigningTable

if TYPE_CHECKING:
    from batches.export.pades import Certified
    from batches.person import Person
    from batches.signing import Stamp


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
    signatures.json; with a certificate ([signing]) the pages are signed as well.
    """
    from batches.export.pades import PadesError  # noqa: PLC0415 # --help needs none of it
    from batches.export.pdf import LayoutError  # noqa: PLC0415
    from batches.ledger import Ledger  # noqa: PLC0415
    from batches.signature import SignatureError  # noqa: PLC0415
    from batches.signing import Signatory, Wish  # noqa: PLC0415
    from culturewatch.signing_key import secret  # noqa: PLC0415
    from culturewatch.who import FAULTS, Who  # noqa: PLC0415

    with told(SignatureError, PadesError, LayoutError, *FAULTS), ExitStack() as opened:
        loaded = load(site)
        why = _by_number(justify or [])
        stamp = _stamp(loaded, opened)
        ledger = Ledger(loaded.ledger_url)
        person = Who(loaded, ledger).signing(by)
        key = secret(loaded, ledger, person.id)
        signatory = Signatory(ledger, key, str(loaded.zone), stamp=stamp)
        given = signatory.sign(folder, Wish(step=as_, person=person, meaning=meaning, why=why))
    if as_json:
        say(msgspec.json.encode(given).decode())
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


def _stamp(site: Site, opened: ExitStack) -> "Stamp | None":
    """What signs pages; ``opened`` ends its session with a token."""
    from batches.export import pades  # noqa: PLC0415 # pyHanko is slow to import
    from batches.export.stamp import box  # noqa: PLC0415
    from batches.export.stamp import stamp as picture  # noqa: PLC0415

    settings = site.file.signing
    if settings is None:
        return None
    certified = _certified(site, settings, opened)

    def stamp(pages: bytes, step: Step, person: "Person", meaning: str, at: int) -> bytes:
        certified.check(at)
        said = pades.Said(
            field=step.value.title(),
            name=f"{person.name} ({person.id})",
            reason=f"{step.value.title()}: {meaning}",
            location=site.file.site.name,
            picture=picture(person.name, person.roles, at=at, zone=str(site.zone), meaning=meaning),
            place=box(step),
        )
        return certified.sign(pages, said)

    return stamp


def _certified(site: Site, settings: SigningTable, opened: ExitStack) -> "Certified":
    from batches.export import pades, token  # noqa: PLC0415

    certificate = site.base / settings.certificate if settings.certificate else None
    if settings.token is None:
        return pades.load(
            site.base / settings.key,
            certificate=certificate,
            password=site.reveal(settings.password),
            server=settings.timestamp,
        )
    named = token.Token(
        module=site.base / settings.token.module,
        label=settings.token.label,
        key=settings.token.key,
        pin=site.reveal(settings.token.pin),
        certificate=certificate,
    )
    return opened.enter_context(token.certified(named, server=settings.timestamp))
