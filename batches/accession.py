"""Takes a consignment of another site into this ledger: vials on the way, with all that they bring.

Everything is checked before anything is entered. What came before is entered as of then, by who
takes the consignment in; who did it at the other site stands in the chain of custody.
"""

from collections.abc import Collection, Iterator

import msgspec
from sqlalchemy import Connection, select

from batches import kinship, patients, standing, transit
from batches.batch import Signed
from batches.clerk import check_new, check_text
from batches.consignment import Ancestor, Consignment, Sealed, Sent
from batches.cryo import THRESHOLDS_C
from batches.export.json import canonical
from batches.ledger import Ledger
from batches.lineage import check_token
from batches.placement import Refused
from batches.returning import coming_back
from batches.transit import Shipment
from batches.vial import names_a_token, number_of
from storage import schema, views
from storage.acts import Entry, append_all
from storage.chain import Scalar


class Accession:
    """Acts of taking consignments in; kept and refused like those of ``batches.ledger.Ledger``."""

    def __init__(self, ledger: Ledger) -> None:
        """Work on ``ledger``."""
        self._database = ledger.database
        self._clerk = ledger.clerk
        self._identities = ledger.identities

    def accept(self, sealed: Sealed, *, site: str, act: Signed) -> Shipment:
        """Enter the vials of a consignment to ``site`` as on the way here.

        ``batches.shipping.Shipping.receive`` takes them in when they have come. A vial that was
        delivered elsewhere comes back so as well: its life here goes on.
        """
        came = sealed.consignment
        if came.origin == site:
            raise Refused(f"{came.shipment}: left from here; it is accepted where it goes")
        _check(came)
        with self._database.writing() as connection:
            # Before keys are made for somebody who may not enter them.
            self._clerk.entry("accession", came.shipment, act)
            self._check_new(connection, came)
            back = coming_back(connection, came, site, self._identities)
            handles, enrolled = self._patients(connection, came, act)
            plain = _by_handle(came, handles)
            append_all(connection, [*enrolled, *self._history(connection, plain, back, act)])
            for vial in plain.vials:
                self._check_owner(connection, vial)
            append_all(connection, self._arrivals(plain, back, sealed.sha256, act))
            return transit.shipment(connection, came.shipment)

    def _check_new(self, connection: Connection, came: Consignment) -> None:
        columns = schema.shipment.c
        known = select(columns.sequence).where(columns.id == came.shipment)
        row = connection.execute(known).scalar()
        if row is not None:
            raise Refused(f"{came.shipment}: is entered already", row=row)

    def _patients(
        self, connection: Connection, came: Consignment, act: Signed
    ) -> tuple[dict[str, str], list[Entry]]:
        """The handle of each token of the consignment; what enrols those that are new."""
        handles, new = {}, []
        for token in sorted({each.patient for each in came.vials} - {""}):
            known = patients.find(connection, self._identities, token)
            if known is None:
                new.append(token)
            else:
                handles[token] = known
        entries = []
        if new:
            why = Signed(by=act.by, at=act.at, reason=act.reason or came.shipment)
            for token, (handle, sealed) in self._identities.enrol_all(new).items():
                handles[token] = handle
                detail: dict[str, Scalar] = {"handle": handle, "sealed": sealed}
                entries.append(Entry(self._clerk.entry("enrol", handle, why), "enrolment", detail))
        return handles, entries

    def _history(
        self, connection: Connection, came: Consignment, back: Collection[str], act: Signed
    ) -> Iterator[Entry]:
        said = _Said(act, came)
        biopsies = {each.id for each in came.ancestors if each.what == "biopsy"}
        new = set()
        for each in came.ancestors:
            if _known(connection, each):
                continue
            new.add(each.id)
            yield from self._ancestor(connection, each, said)
        kinds = views.kinship.c
        for kin in came.kin:
            there = (kinds.child == kin.child) & (kinds.parent == kin.parent)
            # What a vial is frozen of stands with the vial.
            if (
                kin.kind == "freeze"
                or connection.execute(select(kinds.sequence).where(there)).first()
            ):
                continue
            if kin.child not in new:
                raise Refused(f"{kin.child}: comes from something else in this ledger")
            detail: dict[str, Scalar] = {
                "child": kin.child,
                "parent": kin.parent,
                "since": kin.at,
            }
            first = "biopsy" if kin.child in biopsies else "start"
            kind = first if kin.kind == "relink" else kin.kind
            yield Entry(self._clerk.entry(kind, kin.child, said.at(kin.at)), "descent", detail)
        for vial in came.vials:
            if vial.id in back:
                continue
            entry = self._clerk.entry("freeze", vial.id, said.at(vial.frozen_at))
            yield Entry(entry, "vial", _vial(vial.id, vial.batch, vial.passage, vial.frozen_at))

    def _ancestor(self, connection: Connection, each: Ancestor, said: "_Said") -> Iterator[Entry]:
        began = said.at(each.began_at)
        if each.what == "vial":
            if number_of(each.id) is None or each.passage is None or each.ended_at is None:
                raise Refused(f"{each.id}: is no vial that was thawed")
            entry = self._clerk.entry("freeze", each.id, began)
            yield Entry(entry, "vial", _vial(each.id, each.of, each.passage, each.began_at))
            yield Entry(self._clerk.entry("thaw", each.id, said.at(each.ended_at)))
            return
        check_new(connection, each.id)
        if each.what == "biopsy":
            taken: dict[str, Scalar] = {"id": each.id, "taken_at": each.began_at}
            yield Entry(self._clerk.entry("biopsy", each.id, began), "biopsy", taken)
            return
        opened: dict[str, Scalar] = {
            "id": each.id,
            "product": each.product,
            "protocol": "",
            "opened_at": each.began_at,
        }
        yield Entry(self._clerk.entry("open", each.id, began), "batch", opened)
        if each.passage is not None:
            number: dict[str, Scalar] = {"batch": each.id, "number": each.passage}
            yield Entry(self._clerk.entry("passage", each.id, began), "passage", number)
        # It may live on where it came from; here it is only what the vials come from.
        ended = said.at(said.left if each.ended_at is None else each.ended_at)
        yield Entry(self._clerk.entry("close", each.id, ended))

    def _check_owner(self, connection: Connection, vial: Sent) -> None:
        owners = kinship.patients(connection, [vial.id])[vial.id]
        if owners != ({vial.patient} if vial.patient else set()):
            raise Refused(
                f"{vial.id}: the consignment says that it is of {vial.patient or 'nobody known'}, "
                f"this ledger that it comes from {' and '.join(sorted(owners)) or 'nobody known'}"
            )

    def _arrivals(
        self, came: Consignment, back: Collection[str], sha256: str, act: Signed
    ) -> Iterator[Entry]:
        said = _Said(act, came)
        sent: dict[str, Scalar] = {
            "id": came.shipment,
            "origin": came.origin,
            "destination": came.destination,
            "carrier": came.carrier,
            "shipper": came.shipper,
        }
        yield Entry(self._clerk.entry("ship", came.shipment, said.at(said.left)), "shipment", sent)
        noted: dict[str, Scalar] = {
            "shipment": came.shipment,
            "source": came.origin,
            "sha256": sha256,
            "head_sequence": came.head.sequence,
            "head_hash": came.head.hash,
            "content": canonical(came).decode(),
        }
        yield Entry(self._clerk.entry("accession", came.shipment, act), "consignment", noted)
        for vial in came.vials:
            sent_at = said.at(vial.dispatched_at)
            on_the_way: dict[str, Scalar] = {
                "shipment": came.shipment,
                "vial": vial.id,
                "start_at": vial.dispatched_at,
                "gave": vial.gave,
                "logger": vial.logger,
            }
            yield Entry(self._clerk.entry("dispatch", vial.id, sent_at), "transit", on_the_way)
            if vial.id in back:
                yield Entry(self._clerk.entry("return", vial.id, sent_at))
            yield Entry(self._clerk.entry("carry", vial.id, act), "carried", _warmth(came, vial))


