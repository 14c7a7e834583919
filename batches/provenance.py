"""Where the cells of a vial were while frozen: its own stays, its parents', and other sites'."""

from enum import StrEnum

import msgspec

from batches.cryo import Warmth
from batches.logged import Intake
from batches.placement import Placement
from batches.vial import Vial


class Status(StrEnum):
    """What kind of a stay it is."""

    PLACED = "in a device"
    TRANSIT = "on the way"
    ELSEWHERE = "at another site"


class Lived(msgspec.Struct, frozen=True, kw_only=True):
    """A stay of a vial, or of what it comes from, as far as the vial went through it.

    ``subject`` is whose stay it was; ``start`` and ``end`` are the part up to the split; None: it
    goes on. On the way, ``placement`` names the logger as the device (or nothing) and the
    shipment as the position. At another site it names nothing: that site's ledger does.
    """

    subject: str
    placement: Placement
    start: int
    end: int | None
    status: Status = Status.PLACED


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What ``vial`` had gone through when another site's ledger gave it to this one.

    ``warmth`` is cumulated up to ``until`` (epoch ms, UTC), its parents included.
    """

    vial: str
    shipment: str
    until: int
    warmth: tuple[Warmth, ...]


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to sum up the frozen life of a vial, of one instant.

    ``vials`` are itself and those it comes from, without those that stand in what was
    ``carried`` here; ``lived`` are all stays up to each split, and ``intakes`` the temperatures
    that came from files for the devices of those stays, in the order of entry.
    """

    vials: tuple[Vial, ...]
    lived: tuple[Lived, ...]
    carried: tuple[Carried, ...]
    intakes: tuple[Intake, ...]
