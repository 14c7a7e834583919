"""Who seals the signatures of a site: its key and, where there is one, its certificate."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from batches.export import pades, token
from batches.export.pades import Certified
from batches.export.stamp import box
from batches.export.stamp import stamp as picture
from batches.ledger import Ledger
from batches.person import Person
from batches.signature import Step
from batches.signing import Signatory, Stamp
from culturewatch.signing_key import secret
from culturewatch.site import Site
from culturewatch.site_file import SigningTable


def signatory(site: Site, ledger: Ledger, *, by: str, stamp: Stamp | None) -> Signatory:
    """What signs records of ``site``; ``by`` is who signs first, where nobody has yet.

    Raises:
        as ``culturewatch.signing_key.secret``.
    """
    return Signatory(ledger, secret(site, ledger, by), str(site.zone), stamp=stamp)


@contextmanager
def stamping(site: Site) -> Iterator[Stamp | None]:
    """What signs the pages of a site that has a certificate; a session with a token ends with it.

    Raises:
        batches.export.pades.PadesError: the certificate or its key cannot be used.
    """
    with ExitStack() as opened:
        settings = site.file.signing
        yield None if settings is None else _stamp(site, _certified(site, settings, opened))


def _stamp(site: Site, certified: Certified) -> Stamp:
    def stamp(pages: bytes, step: Step, person: Person, meaning: str, at: int) -> bytes:
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


def _certified(site: Site, settings: SigningTable, opened: ExitStack) -> Certified:
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
