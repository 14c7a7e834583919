"""The chain of identity: acts from a patient's token over biopsy and culture to each vial."""

from collections.abc import Sequence

from msgspec import structs
from sqlalchemy import Connection, select

from batches import kinship, patients, standing, transit
from batches.batch import Batch, Signed
from batches.clerk import check_new
from batches.kinship import Kin
from batches.ledger import Ledger
from batches.placement import Placement, Refused, check_open
from batches.vial import Place, Vial, is_token, new_token, number_of, vial_id
from storage import schema, views
from storage.acts import Act, append
from storage.chain import Scalar


class Lineage:
    """Acts on patients' tokens, biopsies, passages and vials.

    They are kept and refused like those of ``batches.ledger.Ledger``, with which it shares the
    database and the clerk.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Work on ``ledger``."""
        self._database = ledger.database
        self._clerk = ledger.clerk
        self._identities = ledger.identities

    def enrol(self, *, act: Signed, token: str = "") -> str:
        """Enter a patient by a token, a new one unless ``token`` is given; never by a name.

        The ledger gets a handle and a sealed text only; the key is kept outside of it.
        """
        token = token or new_token()
        check_token(token)
        with self._database.writing() as connection:
            self._finish_erasures(connection)
            known = patients.find(connection, self._identities, token)
            if known is not None:
                whose = "" if known == token else f", as {known}"
                raise Refused(f"that token exists already{whose}")
            # Before a key is made for somebody who may not be entered.
            self._clerk.entry("enrol", "a patient", act)
            handle, sealed = self._identities.enrol(token)
            entry = self._clerk.entry("enrol", handle, act)
            append(connection, entry, "enrolment", {"handle": handle, "sealed": sealed})
        return token

    def erase(self, patient: str, *, act: Signed, stored: bool = False) -> str:
        """Destroy the key of ``patient``, a token or handle, so that nobody can read the token.

        The chain, and who comes from whom, stay as they are under the handle, which is returned.
        ``stored`` says that cells of the patient may be left, nameless, in the bank.

        Raises:
            batches.identities.IdentityError: the erasure is entered but the key is still there;
                this does it when it is called again.
        """
        if not act.reason.strip():
            raise Refused("say why the patient is erased")
        with self._database.writing() as connection:
            handle = patients.handle_of(connection, self._identities, patient)
            if patients.is_plain(connection, handle):
                raise Refused(
                    "this token was entered in plain text, before tokens were sealed: it is "
                    "hashed into the chain and cannot be erased from this ledger"
                )
            if handle not in patients.erased(connection):
                if not stored:
                    _check_none_left(connection, handle)
                append(connection, self._clerk.entry("erase", handle, act))
        # First the entry, then the key: broken off in between, the next call goes on from here.
        with self._database.writing() as connection:
            self._finish_erasures(connection)
        return handle

    def _finish_erasures(self, connection: Connection) -> None:
        for handle in patients.erased(connection):
            self._identities.destroy(handle)

    def take(self, biopsy: str, patient: str, *, act: Signed) -> None:
        """Enter that ``biopsy`` was taken from ``patient`` (a token or handle) at ``act.at``."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            check_new(connection, biopsy)
            handle = patients.handle_of(connection, self._identities, patient)
            entry = self._clerk.entry("biopsy", biopsy, act)
            append(connection, entry, "biopsy", {"id": biopsy, "taken_at": entry.at})
            self._descend(connection, "biopsy", biopsy, handle, act)

    def start(
        self, batch: str, biopsy: str, *, product: str, act: Signed, protocol: str = ""
    ) -> Batch:
        """Open ``batch`` from ``biopsy``, in passage 0."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            taken = connection.execute(
                select(schema.biopsy.c.taken_at).where(schema.biopsy.c.id == biopsy)
            ).scalar()
            if taken is None:
                raise Refused(f"{biopsy!r} is not a biopsy of this ledger; enter it first")
            if self._clerk.entry("open", batch, act).at < taken:
                raise Refused(f"{batch}: cannot begin before {biopsy} was taken")
            culture = self._clerk.open(
                connection, batch, product=product, protocol=protocol, act=act
            )
            self._descend(connection, "start", batch, biopsy, act)
            self._pass(connection, batch, 0, act)
            return culture

    def passage(self, batch: str, *, act: Signed, number: int | None = None) -> int:
        """Passage ``batch``: into ``number``, or the next one; which one it is now in."""
        with self._database.writing() as connection:
            check_open(standing.known(connection, batch))
            now = standing.passage(connection, batch)
            then = (0 if now is None else now + 1) if number is None else number
            if now is not None and then <= now:
                raise Refused(f"{batch}: is in passage P{now} already")
            self._pass(connection, batch, then, act)
            return then

    def split(self, batch: str, into: Sequence[str], *, act: Signed) -> tuple[Batch, ...]:
        """Open each of ``into`` from a part of ``batch``, which goes on."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            parent = standing.known(connection, batch)
            return tuple(self._open_from(connection, "split", each, [parent], act) for each in into)

    def pool(self, batches: Sequence[str], into: str, *, act: Signed) -> Batch:
        """Open ``into`` from all of ``batches``, which are of one patient and end with it."""
        act = self._clerk.dated(act)
        if len(set(batches)) < 2:  # noqa: PLR2004 # one alone is not a pool
            raise Refused(f"{into}: a pool is of two batches or more")
        with self._database.writing() as connection:
            parents = [standing.known(connection, each) for each in batches]
            _one_patient(connection, batches, into)
            pooled = self._open_from(connection, "pool", into, parents, act)
            for parent in parents:
                ended = structs.replace(act, reason=act.reason or f"pooled into {into}")
                self._end(connection, parent, "close", ended)
            return pooled

    def freeze(
        self, batch: str, places: Sequence[Place], *, act: Signed, checked_by: str = ""
    ) -> tuple[Vial, ...]:
        """Freeze a vial of ``batch`` into each of ``places``; they are numbered on."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            passage = standing.passage(connection, batch)
            if passage is None:
                raise Refused(f"{batch}: its passage is not entered; passage it first")
            first = 1 + max(
                (
                    number_of(v.id) or 0
                    for v in standing.vials(connection, views.aliquot.c.batch == batch)
                ),
                default=0,
            )
            made = []
            for number, place in enumerate(places, start=first):
                entry = self._clerk.entry("freeze", vial_id(batch, number), act)
                detail: dict[str, Scalar] = {
                    "id": entry.subject,
                    "batch": batch,
                    "passage": passage,
                    "frozen_at": entry.at,
                }
                if entry.at < culture.opened_at:
                    raise Refused(f"{batch}: was not there before it was opened", row=culture.row)
                append(connection, entry, "vial", detail)
                vial = standing.vial(connection, entry.subject)
                self._store(connection, vial, place, act, checked_by)
                made.append(vial)
            return tuple(made)

    def store(self, vial: str, place: Place, *, act: Signed, checked_by: str = "") -> Placement:
        """Put ``vial`` into ``place``, out of where it is, if anywhere."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            found = standing.vial(connection, vial)
            check_open(found)
            self._take_out(connection, vial, act)
            return self._store(connection, found, place, act, checked_by)

    def take_out(self, vial: str, *, act: Signed) -> Placement:
        """Take ``vial`` out of its freezer; until it is stored again nobody knows its cold."""
        with self._database.writing() as connection:
            check_open(standing.vial(connection, vial))
            here = standing.current(connection, vial)
            self._clerk.leave(connection, here, act)
            return standing.stay(connection, here.row)

    def thaw(self, vial: str, *, act: Signed, into: str = "", product: str = "") -> Vial:
        """Thaw ``vial``: for use, or ``into`` a batch that is opened with it, in its passage."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            found = standing.vial(connection, vial)
            check_open(found)
            self._end(connection, found, "thaw", act)
            if into:
                parent = standing.known(connection, found.batch)
                self._clerk.open(
                    connection,
                    into,
                    product=product or parent.product,
                    protocol=parent.protocol,
                    act=act,
                )
                self._descend(connection, "thaw", into, vial, act)
                self._pass(connection, into, found.passage, act)
            return standing.vial(connection, vial)

    def dispose(self, subject: str, *, act: Signed) -> None:
        """Enter that a vial or batch was destroyed; it says why."""
        if not act.reason.strip():
            raise Refused(f"{subject}: say why it was disposed of")
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            found = standing.life(connection, subject)
            check_open(found)
            self._end(connection, found, "dispose", act)

    def relink(self, row: int, parent: str, *, act: Signed) -> Kin:
        """Enter what entry ``row`` should have named as where something comes from."""
        with self._database.writing() as connection:
            parent = patients.find(connection, self._identities, parent) or parent
            old = standing.act(connection, row)
            columns = views.kinship.c
            query = select(columns.child, columns.since).where(columns.sequence == row)
            found = connection.execute(query).first()
            if found is None:
                raise Refused(f"an entry of kind {old.kind!r} says of nothing where it comes from")
            child, since = str(found.child), int(found.since)
            if child == parent or parent in {
                kin.child for kin in kinship.descendants(connection, [child])
            }:
                raise Refused(f"{child}: cannot come from {parent}, which comes from it", row=row)
            _check_parent(connection, child, parent, since)
            entry = self._clerk.correction("relink", child, row, act)
            detail: dict[str, Scalar] = {"child": child, "parent": parent, "since": since}
            append(connection, entry, "descent", detail)
            below = kinship.descendants(connection, [child])
            _one_patient(connection, [child, *(kin.child for kin in below)], child, known=False)
            found_ = next(k for k in kinship.parents(connection, [child]) if k.parent == parent)
            return patients.named(connection, self._identities, [found_])[0]

    def _open_from(
        self, connection: Connection, kind: str, batch: str, parents: list[Batch], act: Signed
    ) -> Batch:
        first = parents[0]
        for parent in parents:
            check_open(parent)
            if (act.at or 0) < parent.opened_at:
                raise Refused(f"{batch}: cannot come from {parent.id} before that was opened")
        opened = self._clerk.open(
            connection, batch, product=first.product, protocol=first.protocol, act=act
        )
        for parent in parents:
            self._descend(connection, kind, batch, parent.id, act)
        passages = [standing.passage(connection, parent.id) for parent in parents]
        known = [number for number in passages if number is not None]
        if known:
            # Pooled cells are as old as the oldest of them.
            self._pass(connection, batch, max(known), act)
        return opened

    def _descend(
        self, connection: Connection, kind: str, child: str, parent: str, act: Signed
    ) -> None:
        entry = self._clerk.entry(kind, child, act)
        detail: dict[str, Scalar] = {"child": child, "parent": parent, "since": entry.at}
        append(connection, entry, "descent", detail)

    def _pass(self, connection: Connection, batch: str, number: int, act: Signed) -> None:
        entry = self._clerk.entry("passage", batch, act)
        append(connection, entry, "passage", {"batch": batch, "number": number})

    def _store(
        self, connection: Connection, vial: Vial, place: Place, act: Signed, checked_by: str
    ) -> Placement:
        mistake = place.mistake()
        if mistake:
            raise Refused(f"{vial.id}: {mistake}")
        self._clerk.check_place(place.device, place.position)
        entry = self._clerk.entry("place", vial.id, act)
        return self._clerk.put_checked(
            connection,
            vial,
            entry,
            (place.device, place.position, entry.at, None),
            protocol=standing.known(connection, vial.batch).protocol,
            checked_by=checked_by,
        )

    def _take_out(self, connection: Connection, subject: str, act: Signed) -> None:
        transit.check_not_travelling(connection, subject, act.at or 0)
        for stay in standing.stays(connection, views.stay.c.batch == subject):
            if stay.end is None:
                self._clerk.leave(connection, stay, act)
            elif stay.end > (act.at or 0):
                raise Refused(f"{subject}: was in {stay.device} after that", row=stay.row)

    def _end(self, connection: Connection, life: Batch | Vial, kind: str, act: Signed) -> Act:
        entry = self._clerk.entry(kind, life.id, act)
        if entry.at < life.opened_at:
            raise Refused(f"{life.id}: cannot end before it began", row=life.row)
        kinship.check_outlived(connection, life.id, entry.at)
        self._take_out(connection, life.id, act)
        append(connection, entry)
        return entry


