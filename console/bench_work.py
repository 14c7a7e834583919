"""What people enter of batches and vials from a screen: placed, moved, taken out, thawed."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec

from batches.bank import Bank
from batches.batch import Batch, Signed
from batches.kinship import Kin
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Placement, Refused
from batches.provenance import Status
from batches.vial import Place, Vial, number_of
from console.acknowledge import one_line
from console.entrance import Entrance, Visitor
from console.orders import Became, Ordered
from console.view import Equipment
from storage.database import DatabaseError

log = logging.getLogger(__name__)

KEEP_S = 8.0


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A batch or a vial, ``life``, with its stays in the order of time, its kin and its vials."""

    life: Batch | Vial
    stays: tuple[Placement, ...]
    passage: int | None
    patient: str | None
    ancestors: tuple[Kin, ...]
    descendants: tuple[Kin, ...]
    vials: tuple[Vial, ...]

    @property
    def here(self) -> Placement | None:
        """Where it stands now."""
        return next((stay for stay in reversed(self.stays) if stay.end is None), None)


def read(ledger: Ledger, subject: str) -> Subject:
    """All that a screen shows of ``subject``.

    Raises:
        Refused: the ledger knows no such batch or vial.
        DatabaseError: it cannot be read.
    """
    bank = Bank(ledger)
    is_vial = number_of(subject) is not None
    life: Batch | Vial = bank.vial(subject) if is_vial else ledger.batch(subject)
    return Subject(
        life=life,
        stays=_stays_of_vial(bank, subject) if is_vial else ledger.stays(subject),
        passage=life.passage if isinstance(life, Vial) else bank.passage_of(subject),
        patient=bank.patient(subject),
        ancestors=bank.ancestors(subject),
        descendants=bank.descendants(subject),
        vials=() if is_vial else bank.vials(subject),
    )


def _stays_of_vial(bank: Bank, vial: str) -> tuple[Placement, ...]:
    """Its own stays in devices, not those of what it comes from."""
    return tuple(
        one.placement
        for one in bank.life(vial)
        if one.subject == vial and one.status is Status.PLACED
    )


class WorkDesk:
    """Takes in what people do at the bench; each act is judged by the ledger itself."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def place(
        self, visitor: Visitor, subject: str, *, device: str, position: str, reason: str = ""
    ) -> Ordered:
        """Put a batch or a vial into ``device``, out of where it is, if anywhere."""

        def act(ledger: Ledger, signed: Signed) -> None:
            where = one_line(position)
            if number_of(subject) is not None:
                Lineage(ledger).store(subject, slot(device, where), act=signed)
            elif any(stay.end is None for stay in ledger.stays(subject)):
                ledger.move(subject, device, position=where, act=signed)
            else:
                ledger.place(subject, device, position=where, act=signed)

        return await self._kept(visitor, reason, act)

    async def take_out(self, visitor: Visitor, subject: str, *, reason: str = "") -> Ordered:
        """Take a batch or a vial out of where it is."""

        def act(ledger: Ledger, signed: Signed) -> None:
            if number_of(subject) is not None:
                Lineage(ledger).take_out(subject, act=signed)
            else:
                ledger.remove(subject, act=signed)

        return await self._kept(visitor, reason, act)

    async def thaw(
        self, visitor: Visitor, vial: str, *, into: str = "", reason: str = ""
    ) -> Ordered:
        """Thaw a vial, for use or ``into`` a batch that is opened with it."""

        def act(ledger: Ledger, signed: Signed) -> None:
            Lineage(ledger).thaw(vial, into=into.strip(), act=signed)

        return await self._kept(visitor, reason, act)

    async def _kept(
        self, visitor: Visitor, reason: str, act: Callable[[Ledger, Signed], None]
    ) -> Ordered:
        signed = Signed(by=visitor.person.id, reason=one_line(reason))
        try:
            async with asyncio.timeout(KEEP_S):
                await asyncio.to_thread(lambda: act(self._entrance.ledger, signed))
        except (Refused, ValueError) as error:
            return Ordered(became=Became.REFUSED, why=str(error))
        except TimeoutError:
            why = f"no answer within {KEEP_S:g} s; look whether it was done"
            return Ordered(became=Became.NOT_KEPT, why=why)
        except DatabaseError as error:
            log.exception("what %s did was not kept", signed.by)
            return Ordered(became=Became.NOT_KEPT, why=str(error))
        return Ordered(became=Became.DONE)


def device_called(text: str, equipment: Sequence[Equipment]) -> str:
    """The id of the device that goes by ``text``, its id or its name; empty for none or several.

    Whole names only: what begins like another one's would put cells where they are not.
    """
    wanted = text.strip().casefold()
    holding = [one for one in equipment if wanted and not one.is_system]
    called = [one.id for one in holding if one.id.casefold() == wanted]
    named = [one.id for one in holding if one.name.casefold() == wanted]
    found = called or named
    return found[0] if len(found) == 1 else ""


def slot(device: str, position: str) -> Place:
    """The slot that ``rack/box/slot`` names in ``device``.

    Raises:
        Refused: it names none.
    """
    parts = [part.strip() for part in position.split("/")]
    if len(parts) != 3:  # noqa: PLR2004 # rack/box/slot
        raise Refused(f"{position!r}: the place of a vial is rack/box/slot, such as 1/A/12")
    rack, box, name = parts
    return Place(device=device, rack=rack, box=box, slot=name)