class _Said:
    """How what happened elsewhere is entered here: as of then, with the shipment as the reason."""

    def __init__(self, act: Signed, came: Consignment) -> None:
        self._by = act.by
        self._reason = f"{came.shipment}, row {came.head.sequence} of the ledger of {came.origin}"
        self.left = min(each.dispatched_at for each in came.vials)

    def at(self, at: int) -> Signed:
        return Signed(by=self._by, at=at, reason=self._reason)


def _check(came: Consignment) -> None:
    """What the file says can be kept, and hangs together.

    Raises:
        Refused: it cannot, or does not.
    """
    for text in _texts(msgspec.to_builtins(came)):
        check_text(consignment="" if names_a_token(text) else text)
    for token in {each.patient for each in came.vials} - {""}:
        check_token(token)
    if not came.vials:
        raise Refused(f"{came.shipment}: holds no vial")
    if len({each.id for each in came.vials}) != len(came.vials):
        raise Refused(f"{came.shipment}: names a vial twice")
    ancestors = {each.id: each for each in came.ancestors}
    for each in came.ancestors:
        if each.ended_at is not None and each.ended_at < each.began_at:
            raise Refused(f"{each.id}: ended before it began")
    for vial in came.vials:
        _check_vial(vial, ancestors.get(vial.batch))