def _one_patient(
    connection: Connection, subjects: Sequence[str], what: str, *, known: bool = True
) -> None:
    """All of ``subjects`` come from one patient.

    Raises:
        Refused: they come from several, or (with ``known``) of one it is not entered.
    """
    owners = kinship.patients(connection, subjects)
    handles = {handle for found in owners.values() for handle in found}
    nobody = sorted(subject for subject, found in owners.items() if not found)
    if len(handles) > 1:
        raise Refused(f"{what}: would hold cells of {' and '.join(sorted(handles))}; never mixed")
    if known and nobody and handles:
        raise Refused(f"{what}: whose cells {', '.join(nobody)} holds is not entered; enter that")


def check_token(token: str) -> None:
    """``token`` is formed like one.

    Raises:
        Refused: it is not. It is not repeated: it may be a name.
    """
    if not is_token(token):
        raise Refused(
            "that is no token; write PT- and 8 to 26 digits and capital letters (no I, L, O, U), "
            "two digits at least, or none to have one made; never a name"
        )


def _check_none_left(connection: Connection, handle: str) -> None:
    """No vial or batch of the patient is kept any more.

    Raises:
        Refused: cells would be left that nobody can give back to the patient.
    """
    below = {kin.child for kin in kinship.descendants(connection, [handle])}
    left = standing.unended(connection, below)
    if left:
        named = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")  # noqa: PLR2004 # as many are named
        raise Refused(
            f"{handle}: cells of this patient are still kept: {named}; dispose of them first, or "
            "say that they may stay (--keep-cells)"
        )


def _check_parent(connection: Connection, child: str, parent: str, since: int) -> None:
    """A biopsy comes from a patient; what is grown, from a biopsy, batch or vial before it."""
    if _is_biopsy(connection, child):
        if not patients.is_handle_here(connection, parent):
            raise Refused("a biopsy comes from a patient of this ledger; enrol the token first")
    elif not _is_biopsy(connection, parent):
        life = standing.life(connection, parent)
        if life.opened_at > since:
            raise Refused(f"{parent} began after {child}", row=life.row)


def _is_biopsy(connection: Connection, biopsy: str) -> bool:
    column = schema.biopsy.c.id
    return connection.execute(select(column).where(column == biopsy)).first() is not None
