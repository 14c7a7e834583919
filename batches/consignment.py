"""The file that goes with a shipment to a site with its own ledger: life goes on there.

It says whose the vials are and where they come from, what they went through so far, who had them
in hand, and at which head the ledger stood that says so. A SHA-256 seals it: against accident by
itself, against malice when both sites compare it by another way than the file took.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from batches import kinship, patients, standing, transit
from batches.cryo import Warmth
from batches.custody import Handover, custody
from batches.export.json import canonical
from batches.kinship import Kin
from batches.ledger import Ledger
from batches.placement import Refused
from batches.transit import Journey
from batches.vial import number_of
from storage import schema, whole
from storage.acts import head
from storage.chain import Head

FORMAT = "culturewatch consignment 1"
_LARGEST = 256 * 1024 * 1024


class ConsignmentError(Exception):
    """The file is no consignment, or not as it was written; the text says what to do."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vial that was sent. Times are epoch milliseconds, UTC.

    ``patient`` is the token, empty where the ledger does not know whose it is. ``warmth`` is
    cumulated up to ``dispatched_at``, parents included.
    """

    id: str
    batch: str
    passage: int
    frozen_at: int
    frozen_by: str
    patient: str
    dispatched_at: int
    gave: str
    logger: str
    warmth: tuple[Warmth, ...]
    custody: tuple[Handover, ...]


class Ancestor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch, biopsy or thawed vial that vials come from.

    ``what`` is ``batch``, ``biopsy`` or ``vial``; of a biopsy only ``began_at`` says anything,
    ``of`` is the batch of a vial. Times are epoch milliseconds, UTC.
    """

    what: str
    id: str
    began_at: int
    ended_at: int | None = None
    product: str = ""
    passage: int | None = None
    of: str = ""


class Consignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; ``head`` is the end of the ledger's chain when it was made."""

    format: str
    shipment: str
    origin: str
    destination: str
    carrier: str
    shipper: str
    made_at: int
    made_by: str
    head: Head
    vials: tuple[Sent, ...]
    ancestors: tuple[Ancestor, ...]
    kin: tuple[Kin, ...]


class Sealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the file: ``sha256`` is of ``consignment`` in canonical JSON."""

    consignment: Consignment
    sha256: str


def consign(
    shipment: str, *, ledger: Ledger, warmth: Mapping[str, tuple[Warmth, ...]], by: str
) -> Consignment:
    """What goes with ``shipment``; ``warmth`` by vial, up to when each was sent.

    Raises:
        Refused: there is no such shipment, nothing of it is on the way, or of a vial that was
            erased nobody can say whose it is.
    """
    with ledger.database.reading() as connection:
        sent = transit.shipment(connection, shipment)
        on_the_way = [each for each in sent.journeys if each.end is None]
        if not on_the_way:
            raise Refused(f"{shipment}: nothing of it is on the way", row=sent.row)
        kin = kinship.ancestors(connection, [each.vial for each in on_the_way])
        return Consignment(
            format=FORMAT,
            shipment=sent.id,
            origin=sent.origin,
            destination=sent.destination,
            carrier=sent.carrier,
            shipper=sent.shipper,
            made_at=ledger.clerk.now(),
            made_by=by,
            head=head(connection),
            vials=tuple(_sent(connection, ledger, on_the_way, warmth)),
            ancestors=tuple(_ancestors(connection, kin)),
            kin=patients.named(connection, ledger.identities, kin),
        )


def write(consignment: Consignment, path: Path) -> str:
    """Write it to a new file at ``path``; the SHA-256 that seals it.

    Raises:
        OSError: it cannot be written, or something is there already.
    """
    sealed = Sealed(consignment=consignment, sha256=digest(consignment))
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    whole.write(path, canonical(sealed))
    return sealed.sha256


def read(path: Path) -> Sealed:
    """The consignment in the file at ``path``, if it is as it was written.

    Raises:
        ConsignmentError: it is not.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(_LARGEST + 1)
    try:
        sealed = msgspec.json.decode(raw, type=Sealed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConsignmentError(
            f"{path}: is no consignment that this version reads: {error}; have it made again with "
            "culturewatch vial manifest"
        ) from error
    if sealed.consignment.format != FORMAT:
        raise ConsignmentError(f"{path}: is not of the form {FORMAT!r}; have it made again")
    found = digest(sealed.consignment)
    if found != sealed.sha256:
        raise ConsignmentError(
            f"{path}: was changed since it was written (SHA-256 {found} instead of "
            f"{sealed.sha256}); have it sent again"
        )
    return sealed


def digest(consignment: Consignment) -> str:
    """The SHA-256 of it in canonical JSON."""
    return hashlib.sha256(canonical(consignment)).hexdigest()


def _sent(
    connection: Connection,
    ledger: Ledger,
    journeys: list[Journey],
    warmth: Mapping[str, tuple[Warmth, ...]],
) -> Iterator[Sent]:
    ids = [each.vial for each in journeys]
    owners = kinship.patients(connection, ids)
    handles = {handle for found in owners.values() for handle in found}
    tokens = patients.shown(connection, ledger.identities, handles)
    chains = custody(connection, ids)
    for journey in journeys:
        vial = standing.vial(connection, journey.vial)
        handle = next(iter(owners[vial.id]), "")
        if handle and handle not in tokens and not patients.is_plain(connection, handle):
            raise Refused(
                f"{vial.id}: its patient, {handle}, was erased or the key is not here; another "
                "site could not know whose cells these are"
            )
        yield Sent(
            id=vial.id,
            batch=vial.batch,
            passage=vial.passage,
            frozen_at=vial.frozen_at,
            frozen_by=vial.frozen_by,
            patient=tokens.get(handle, handle),
            dispatched_at=journey.start,
            gave=journey.gave,
            logger=journey.logger,
            warmth=warmth[vial.id],
            custody=chains.get(vial.id, ()),
        )


def _ancestors(connection: Connection, kin: tuple[Kin, ...]) -> Iterator[Ancestor]:
    above = sorted({each.parent for each in kin})
    biopsy = schema.biopsy.c
    for id_ in above:
        if number_of(id_) is not None:
            vial = standing.vial(connection, id_)
            yield Ancestor(
                what="vial",
                id=id_,
                began_at=vial.frozen_at,
                ended_at=vial.ended_at,
                passage=vial.passage,
                of=vial.batch,
            )
        elif (batch := standing.find(connection, id_)) is not None:
            yield Ancestor(
                what="batch",
                id=id_,
                began_at=batch.opened_at,
                ended_at=batch.closed_at,
                product=batch.product,
                passage=standing.passage(connection, id_),
            )
        else:
            taken = connection.execute(select(biopsy.taken_at).where(biopsy.id == id_)).scalar()
            if taken is not None:
                yield Ancestor(what="biopsy", id=id_, began_at=taken)
