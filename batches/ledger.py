"""What people enter about batches, for good: opened, placed, moved, closed, corrected."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection

from msgspec import UNSET, Struct, UnsetType, structs
from sqlalchemy import ColumnElement, Connection, or_

from batches import standing
from batches.batch import Batch, Signed, check_id
from batches.placement import Placement, Refused, check_open, check_stay, check_times
from storage import schema
from storage.acts import Act, append, head
from storage.chain import Head, Scalar
from storage.database import Database, upgrade


def wall_clock_ms() -> int:
    """Epoch milliseconds, UTC."""
    return time.time_ns() // 1_000_000


_RETRACTABLE = frozenset({"place", "correct", "leave", "close"})


class Dossier(Struct, frozen=True, kw_only=True):
    """What the ledger holds about one batch. ``acts`` are all its entries, as they came."""

    batch: Batch
    stays: tuple[Placement, ...]
    acts: tuple[Act, ...]
    head: Head


class Ledger:
    """The ledger of batches at one database address.

    Every act is checked against what stands, and is written whole or not at all; several
    processes may write. Acts raise ``Refused`` when they contradict the ledger and
    ``storage.database.DatabaseError`` when it cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        devices: Collection[str] | None = None,
        now: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """Open the ledger, creating or upgrading its tables.

        Args:
            url: ``sqlite:///path/ledger.db``.
            devices: the ids of the site's devices; None takes any.
            now: epoch milliseconds, UTC.

        Raises:
            DatabaseError: it cannot be opened.
        """
        upgrade(url)
        self.url = url
        self._database = Database(url)
        self._devices = None if devices is None else frozenset(devices)
        self._now = now

    def open_batch(self, batch: str, *, product: str, act: Signed, protocol: str = "") -> Batch:
        """Begin ``batch``; ``act.at`` is when the culture began."""
        try:
            check_id(batch)
        except ValueError as error:
            raise Refused(str(error)) from error
        _check_product(product)
        _check_text(protocol=protocol)
        with self._database.writing() as connection:
            same = standing.find(connection, batch)
            if same is not None:
                raise Refused(f"{batch}: exists already", row=same.row)
            entry = self._entry("open", batch, act)
            detail: dict[str, Scalar] = {
                "id": batch,
                "product": product,
                "protocol": protocol,
                "opened_at": entry.at,
            }
            append(connection, entry, "batch", detail)
            return standing.known(connection, batch)

    def place(
        self,
        batch: str,
        device: str,
        *,
        act: Signed,
        position: str = "",
        until: int | None = None,
    ) -> Placement:
        """Put ``batch`` into ``device`` at ``act.at``; ``until`` when it has left again since."""
        self._check_place(device, position)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            entry = self._entry("place", batch, act)
            return self._put(connection, culture, entry, (device, position, entry.at, until))

    def move(self, batch: str, device: str, *, act: Signed, position: str = "") -> Placement:
        """Take ``batch`` out of where it is and into ``device``, both at ``act.at``."""
        self._check_place(device, position)
        act = self._dated(act)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            here = standing.current(connection, batch)
            if (here.device, here.position) == (device, position):
                raise Refused(f"{batch}: is already there", row=here.row)
            self._leave(connection, here, act)
            entry = self._entry("place", batch, act)
            return self._put(connection, culture, entry, (device, position, entry.at, None))

    def remove(self, batch: str, *, act: Signed) -> Placement:
        """Take ``batch`` out of its device, onto the bench; the stay that has now ended."""
        with self._database.writing() as connection:
            check_open(standing.known(connection, batch))
            here = standing.current(connection, batch)
            self._leave(connection, here, act)
            return standing.stay(connection, here.row)

    def close(self, batch: str, *, act: Signed) -> Batch:
        """End ``batch``, and with it the stay it is in."""
        act = self._dated(act)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            entry = self._entry("close", batch, act)
            if entry.at < culture.opened_at:
                raise Refused(f"{batch}: cannot close before it was opened", row=culture.row)
            for stay in standing.stays(connection, schema.stay.c.batch == batch):
                if stay.end is None:
                    self._leave(connection, stay, act)
                elif stay.end > entry.at:
                    raise Refused(f"{batch}: was in {stay.device} after that", row=stay.row)
            append(connection, entry)
            return standing.known(connection, batch)

    def correct(
        self,
        row: int,
        *,
        act: Signed,
        device: str | None = None,
        position: str | None = None,
        start: int | None = None,
        end: int | UnsetType | None = UNSET,
    ) -> Placement:
        """Enter what stay ``row`` should have said; what is not given stays as it was.

        The old row remains, and the new one names it. ``end=None`` says that it goes on.
        """
        with self._database.writing() as connection:
            old = standing.stay(connection, row)
            self._check_place(device or old.device, position or old.position)
            culture = standing.known(connection, old.batch)
            entry = self._correction("correct", old.batch, row, act)
            place = (
                device or old.device,
                old.position if position is None else position,
                old.start if start is None else start,
                old.end if end is UNSET else end,
            )
            return self._put(connection, culture, entry, place)

    def withdraw(self, row: int, *, act: Signed) -> None:
        """Take back a stay, an end of a stay or a closing that never happened."""
        with self._database.writing() as connection:
            old = standing.act(connection, row)
            if old.kind not in _RETRACTABLE:
                raise Refused(f"an entry of kind {old.kind!r} cannot be taken back", row=row)
            append(connection, self._correction("withdraw", old.subject, row, act))
            if old.kind == "leave":
                standing.check_reopened(connection, row)

    def amend(
        self, batch: str, *, act: Signed, product: str | None = None, protocol: str | None = None
    ) -> Batch:
        """Enter what should have been said about ``batch`` itself."""
        if product is not None:
            _check_product(product)
        _check_text(protocol=protocol or "")
        with self._database.writing() as connection:
            old = standing.known(connection, batch)
            detail: dict[str, Scalar] = {
                "id": batch,
                "product": old.product if product is None else product,
                "protocol": old.protocol if protocol is None else protocol,
                "opened_at": old.opened_at,
            }
            entry = self._correction("amend", batch, old.row, act)
            append(connection, entry, "batch", detail)
            return standing.known(connection, batch)

    def batch(self, batch: str) -> Batch:
        """What the ledger knows of ``batch``; ``Refused`` when it knows nothing."""
        with self._database.reading() as connection:
            return standing.known(connection, batch)

    def batches(self) -> tuple[Batch, ...]:
        """Every batch, in the order of opening."""
        with self._database.reading() as connection:
            return standing.cultures(connection)

    def stays(self, batch: str) -> tuple[Placement, ...]:
        """Where ``batch`` stood, in the order of time, corrections applied."""
        with self._database.reading() as connection:
            standing.known(connection, batch)
            return standing.stays(connection, schema.stay.c.batch == batch)

    def batches_in(self, device: str, at: int) -> tuple[Placement, ...]:
        """What stood in ``device`` at ``at`` (epoch milliseconds, UTC)."""
        with self._database.reading() as connection:
            return standing.stays(connection, (schema.stay.c.device == device) & _there(at))

    def at_risk(self, device: str) -> tuple[Placement, ...]:
        """What stands in ``device`` now."""
        return self.batches_in(device, self._now())

    def all_at_risk(self) -> dict[str, tuple[Placement, ...]]:
        """What stands in each device now; an empty device is not in it. One query for a site."""
        found: dict[str, list[Placement]] = defaultdict(list)
        with self._database.reading() as connection:
            for placement in standing.stays(connection, _there(self._now())):
                found[placement.device].append(placement)
        return {device: tuple(inside) for device, inside in found.items()}

    def acts(self, batch: str) -> tuple[Act, ...]:
        """Everything entered about ``batch``, in the order of entry: its audit trail."""
        with self._database.reading() as connection:
            return standing.acts(connection, batch)

    def dossier(self, batch: str) -> Dossier:
        """Everything about ``batch``, of one instant; ``Refused`` when it is unknown."""
        with self._database.reading() as connection:
            return Dossier(
                batch=standing.known(connection, batch),
                stays=standing.stays(connection, schema.stay.c.batch == batch),
                acts=standing.acts(connection, batch),
                head=head(connection),
            )

    def head(self) -> Head:
        """The end of the chain now: noted elsewhere, it proves the ledger up to here."""
        with self._database.reading() as connection:
            return head(connection)

    def _check_place(self, device: str, position: str) -> None:
        _check_text(position=position)
        if self._devices is not None and device not in self._devices:
            known = ", ".join(sorted(self._devices))
            raise Refused(f"{device!r} is not a device of this site; known: {known}")

    def _dated(self, act: Signed) -> Signed:
        """``act`` with its time fixed: what is entered as two rows happens at one instant."""
        return structs.replace(act, at=self._now()) if act.at is None else act

    def _entry(self, kind: str, subject: str, act: Signed) -> Act:
        _check_text(who=act.by, reason=act.reason)
        if not act.by.strip():
            raise Refused(f"{subject}: say who did this")
        entered = self._now()
        at = entered if act.at is None else act.at
        check_times(at=at, entered=entered, reason=act.reason, what=subject)
        return Act(kind=kind, subject=subject, by=act.by, at=at, entered=entered, reason=act.reason)

    def _correction(self, kind: str, subject: str, row: int, act: Signed) -> Act:
        if not act.reason.strip():
            raise Refused(f"{subject}: a correction needs a reason", row=row)
        return structs.replace(self._entry(kind, subject, act), corrects=row)

    def _put(
        self,
        connection: Connection,
        culture: Batch,
        entry: Act,
        place: tuple[str, str, int, int | None],
    ) -> Placement:
        device, position, start, end = place
        for time_ in (start, end):
            if time_ is not None:
                check_times(at=time_, entered=entry.entered, reason=entry.reason, what=culture.id)
        mine = schema.stay.c.batch == culture.id
        others = [s for s in standing.stays(connection, mine) if s.row != entry.corrects]
        check_stay(culture, others, start=start, end=end)
        detail: dict[str, Scalar] = {
            "batch": culture.id,
            "device": device,
            "position": position,
            "start_at": start,
            "end_at": end,
        }
        now = append(connection, entry, "placement", detail)
        return standing.stay(connection, now.sequence)

    def _leave(self, connection: Connection, here: Placement, act: Signed) -> None:
        entry = self._entry("leave", here.batch, act)
        if entry.at <= here.start:
            raise Refused(f"{here.batch}: cannot leave before it came", row=here.row)
        append(connection, entry, "departure", {"placement": here.row, "end_at": entry.at})


def _there(at: int) -> ColumnElement[bool]:
    stay = schema.stay.c
    return (stay.start_at <= at) & or_(stay.end_at.is_(None), stay.end_at > at)


def _check_product(product: str) -> None:
    _check_text(product=product)
    if not product.strip():
        raise Refused("product: say what is cultured")


def _check_text(**texts: str) -> None:
    for name, said in texts.items():
        if "\0" in said or not said.isprintable():
            raise Refused(f"{name}: {said!r} holds characters that cannot be shown or kept")
