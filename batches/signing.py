"""A person signs a record: checked, entered in the ledger, and kept beside the manifest.

The ledger is asked and written first. The files are made in a hidden folder beside the record and
on disk before the ledger keeps the signature; then they take their places. Who is killed in
between finds the ledger ahead of the folder, and the next look (``settle``) ends what was begun.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from batches import authority, ciphers, editions, signature, site_key
from batches.batch import Signed
from batches.clerk import check_text
from batches.editions import Edition
from batches.export import manifest
from batches.export.json import canonical
from batches.ledger import Ledger
from batches.person import Person
from batches.record import dossier
from batches.signature import Justified, Signature, SignatureError, Signatures, Step
from batches.verify import verify

SIGNED_PAPER = "record-signed.pdf"
Stamp = Callable[[bytes, Step, Person, str, int], bytes]
"""Signs pages: the file so far, the step, who, with which meaning, when (epoch ms, UTC)."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to sign. ``why`` are justifications, by the number of the open item."""

    step: Step
    person: Person
    meaning: str = ""
    why: Mapping[int, str] = {}


class _Said(msgspec.Struct, frozen=True):
    """What is asked of ``record.json`` before it is signed; a report names its ``people``."""

    open_items: tuple[str, ...]
    people: tuple[str, ...] = ()


class Signatory:
    """Signs records of one site."""

    def __init__(
        self, ledger: Ledger, key: bytes, zone: str, *, stamp: Stamp | None = None
    ) -> None:
        """``key`` is the site's secret, 32 bytes or more; ``zone`` where its clocks are.

        ``stamp`` signs the pages as well; None: there is no certificate for that.
        """
        self._ledger = ledger
        self._private = site_key.private_half(key)
        self._zone = zone
        self._stamp = stamp

    @property
    def public(self) -> str:
        """The public half of the site's key, in hexadecimal."""
        return ciphers.public_half(self._private).hex()

    def sign(self, folder: Path, wish: Wish) -> Signature:
        """Sign the record in ``folder``; all of it is kept, or nothing.

        Raises:
            SignatureError: the record is not what was made, is not the newest, or it is not the
                turn of this step.
            batches.authority.Denied: the person may not; that is kept in the audit trail.
            batches.placement.Refused: a text cannot be kept.
            storage.database.DatabaseError: the ledger cannot be used.
            OSError: the files cannot be written.
        """
        check_text(meaning=wish.meaning, **{f"item {n}": why for n, why in wish.why.items()})
        settle(folder, self._ledger)
        digest = _sound(folder)
        meaning = wish.meaning.strip() or _meaning(folder, wish.step)
        edition, given = self._known(folder, digest)
        kind = f"sign-{wish.step}"
        touched = self._touched(folder, edition, given)
        self._ledger.authorise(kind, edition.subject, wish.person.id, touched=touched)
        why_not = signature.why_not_now(wish.step, given)
        if why_not is not None:
            raise SignatureError(f"{folder}: {why_not}; nothing was signed")
        if given and given[-1].key != self.public:
            raise SignatureError(
                f"{folder}: was signed by another key of this site; put secrets/signing.key back "
                "from a backup, or make the record again and sign that version"
            )
        at = self._ledger.clerk.now()
        pages = self._pages(folder, wish, meaning, at)
        unsealed = Signature(
            number=len(given) + 1,
            step=wish.step,
            person=wish.person.id,
            name=wish.person.name,
            roles=tuple(role.value for role in wish.person.roles),
            meaning=meaning,
            at=at,
            zone=self._zone,
            justified=_justified(folder, wish),
            paper=_paper(pages, given),
            key=self.public,
            previous=given[-1].hash if given else digest,
        )
        new = unsealed.sealed(self._private)
        self._keep(folder, edition, (*given, new), pages, touched)
        return new

    def _known(self, folder: Path, digest: str) -> tuple[Edition, tuple[Signature, ...]]:
        with self._ledger.database.reading() as connection:
            edition = editions.of_manifest(connection, digest)
            if edition is None:
                raise SignatureError(
                    f"{folder}: the ledger knows no record with this manifest; make the record "
                    "again with culturewatch record, and sign that"
                )
            newest = editions.editions(connection, edition.subject)[-1]
            given = editions.signatures(connection, digest)
        if newest.version != edition.version:
            raise SignatureError(
                f"{folder}: is version {edition.version} of the record of {edition.subject}, and "
                f"there is version {newest.version}; sign that"
            )
        found = signature.read(folder)
        if (found.signatures if found else ()) != given:
            raise SignatureError(
                f"{folder}: {signature.NAME} does not hold the {len(given)} signatures that the "
                "ledger knows of this record; sign in the folder that has them"
            )
        return edition, given

    def _touched(
        self, folder: Path, edition: Edition, given: Sequence[Signature]
    ) -> frozenset[str]:
        if signature.is_report(manifest.read(folder).record_schema):
            hands = frozenset(_said(folder).people)
        else:
            hands = authority.hands(dossier(edition.subject, self._ledger).acts)
        return hands | {g.person for g in given if g.step is Step.PREPARED}

    def _pages(self, folder: Path, wish: Wish, meaning: str, at: int) -> bytes | None:
        if self._stamp is None:
            return None
        before = folder / SIGNED_PAPER
        source = before if before.exists() else folder / manifest.PAPER
        return self._stamp(source.read_bytes(), wish.step, wish.person, meaning, at)

    def _keep(
        self,
        folder: Path,
        edition: Edition,
        given: tuple[Signature, ...],
        pages: bytes | None,
        touched: frozenset[str],
    ) -> None:
        new = given[-1]
        kind = f"sign-{new.step}"
        with self._ledger.database.writing() as connection:
            if editions.signatures(connection, edition.manifest) != given[:-1]:
                raise SignatureError(
                    f"{folder}: somebody signed it meanwhile; look, and sign again"
                )
            # Roles are those of this instant.
            clerk = self._ledger.clerk
            clerk.gate.check(kind, edition.subject, new.person, touched)
            entry = clerk.entry(kind, edition.subject, Signed(by=new.person, reason=new.meaning))
            editions.enter_signature(connection, new, edition.manifest, entry)
            whole = Signatures(
                schema=signature.SCHEMA,
                record=edition.record,
                manifest=edition.manifest,
                signatures=given,
            )
            _lay_ready(folder, canonical(whole), pages)
        _put(folder)


