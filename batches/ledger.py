"""What people enter about batches, for good: opened, placed, moved, closed, corrected."""

from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path

from msgspec import UNSET, UnsetType
from sqlalchemy import ColumnElement, and_, or_, select

from batches import kinship, roster, sensor_rows, shelf, standing
from batches.batch import Batch, Signed
from batches.clerk import Clerk, check_text
from batches.dossier import Dossier
from batches.gate import Gate, Guarded
from batches.identities import Identities
from batches.placement import Placement, Refused, check_open
from batches.protocol import Protocol
from batches.shelf import Kept
from batches.trail import Note, Page, keep, page
from storage import schema, views
from storage.acts import Act, append, head
from storage.chain import Head, Scalar
from storage.database import Database, file_of, upgrade
from storage.wall import wall_ms


def keys_beside(url: str) -> Path | None:
    """Where the keys of patients are when nothing else is said; None: the ledger is in no file."""
    path = file_of(url) if url.startswith("sqlite") else None
    return None if path is None else path.parent / "secrets" / "patients"


_RETRACTABLE = frozenset(
    {"place", "correct", "leave", "close", "passage", "thaw", "dispose", "check"}
    | {"dispatch", "arrive", "transfer", "lose"}
)


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
        now: Callable[[], int] = wall_ms,
        keys: Path | None = None,
    ) -> None:
        """Open the ledger, creating or upgrading its tables.

        Args:
            url: ``sqlite:///path/ledger.db``.
            devices: the ids of the site's devices; None takes any.
            now: epoch milliseconds, UTC.
            keys: the folder of patients' keys; None: beside the file of the ledger, or nowhere
                for one that is on a server.

        Raises:
            DatabaseError: it cannot be opened.
        """
        upgrade(url)
        self.url = url
        self.clerk = Clerk(devices, now, Gate())
        self.database: Database = Guarded(url, self.clerk.gate, now)
        self.identities = Identities(keys or keys_beside(url))

    def authorise(self, act: str, subject: str, by: str, *, touched: Collection[str] = ()) -> None:
        """``by`` may do ``act`` on ``subject``, which is done elsewhere than in the ledger.

        ``touched`` are those who had a hand in it, for a signature (``authority.hands``).

        Raises:
            batches.authority.Denied: they may not; that is kept in the audit trail.
        """
        with self.database.writing():
            self.clerk.gate.check(act, subject, by, touched)

    def has_people(self) -> bool:
        """Whether the ledger knows anybody, so that whoever acts must be one of them."""
        with self.database.reading() as connection:
            return roster.has_people(connection)

    def trail(
        self,
        *,
        since: int | None = None,
        until: int | None = None,
        by: str = "",
        area: str = "",
    ) -> Page:
        """The audit trail of the ledger; as ``batches.trail.page``."""
        with self.database.reading() as connection:
            return page(connection, since=since, until=until, by=by, area=area)

    def note(self, note: Note) -> None:
        """Keep an entry of the audit trail, as of now."""
        with self.database.writing() as connection:
            keep(connection, note, at=self.clerk.now())

    def open_batch(self, batch: str, *, product: str, act: Signed, protocol: str = "") -> Batch:
        """Begin ``batch``; ``act.at`` is when the culture began.

        ``protocol`` is the ``name@version`` of one that the ledger keeps, or nothing.
        """
        with self.database.writing() as connection:
            return self.clerk.open(connection, batch, product=product, protocol=protocol, act=act)

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
        self.clerk.check_place(device, position)
        with self.database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            entry = self.clerk.entry("place", batch, act)
            place = (device, position, entry.at, until)
            return self.clerk.put_checked(
                connection,
                culture,
                entry,
                place,
                protocol=culture.protocol,
                checked_by=checked_by,
            )

    def move(
        self, batch: str, device: str, *, act: Signed, position: str = "", checked_by: str = ""
    ) -> Placement:
        """Take ``batch`` out of where it is and into ``device``, both at ``act.at``."""
        self.clerk.check_place(device, position)
        act = self.clerk.dated(act)
        with self.database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            here = standing.current(connection, batch)
            if (here.device, here.position) == (device, position):
                raise Refused(f"{batch}: is already there", row=here.row)
            self.clerk.leave(connection, here, act)
            entry = self.clerk.entry("place", batch, act)
            place = (device, position, entry.at, None)
            return self.clerk.put_checked(
                connection,
                culture,
                entry,
                place,
                protocol=culture.protocol,
                checked_by=checked_by,
            )

    def remove(self, batch: str, *, act: Signed) -> Placement:
        """Take ``batch`` out of its device, onto the bench; the stay that has now ended."""
        with self.database.writing() as connection:
            check_open(standing.known(connection, batch))
            here = standing.current(connection, batch)
            self.clerk.leave(connection, here, act)
            return standing.stay(connection, here.row)

    def close(self, batch: str, *, act: Signed) -> Batch:
        """End ``batch``, and with it the stay it is in."""
        act = self.clerk.dated(act)
        with self.database.writing() as connection:
            culture = standing.known(connection, batch)
            check_open(culture)
            entry = self.clerk.entry("close", batch, act)
            if entry.at < culture.opened_at:
                raise Refused(f"{batch}: cannot close before it was opened", row=culture.row)
            kinship.check_outlived(connection, batch, entry.at)
            for stay in standing.stays(connection, views.stay.c.batch == batch):
                if stay.end is None:
                    self.clerk.leave(connection, stay, act)
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
        checked_by: str = "",
    ) -> Placement:
        """Enter what stay ``row`` should have said; what is not given stays as it was.

        The old row remains, and the new one names it. ``end=None`` says that it goes on. A check
        was of the old row: where the protocol demands one, the new one needs it too, now or later,
        and until then a record says that it has none.
        """
        with self.database.writing() as connection:
            old = standing.stay(connection, row)
            self.clerk.check_place(device or old.device, position or old.position)
            life = standing.life(connection, old.batch)
            entry = self.clerk.correction("correct", old.batch, row, act)
            place = (
                device or old.device,
                old.position if position is None else position,
                old.start if start is None else start,
                old.end if end is UNSET else end,
            )
            stay = self.clerk.put(connection, life, entry, place)
            if not checked_by.strip():
                return stay
            seen = Signed(by=checked_by, at=entry.at, reason=entry.reason)
            return self.clerk.check(connection, stay, seen)

    def withdraw(self, row: int, *, act: Signed) -> None:
        """Take back a stay, an end of a stay or a closing that never happened."""
        with self.database.writing() as connection:
            old = standing.act(connection, row)
            if old.kind not in _RETRACTABLE:
                raise Refused(f"an entry of kind {old.kind!r} cannot be taken back", row=row)
            if old.kind == "thaw":
                what = "relink that first, so that it does not come from a frozen vial"
                kinship.check_childless(connection, old.subject, what)
            if old.kind == "transfer":
                standing.check_not_back(connection, old.subject, row)
            append(connection, self.clerk.correction("withdraw", old.subject, row, act))
            if old.kind == "leave":
                standing.check_reopened(connection, row)
            elif old.kind in {"dispatch", "arrive"}:
                standing.check_on_the_way(connection, old.subject, old.kind, row)

    def amend(
        self, batch: str, *, act: Signed, product: str | None = None, protocol: str | None = None
    ) -> Batch:
        """Enter what should have been said about ``batch`` itself."""
        if product is not None:
            _check_product(product)
        with self.database.writing() as connection:
            old = standing.known(connection, batch)
            if protocol:
                shelf.known(connection, protocol)
            detail: dict[str, Scalar] = {
                "id": batch,
                "product": old.product if product is None else product,
                "protocol": old.protocol if protocol is None else protocol,
                "opened_at": old.opened_at,
            }
            entry = self.clerk.correction("amend", batch, old.row, act)
            append(connection, entry, "batch", detail)
            return standing.known(connection, batch)

    def check(self, row: int, *, act: Signed) -> Placement:
        """Enter that a second person has seen stay ``row``."""
        with self.database.writing() as connection:
            return self.clerk.check(connection, standing.stay(connection, row), act)

    def keep(self, protocol: Protocol, *, act: Signed) -> Kept:
        """Keep this version of a protocol for good; done already when it is there."""
        with self.database.writing() as connection:
            entry = self.clerk.entry("protocol", protocol.reference, act)
            return shelf.keep(connection, entry, protocol)

    def explain(self, row: int, *, act: Signed) -> None:
        """Enter why the configuration was changed that entry ``row`` tells of."""
        with self.database.writing() as connection:
            told = self.clerk.entry("explain", f"row {row}", act)
            if standing.act(connection, row).kind != "configuration":
                raise Refused("only a change of the configuration is explained", row=row)
            note = Note(
                kind=told.kind,
                by=told.by,
                subject=told.subject,
                area="configuration",
                item="explanation",
                outcome="done",
                reason=told.reason,
            )
            keep(connection, note, at=told.entered)

    def protocols(self) -> tuple[Kept, ...]:
        """Every version of every protocol, in the order of entry."""
        with self.database.reading() as connection:
            return shelf.kept(connection)

    def batch(self, batch: str) -> Batch:
        """What the ledger knows of ``batch``; ``Refused`` when it knows nothing."""
        with self.database.reading() as connection:
            return standing.known(connection, batch)

    def batches(self) -> tuple[Batch, ...]:
        """Every batch, in the order of opening."""
        with self.database.reading() as connection:
            return standing.cultures(connection)

    def stays(self, batch: str) -> tuple[Placement, ...]:
        """Where ``batch`` stood, in the order of time, corrections applied."""
        with self.database.reading() as connection:
            standing.known(connection, batch)
            return standing.stays(connection, views.stay.c.batch == batch)

    def batches_in(self, device: str, at: int) -> tuple[Placement, ...]:
        """What stood in ``device`` at ``at`` (epoch milliseconds, UTC)."""
        with self.database.reading() as connection:
            return standing.stays(connection, (views.stay.c.device == device) & _there(at))

    def at_risk(self, device: str) -> tuple[Placement, ...]:
        """What stands in ``device`` now."""
        return self.batches_in(device, self.clerk.now())

    def stays_in(self, device: str, start: int, end: int) -> tuple[Placement, ...]:
        """What stood in ``device`` at some time in [``start``, ``end``), epoch ms; vials too."""
        stay = views.stay.c
        goes_on = or_(stay.end_at.is_(None), stay.end_at > start)
        with self.database.reading() as connection:
            return standing.stays(
                connection, (stay.device == device) & (stay.start_at < end) & goes_on
            )

    def all_at_risk(self) -> dict[str, tuple[Placement, ...]]:
        """What stands in each device now; an empty device is not in it. One query for a site."""
        found: dict[str, list[Placement]] = defaultdict(list)
        with self.database.reading() as connection:
            for placement in standing.stays(connection, _there(self.clerk.now())):
                found[placement.device].append(placement)
        return {device: tuple(inside) for device, inside in found.items()}

    def acts(self, batch: str) -> tuple[Act, ...]:
        """Everything entered about ``batch``, in the order of entry: its audit trail."""
        with self.database.reading() as connection:
            return standing.acts(connection, batch)

    def dossier(self, batch: str) -> Dossier:
        """Everything about ``batch``, of one instant; ``Refused`` when it is unknown."""
        with self.database.reading() as connection:
            culture = standing.known(connection, batch)
            return Dossier(
                batch=culture,
                began=culture.opened_at,
                ended=culture.closed_at,
                protocols=shelf.adopted(connection, batch),
                stays=standing.stays(connection, views.stay.c.batch == batch),
                acts=standing.acts(connection, batch),
                book=sensor_rows.book(connection),
                passage=standing.passage(connection, batch),
                parents=kinship.ancestors(connection, [batch]),
                children=tuple(kinship.children(connection, [batch])),
                head=head(connection),
            )

    def head(self) -> Head:
        """The end of the chain now: noted elsewhere, it proves the ledger up to here."""
        with self.database.reading() as connection:
            return head(connection)


def _there(at: int) -> ColumnElement[bool]:
    """Stays of batches at ``at``; a bank's vials are asked for by ``batches.lineage``."""
    stay, vial = views.stay.c, schema.vial.c
    is_vial = select(vial.sequence).where(vial.id == stay.batch).exists()
    goes_on = or_(stay.end_at.is_(None), stay.end_at > at)
    return and_(stay.start_at <= at, goes_on, ~is_vial)


def _check_product(product: str) -> None:
    check_text(product=product)
    if not product.strip():
        raise Refused("product: say what is cultured")
