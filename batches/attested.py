"""Checks what came to lie beside a record's manifest, and that the ledger knows the record.

Offline, signatures prove that nothing changed since they were given, to whoever knows the
fingerprint of the site's key. With the ledger at hand, the manifest must be one that it entered,
and the signatures those that it keeps.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from batches import editions, signature
from batches.export import manifest
from batches.export.manifest import Manifest
from batches.export.wording import local
from batches.signature import Signature, SignatureError, fingerprint
from storage.database import Database, DatabaseError

SIGNED_PAPER = "record-signed.pdf"
_VERSIONED = ("culturewatch.record/", "culturewatch.equipment-log/", "culturewatch.excursions/")
_UNENTERED = (
    *("culturewatch.record/1", "culturewatch.record/2", "culturewatch.record/3"),
    *("culturewatch.equipment-log/1", "culturewatch.excursions/1"),
)
"""Schemas of records that were made before the ledger kept their versions."""


class Finding(msgspec.Struct, frozen=True):
    """What was found at ``where``, and whether that is well."""

    well: bool
    where: str
    what: str


def beside(folder: Path, listed: Manifest, wanted: str = "") -> Iterator[Finding]:
    """What is found in the signatures and the signed pages beside the manifest of ``folder``.

    ``wanted`` is the fingerprint of the key that must have sealed them; empty for any.
    """
    try:
        found = signature.read(folder)
    except SignatureError as error:
        yield Finding(well=False, where=signature.NAME, what=str(error))
        return
    digest = signature.manifest_digest(folder)
    given: Sequence[Signature] = () if found is None else found.signatures
    if found is not None:
        wrong = [*signature.faults(found, listed.record, digest)]
        yield from (Finding(well=False, where=signature.NAME, what=what) for what in wrong)
        if not wrong:
            yield from (_signed(each) for each in given)
            key = fingerprint(given[-1].key)
            well = wanted.lower() in {"", key}
            what = f"sealed by the key with SHA-256 {key}{'' if well else f', not by {wanted}'}"
            yield Finding(well=well, where=signature.NAME, what=what)
    elif wanted:
        yield Finding(well=False, where=signature.NAME, what="is missing: nobody has signed")
    yield from _pages(folder, given)


def _signed(each: Signature) -> Finding:
    who = f"{each.name} ({each.person}, {', '.join(each.roles)})"
    why = f"; {len(each.justified)} open items justified" if each.justified else ""
    what = f"{each.step} by {who}, {local(ZoneInfo('UTC'), each.at)}: {each.meaning}{why}"
    return Finding(well=True, where=signature.NAME, what=what)


def _pages(folder: Path, given: Sequence[Signature]) -> Iterator[Finding]:
    path, wanted = folder / SIGNED_PAPER, given[-1].paper if given else ""
    there = path.exists() or path.is_symlink()
    if not there:
        if wanted:
            yield Finding(well=False, where=SIGNED_PAPER, what="is missing")
        return
    if not manifest.is_plain(path):
        yield Finding(well=False, where=SIGNED_PAPER, what="is not a file of this folder")
        return
    if not wanted:
        yield Finding(well=False, where=SIGNED_PAPER, what="no signature names it; it was added")
        return
    yield from _signed_pages(folder, path, wanted)


def _signed_pages(folder: Path, path: Path, wanted: str) -> Iterator[Finding]:
    """The signed copy at ``path``, against the pages of ``folder`` and its SHA-256 ``wanted``."""
    if not manifest.is_plain(folder / manifest.PAPER):
        what = f"cannot be held against {manifest.PAPER}, which is no file of this folder"
        yield Finding(well=False, where=SIGNED_PAPER, what=what)
        return
    # pyHanko is slow to import, and most records have no signed pages.
    from batches.export import pades  # noqa: PLC0415

    try:
        original, pages = (folder / manifest.PAPER).read_bytes(), path.read_bytes()
    except OSError as error:
        yield Finding(well=False, where=SIGNED_PAPER, what=f"cannot be read: {error.strerror}")
        return
    actual = manifest.describe(path).sha256
    if actual != wanted:
        what = f"was changed after the last signature (expected {wanted}, found {actual})"
        yield Finding(well=False, where=SIGNED_PAPER, what=what)
    for well, what in pades.check(original, pages):
        yield Finding(well=well, where=SIGNED_PAPER, what=what)


def in_ledger(folder: Path, listed: Manifest, url: str, where: str) -> Iterator[Finding]:
    """What the ledger at ``url``, called ``where``, says of the record in ``folder``."""
    digest = signature.manifest_digest(folder)
    try:
        with Database(url, inspecting=True).reading() as connection:
            mine = editions.of_manifest(connection, digest)
            known = editions.editions(connection, _subject(listed))
            given = editions.signatures(connection, digest)
    except DatabaseError:
        # The chain of the ledger has said what is wrong with it.
        return
    if not listed.record_schema.startswith(_VERSIONED):
        # Other reports have no versions, and nobody signs them here.
        return
    if mine is None:
        yield _stranger(listed, where)
    else:
        what = f"is version {mine.version} of {len(known)}, entered as row {mine.row} of {where}"
        yield Finding(well=True, where=manifest.NAME, what=what)
    try:
        found = signature.read(folder)
    except SignatureError:
        return
    here = found.signatures if found else ()
    if here != given:
        what = f"holds {len(here)} signatures, and the ledger knows {len(given)} that say otherwise"
        if here == given[: len(here)]:
            what = f"lacks {len(given) - len(here)} signatures that the ledger knows"
        yield Finding(well=False, where=signature.NAME, what=what)


def _stranger(listed: Manifest, where: str) -> Finding:
    if listed.record_schema in _UNENTERED:
        what = f"is of {listed.record_schema}, of which {where} kept no versions"
        return Finding(well=True, where=manifest.NAME, what=what)
    what = f"{where} never entered a record with this manifest; it was rewritten or made elsewhere"
    return Finding(well=False, where=manifest.NAME, what=what)


def missing(folder: Path, listed: Manifest, url: str) -> tuple[str, ...]:
    """The other versions of the record in ``folder`` that do not lie beside it, in words."""
    try:
        with Database(url, inspecting=True).reading() as connection:
            known = editions.editions(connection, _subject(listed))
    except DatabaseError:
        return ()
    around = folder.absolute().parent
    there = {
        manifest.describe(path).sha256
        for path in around.glob(f"*/{manifest.NAME}")
        if manifest.is_plain(path)
    }
    return tuple(
        f"version {each.version} of {each.subject} (manifest {each.manifest})"
        for each in known
        if each.manifest not in there
    )


def _subject(listed: Manifest) -> str:
    """Of a record's id, ``B-2026-0001/1767628800000``, what it is about."""
    return listed.record.rpartition("/")[0]