def settle(folder: Path, ledger: Ledger) -> None:
    """End what somebody began who was killed while signing the record in ``folder``.

    What the ledger keeps takes its place; what it does not is removed.

    Raises:
        OSError: the files cannot be moved.
        SignatureError: there is no manifest.
        storage.database.DatabaseError: the ledger cannot be read.
    """
    ready = _ready(folder)
    if not ready.exists():
        return
    # Who signs just now lays its files ready before the ledger keeps the signature: nobody else
    # looks at them until it has.
    with ledger.database.writing() as connection:
        try:
            found = signature.read(ready)
        except SignatureError:
            found = None
        known = () if found is None else editions.signatures(connection, found.manifest)
        kept = found is not None and known == found.signatures
        if not kept:
            shutil.rmtree(ready, ignore_errors=True)
    if kept:
        _put(folder)


def _ready(folder: Path) -> Path:
    whole = folder.resolve()
    return whole.parent / f".{whole.name}.signing"


def _lay_ready(folder: Path, signatures: bytes, pages: bytes | None) -> None:
    ready = _ready(folder)
    shutil.rmtree(ready, ignore_errors=True)
    try:
        ready.mkdir()
        if pages is not None:
            _write(ready / SIGNED_PAPER, pages)
        _write(ready / signature.NAME, signatures)
        _force(ready)
        _force(ready.parent)
    except OSError:
        shutil.rmtree(ready, ignore_errors=True)
        raise


def _put(folder: Path) -> None:
    """The pages first: ``settle`` knows by the signatures that there is something to do."""
    ready = _ready(folder)
    for name in (SIGNED_PAPER, signature.NAME):
        # Another may settle what this one just kept: the files are the same.
        with suppress(FileNotFoundError):
            (ready / name).replace(folder / name)
    _force(folder)
    with suppress(FileNotFoundError):
        ready.rmdir()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _force(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sound(folder: Path) -> str:
    report = verify(folder)
    if not report.sound:
        first = report.faults[0] if report.faults else "nothing of it can be checked"
        raise SignatureError(f"{folder}: is not as it was written: {first}; nothing was signed")
    return signature.manifest_digest(folder)


def _meaning(folder: Path, step: Step) -> str:
    """What page 1 says that it means."""
    if signature.is_report(manifest.read(folder).record_schema):
        return signature.REPORT_MEANINGS[step]
    return signature.MEANINGS[step]


def _said(folder: Path) -> _Said:
    return msgspec.json.decode((folder / manifest.RECORD).read_bytes(), type=_Said)


def _justified(folder: Path, wish: Wish) -> tuple[Justified, ...]:
    if wish.step is not Step.APPROVED:
        if wish.why:
            raise SignatureError("open items are justified by whoever approves")
        return ()
    items = dict(enumerate(_said(folder).open_items, start=1))
    unknown = sorted(wish.why.keys() - items.keys())
    if unknown:
        raise SignatureError(f"{folder}: has no open item {unknown[0]}; it has {len(items)}")
    missing = [n for n in items if not wish.why.get(n, "").strip()]
    if missing:
        listed = "\n".join(f"  {n}: {items[n]}" for n in missing)
        raise SignatureError(
            f"{folder}: is approved with open items only when each is justified "
            f"(--justify 'NUMBER=why'); these are not:\n{listed}"
        )
    return tuple(
        Justified(number=n, item=item, why=wish.why[n].strip()) for n, item in items.items()
    )


def _paper(pages: bytes | None, given: Sequence[Signature]) -> str:
    if pages is not None:
        return hashlib.sha256(pages).hexdigest()
    return given[-1].paper if given else ""
