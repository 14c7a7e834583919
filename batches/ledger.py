"""What people enter about batches, for good: opened, placed, moved, closed, corrected."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import ColumnElement, Connection, or_

from batches import shelf, standing
from batches.batch import Batch, Signed, check_id
from batches.clerk import Clerk, check_text
from batches.placement import Placement, Refused, check_open
from batches.protocol import Protocol
from batches.shelf import Kept
from storage import schema
from storage.acts import Act, append, head
from storage.chain import Head, Scalar
from storage.database import Database, upgrade


def wall_clock_ms() -> int:
    """Epoch milliseconds, UTC."""
    return time.time_ns() // 1_000_000


_RETRACTABLE = frozenset({"place", "correct", "leave", "close"})


class Dossier(Struct, frozen=True, kw_only=True):
    """What the ledger holds about one batch. ``acts`` are all its entries, as they came.

    ``protocol`` is the version it was opened with, where the ledger has that.
    """

    batch: Batch
    protocol: Kept | None
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
        self._clerk = Clerk(devices, now)

    def open_batch(self, batch: str, *, product: str, act: Signed, protocol: str = "") -> Batch:
        """Begin ``batch``; ``act.at`` is when the culture began.

        ``protocol`` is the ``name@version`` of one that the ledger keeps, or nothing.
        """
        try:
            check_id(batch)
        except ValueError as error:
            raise Refused(str(error)) from error
        _check_product(product)
        with self._database.writing() as connection:
            if protocol:
                shelf.known(connection, protocol)
            same = standing.find(connection, batch)
            if same is not None:
                raise Refused(f"{batch}: exists already", row=same.row)
            entry = self._clerk.entry("open", batch, act)
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
        checked_by: str = "",
    ) -> Placement:
        """Put ``batch`` into ``device`` at ``act.at``; ``until`` when it has left again since.

        ``checked_by`` is the second person who saw it, as the protocol may demand.
        """
        self._clerk.check_place(device, position)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            entry = self._clerk.entry("place", batch, act)
            place = (device, position, entry.at, until)
            return self._put_checked(connection, culture, entry, place, checked_by)

    def move(
        self, batch: str, device: str, *, act: Signed, position: str = "", checked_by: str = ""
    ) -> Placement:
        """Take ``batch`` out of where it is and into ``device``, both at ``act.at``."""
        self._clerk.check_place(device, position)
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            here = standing.current(connection, batch)
            if (here.device, here.position) == (device, position):
                raise Refused(f"{batch}: is already there", row=here.row)
            self._clerk.leave(connection, here, act)
            entry = self._clerk.entry("place", batch, act)
            place = (device, position, entry.at, None)
            return self._put_checked(connection, culture, entry, place, checked_by)

    def remove(self, batch: str, *, act: Signed) -> Placement:
        """Take ``batch`` out of its device, onto the bench; the stay that has now ended."""
        with self._database.writing() as connection:
            check_open(standing.known(connection, batch))
            here = standing.current(connection, batch)
            self._clerk.leave(connection, here, act)
            return standing.stay(connection, here.row)

    def close(self, batch: str, *, act: Signed) -> Batch:
        """End ``batch``, and with it the stay it is in."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            entry = self._clerk.entry("close", batch, act)
            if entry.at < culture.opened_at:
                raise Refused(f"{batch}: cannot close before it was opened", row=culture.row)
            for stay in standing.stays(connection, schema.stay.c.batch == batch):
                if stay.end is None:
                    self._clerk.leave(connection, stay, act)
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
            self._clerk.check_place(device or old.device, position or old.position)
            culture = standing.known(connection, old.batch)
            entry = self._clerk.correction("correct", old.batch, row, act)
            place = (
                device or old.device,
                old.position if position is None else position,
                old.start if start is None else start,
                old.end if end is UNSET else end,
            )
            return self._clerk.put(connection, culture, entry, place)

    def withdraw(self, row: int, *, act: Signed) -> None:
        """Take back a stay, an end of a stay or a closing that never happened."""
        with self._database.writing() as connection:
            old = standing.act(connection, row)
            if old.kind not in _RETRACTABLE:
                raise Refused(f"an entry of kind {old.kind!r} cannot be taken back", row=row)
            append(connection, self._clerk.correction("withdraw", old.subject, row, act))
            if old.kind == "leave":
                standing.check_reopened(connection, row)

    def amend(
        self, batch: str, *, act: Signed, product: str | None = None, protocol: str | None = None
    ) -> Batch:
        """Enter what should have been said about ``batch`` itself."""
        if product is not None:
            _check_product(product)
        with self._database.writing() as connection:
            old = standing.known(connection, batch)
            if protocol:
                shelf.known(connection, protocol)
            detail: dict[str, Scalar] = {
                "id": batch,
                "product": old.product if product is None else product,
                "protocol": old.protocol if protocol is None else protocol,
                "opened_at": old.opened_at,
            }
            entry = self._clerk.correction("amend", batch, old.row, act)
            append(connection, entry, "batch", detail)
            return standing.known(connection, batch)

    def check(self, row: int, *, act: Signed) -> Placement:
        """Enter that a second person has seen stay ``row``."""
        with self._database.writing() as connection:
            return self._clerk.check(connection, standing.stay(connection, row), act)

    def keep(self, protocol: Protocol, *, act: Signed) -> Kept:
        """Keep this version of a protocol for good; done already when it is there."""
        with self._database.writing() as connection:
            entry = self._clerk.entry("protocol", protocol.reference, act)
            return shelf.keep(connection, entry, protocol)

    def protocols(self) -> tuple[Kept, ...]:
        """Every version of every protocol, in the order of entry."""
        with self._database.reading() as connection:
            return shelf.kept(connection)

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
        return self.batches_in(device, self._clerk.now())

    def all_at_risk(self) -> dict[str, tuple[Placement, ...]]:
        """What stands in each device now; an empty device is not in it. One query for a site."""
        found: dict[str, list[Placement]] = defaultdict(list)
        with self._database.reading() as connection:
            for placement in standing.stays(connection, _there(self._clerk.now())):
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
                protocol=shelf.find(connection, standing.known(connection, batch).protocol),
                stays=standing.stays(connection, schema.stay.c.batch == batch),
                acts=standing.acts(connection, batch),
                head=head(connection),
            )

    def head(self) -> Head:
        """The end of the chain now: noted elsewhere, it proves the ledger up to here."""
        with self._database.reading() as connection:
            return head(connection)

    def _put_checked(
        self,
        connection: Connection,
        culture: Batch,
        entry: Act,
        place: tuple[str, str, int, int | None],
        checked_by: str,
    ) -> Placement:
        step = shelf.step(connection, culture.protocol, place[0])
        if step is not None and step.second_check and not checked_by.strip():
            raise Refused(
                f"{culture.id}: step {step.id!r} of {culture.protocol} needs a second person; "
                "say who checked it"
            )
        stay = self._clerk.put(connection, culture, entry, place)
        if not checked_by.strip():
            return stay
        seen = Signed(by=checked_by.strip(), at=entry.at, reason=entry.reason)
        return self._clerk.check(connection, stay, seen)


def _there(at: int) -> ColumnElement[bool]:
    stay = schema.stay.c
    return (stay.start_at <= at) & or_(stay.end_at.is_(None), stay.end_at > at)


def _check_product(product: str) -> None:
    check_text(product=product)
    if not product.strip():
        raise Refused("product: say what is cultured")
