"""Whether vials that were given to another site are those that it sends back."""

from sqlalchemy import Connection, true

from batches import kinship, patients, standing, transit
from batches.consignment import Consignment, Sent
from batches.identities import Identities
from batches.placement import Refused
from batches.transit import Journey
from batches.vial import Vial
from storage import views


def coming_back(
    connection: Connection, came: Consignment, site: str, identities: Identities
) -> frozenset[str]:
    """Which vials of it were at ``site`` before.

    Raises:
        Refused: one of them cannot come back, or not with what is said of it.
    """
    sent = {each.id: each for each in came.vials}
    known = {
        vial.id: vial
        for some in kinship.chunks(sent)
        for vial in standing.vials(connection, views.aliquot.c.id.in_(some))
    }
    left: dict[str, Journey] = {}
    for journey in transit.of_vials(connection, known, true()):
        left[journey.vial] = journey
    owners = kinship.patients(connection, known)
    handles = {handle for found in owners.values() for handle in found}
    tokens = patients.shown(connection, identities, handles)
    for id_, vial in known.items():
        _check_return(vial, sent[id_], left.get(id_), site)
        handle = next(iter(owners[id_]), "")
        # Else a patient who was erased here would be enrolled again.
        if sent[id_].patient != tokens.get(handle, handle):
            raise Refused(
                f"{id_}: is said to be of another patient than in this ledger, or that one "
                "was erased here; ask the other site, and dispose of it there",
                row=vial.row,
            )
    return frozenset(known)


def _check_return(vial: Vial, sent: Sent, left: Journey | None, site: str) -> None:
    if (vial.batch, vial.passage, vial.frozen_at) != (sent.batch, sent.passage, sent.frozen_at):
        raise Refused(
            f"{vial.id}: is something else in this ledger; two sites need ids with prefixes of "
            "their own",
            row=vial.row,
        )
    if vial.ended_at is None:
        raise Refused(
            f"{vial.id}: is in this ledger and was not delivered elsewhere; enter that first, with "
            "culturewatch vial delivered",
            row=vial.row,
        )
    if vial.ended_how != "transfer" or left is None:
        raise Refused(
            f"{vial.id}: ended here by {vial.ended_how!r}; take that back first if it is wrong",
            row=vial.ending,
        )
    if sent.dispatched_at < vial.ended_at:
        raise Refused(f"{vial.id}: was sent back before it was delivered", row=vial.ending)
    # Else another vial of that id could take its place.
    if not any(
        (each.site, each.what, each.row) == (site, "dispatch", left.row) for each in sent.custody
    ):
        raise Refused(
            f"{vial.id}: the custody that comes with it does not tell how it left here",
            row=left.row,
        )