def _check_vial(vial: Sent, batch: Ancestor | None) -> None:
    if number_of(vial.id) is None or batch is None or batch.what != "batch":
        raise Refused(f"{vial.id}: is no vial of a batch that the consignment tells of")
    if not batch.began_at <= vial.frozen_at <= vial.dispatched_at:
        raise Refused(f"{vial.id}: was frozen before its batch was opened, or after it was sent")
    if tuple(each.threshold for each in vial.warmth) != THRESHOLDS_C or any(
        each.above_ms < 0 or each.unknown_ms < 0 for each in vial.warmth
    ):
        raise Refused(f"{vial.id}: its time above {THRESHOLDS_C} degC is not told")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _by_handle(came: Consignment, handles: dict[str, str]) -> Consignment:
    """``came`` with handles in the place of tokens, which must stand nowhere in a chain."""
    replace = msgspec.structs.replace
    plain = replace(
        came,
        vials=tuple(
            replace(each, patient=handles.get(each.patient, each.patient)) for each in came.vials
        ),
        kin=tuple(replace(kin, parent=handles.get(kin.parent, kin.parent)) for kin in came.kin),
    )
    # An older ledger has tokens that are their own handles.
    allowed = set(handles.values())
    texts = _texts(msgspec.to_builtins(plain))
    if any(names_a_token(text) for text in texts if text not in allowed):
        raise Refused(f"{came.shipment}: names a patient's token where none belongs")
    return plain


def _known(connection: Connection, each: Ancestor) -> bool:
    """Whether this very thing is in the ledger, as after an earlier shipment.

    Raises:
        Refused: something else of this id is.
    """
    there: tuple[int | None, str] | None = None
    if each.what == "vial":
        found = standing.vials(connection, views.aliquot.c.id == each.id)
        there = (found[0].frozen_at, found[0].batch) if found else None
    elif each.what == "batch":
        batch = standing.find(connection, each.id)
        there = None if batch is None else (batch.opened_at, batch.product)
    else:
        taken = select(schema.biopsy.c.taken_at).where(schema.biopsy.c.id == each.id)
        at = connection.execute(taken).scalar()
        there = None if at is None else (at, "")
    if there is None:
        return False
    if there != (each.began_at, each.of or each.product):
        raise Refused(
            f"{each.id}: is something else in this ledger; two sites need ids with prefixes of "
            "their own"
        )
    return True


def _vial(id_: str, batch: str, passage: int, frozen_at: int) -> dict[str, Scalar]:
    return {"id": id_, "batch": batch, "passage": passage, "frozen_at": frozen_at}


def _warmth(came: Consignment, vial: Sent) -> dict[str, Scalar]:
    above = {each.threshold: each for each in vial.warmth}
    return {
        "vial": vial.id,
        "shipment": came.shipment,
        "until_at": vial.dispatched_at,
        "above_150_ms": above[-150.0].above_ms,
        "above_135_ms": above[-135.0].above_ms,
        "unknown_ms": max(each.unknown_ms for each in vial.warmth),
    }
