"""What the ledger holds about one batch or vial, of one instant."""

from msgspec import Struct

from batches.batch import Batch
from batches.calibration import Book
from batches.kinship import Kin
from batches.placement import Placement
from batches.provenance import Provenance
from batches.shelf import Adopted
from batches.vial import Vial
from storage.acts import Act
from storage.chain import Head


class Dossier(Struct, frozen=True, kw_only=True):
    """What the ledger holds about a batch, or about a vial and what it comes from.

    ``batch`` is the batch itself, or the one that ``vial`` was frozen from; it began at ``began``
    and ended at ``ended``, epoch ms, UTC (None: it goes on). ``provenance`` is
    where its cells were while frozen. ``acts`` are all entries about it, as they came.

    ``protocols`` are what it was judged by from when on. ``parents`` lead up to the patient,
    nearest first, ``children`` are what came of it directly. ``book`` is what it holds about
    sensors, of the same instant.
    """

    batch: Batch
    began: int
    ended: int | None
    protocols: tuple[Adopted, ...]
    stays: tuple[Placement, ...]
    acts: tuple[Act, ...]
    book: Book
    passage: int | None
    parents: tuple[Kin, ...]
    children: tuple[Kin, ...]
    head: Head
    vial: Vial | None = None
    provenance: Provenance | None = None
