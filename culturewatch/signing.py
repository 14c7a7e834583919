"""Who seals the signatures of a site: its key and, where there is one, its certificate."""

from alerts.token import load_key
from batches.export import pades
from batches.export.stamp import box
from batches.export.stamp import stamp as picture
from batches.ledger import Ledger
from batches.person import Person
from batches.signature import Step
from batches.signing import Signatory, Stamp
from culturewatch import paths
from culturewatch.site import Site


def signatory(site: Site, ledger: Ledger) -> Signatory:
    """What signs records of ``site``.

    Raises:
        alerts.token.KeyFileError: the site's key cannot be used.
        batches.export.pades.PadesError: its certificate cannot.
    """
    key = load_key(paths.signing_key(site.data), {})
    return Signatory(ledger, key, str(site.zone), stamp=_stamp(site))


def _stamp(site: Site) -> Stamp | None:
    settings = site.file.signing
    if settings is None:
        return None
    certified = pades.load(
        site.base / settings.key,
        certificate=site.base / settings.certificate if settings.certificate else None,
        password=site.reveal(settings.password),
        server=settings.timestamp,
    )

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
