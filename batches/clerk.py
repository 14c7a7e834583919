"""Writes entries into the ledger: who, when, why and where are checked before anything is kept."""

from collections.abc import Callable, Collection

from msgspec import structs
from sqlalchemy import Connection, select

from batches import shelf, standing
from batches.authority import duty
from batches.batch import Batch, Signed, check_id
from batches.gate import Gate
from batches.placement import Life, Placement, Refused, check_times
from batches.vial import names_a_token
from storage import schema
from storage.acts import Act, append
from storage.chain import Scalar


class Clerk:
    """Knows the devices of the site and the time; works inside somebody's transaction."""

    def __init__(
        self,
        devices: Collection[str] | None,
        now: Callable[[], int],
        gate: Gate,
    ) -> None:
        """``devices`` are the ids that may be entered; None takes any.

        ``gate`` is asked whether who does an act may do it.
        """
        self._devices = None if devices is None else frozenset(devices)
        self.gate = gate
        self.now = now

    def dated(self, act: Signed) -> Signed:
        """``act`` with its time fixed: what is entered as several rows happens at one instant."""
        return structs.replace(act, at=self.now()) if act.at is None else act

    def entry(self, kind: str, subject: str, act: Signed) -> Act:
        """``act`` as an entry about ``subject``.

        Raises:
            Refused: nobody did it, or it was done in the future or too long ago without a reason.
            batches.authority.Denied: who did it may not.
        """
        check_text(who=act.by, reason=act.reason)
        if not act.by.strip():
            raise Refused(f"{subject}: say who did this")
        self.gate.check(kind, subject, act.by)
        if duty(kind).reason and not act.reason.strip():
            raise Refused(f"{subject}: say why; {kind!r} needs a reason")
        entered = self.now()
        at = entered if act.at is None else act.at
        check_times(at=at, entered=entered, reason=act.reason, what=subject)
        return Act(kind=kind, subject=subject, by=act.by, at=at, entered=entered, reason=act.reason)

    def correction(self, kind: str, subject: str, row: int, act: Signed) -> Act:
        """``act`` as an entry that takes the place of ``row``.

        Raises:
            Refused: as ``entry``, or it gives no reason.
        """
        if not act.reason.strip():
            raise Refused(f"{subject}: a correction needs a reason", row=row)
        return structs.replace(self.entry(kind, subject, act), corrects=row)

    def check_place(self, device: str, position: str) -> None:
        """``device`` is one of the site's.

        Raises:
            Refused: it is not, or the position cannot be shown.
        """
        check_text(position=position)
        if self._devices is not None and device not in self._devices:
            known = ", ".join(sorted(self._devices))
            raise Refused(f"{device!r} is not a device of this site; known: {known}")

    def open(
        self, connection: Connection, batch: str, *, product: str, protocol: str, act: Signed
    ) -> Batch:
        """Begin a batch.

        Raises:
            Refused: it exists, is of nothing, or follows a protocol that is not kept.
        """
        check_new(connection, batch)
        check_text(product=product)
        if not product.strip():
            raise Refused("product: say what is cultured")
        if protocol:
            shelf.known(connection, protocol)
        entry = self.entry("open", batch, act)
        detail: dict[str, Scalar] = {
            "id": batch,
            "product": product,
            "protocol": protocol,
            "opened_at": entry.at,
        }
        append(connection, entry, "batch", detail)
        return standing.known(connection, batch)

    def put(
        self,
        connection: Connection,
        life: Life,
        entry: Act,
        place: tuple[str, str, int, int | None],
    ) -> Placement:
        """Enter a stay: device, position, start and end.

        Raises:
            Refused: it is no stay that can have been.
        """
        device, position, start, end = place
        for time_ in (start, end):
            if time_ is not None:
                check_times(at=time_, entered=entry.entered, reason=entry.reason, what=life.id)
        standing.check_there(connection, life, place, entry.corrects)
        detail: dict[str, Scalar] = {
            "batch": life.id,
            "device": device,
            "position": position,
            "start_at": start,
            "end_at": end,
        }
        now = append(connection, entry, "placement", detail)
        return standing.stay(connection, now.sequence)

    def put_checked(
        self,
        connection: Connection,
        life: Life,
        entry: Act,
        place: tuple[str, str, int, int | None],
        *,
        protocol: str,
        checked_by: str,
    ) -> Placement:
        """``put``, and that a second person saw it, as a step of ``protocol`` may demand.

        Raises:
            Refused: as ``put``, or a second person is needed and there is none.
        """
        step = shelf.step(connection, protocol, place[0])
        checker = checked_by.strip()
        if step is not None and step.second_check and not checker:
            raise Refused(
                f"{life.id}: step {step.id!r} of {protocol} needs a second person; "
                "say who checked it"
            )
        stay = self.put(connection, life, entry, place)
        if not checker:
            return stay
        seen = Signed(by=checker, at=entry.at, reason=entry.reason)
        return self.check(connection, stay, seen)

    def leave(self, connection: Connection, here: Placement, act: Signed) -> None:
        """End the stay ``here``.

        Raises:
            Refused: it had not begun.
        """
        entry = self.entry("leave", here.batch, act)
        if entry.at <= here.start:
            raise Refused(f"{here.batch}: cannot leave before it came", row=here.row)
        append(connection, entry, "departure", {"placement": here.row, "end_at": entry.at})

    def check(self, connection: Connection, stay: Placement, act: Signed) -> Placement:
        """Enter that a second person has seen ``stay``.

        Raises:
            Refused: it is the person who did it, or somebody has seen it already.
        """
        if stay.checked_by is not None:
            raise Refused(f"{stay.batch}: was checked by {stay.checked_by} already", row=stay.row)
        if act.by.strip().casefold() == stay.by.strip().casefold():
            raise Refused(f"{stay.batch}: {act.by} did this and cannot check it as well")
        append(connection, self.entry("check", stay.batch, act), "checking", {"entry": stay.row})
        return standing.stay(connection, stay.row)


def check_new(connection: Connection, subject: str) -> None:
    """``subject`` is formed like an id, and stands for nothing yet.

    Raises:
        Refused: it is not, or a batch or biopsy has it.
    """
    try:
        check_id(subject)
    except ValueError as error:
        raise Refused(str(error)) from error
    act = schema.act.c
    begun = (act.subject == subject) & act.kind.in_(("open", "biopsy"))
    row = connection.execute(select(act.sequence).where(begun)).scalar()
    if row is not None:
        raise Refused(f"{subject}: exists already", row=row)


def check_text(**texts: str) -> None:
    """What is entered can be shown and kept.

    Raises:
        Refused: it holds characters that cannot, or a patient's token.
    """
    for name, said in texts.items():
        if "\0" in said or not said.isprintable():
            raise Refused(f"{name}: {said!r} holds characters that cannot be shown or kept")
        if names_a_token(said):
            raise Refused(
                f"{name}: names a patient's token, which could never be erased from there; "
                "write the patient's handle"
            )
