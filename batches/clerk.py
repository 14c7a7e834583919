"""Writes entries into the ledger: who, when, why and where are checked before anything is kept."""

from collections.abc import Callable, Collection, Iterable

from msgspec import structs
from sqlalchemy import Connection

from batches import standing
from batches.batch import Signed
from batches.placement import Life, Placement, Refused, check_stay, check_times
from storage import schema
from storage.acts import Act, append
from storage.chain import Scalar


class Clerk:
    """Knows the devices of the site and the time; works inside somebody's transaction."""

    def __init__(self, devices: Collection[str] | None, now: Callable[[], int]) -> None:
        """``devices`` are the ids that may be entered; None takes any."""
        self._devices = None if devices is None else frozenset(devices)
        self.now = now

    def dated(self, act: Signed) -> Signed:
        """``act`` with its time fixed: what is entered as several rows happens at one instant."""
        return structs.replace(act, at=self.now()) if act.at is None else act

    def entry(self, kind: str, subject: str, act: Signed) -> Act:
        """``act`` as an entry about ``subject``.

        Raises:
            Refused: nobody did it, or it was done in the future or too long ago without a reason.
        """
        check_text(who=act.by, reason=act.reason)
        if not act.by.strip():
            raise Refused(f"{subject}: say who did this")
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

    def put(
        self,
        connection: Connection,
        life: Life,
        entry: Act,
        place: tuple[str, str, int, int | None],
        *,
        others: Iterable[Placement] | None = None,
    ) -> Placement:
        """Enter a stay: device, position, start and end.

        ``others`` are the stays it may not overlap; None means those of the same subject.

        Raises:
            Refused: it is no stay that can have been.
        """
        device, position, start, end = place
        for time_ in (start, end):
            if time_ is not None:
                check_times(at=time_, entered=entry.entered, reason=entry.reason, what=life.id)
        if others is None:
            mine = schema.stay.c.batch == life.id
            others = [s for s in standing.stays(connection, mine) if s.row != entry.corrects]
        check_stay(life, others, start=start, end=end)
        detail: dict[str, Scalar] = {
            "batch": life.id,
            "device": device,
            "position": position,
            "start_at": start,
            "end_at": end,
        }
        now = append(connection, entry, "placement", detail)
        return standing.stay(connection, now.sequence)

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


def check_text(**texts: str) -> None:
    """What is entered can be shown and kept.

    Raises:
        Refused: it holds characters that cannot.
    """
    for name, said in texts.items():
        if "\0" in said or not said.isprintable():
            raise Refused(f"{name}: {said!r} holds characters that cannot be shown or kept")
