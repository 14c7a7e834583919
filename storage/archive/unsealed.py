"""Scans of the journal as columns: what is not sealed, read a page of rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

from devices.scan import Layout, Scan, Source
from storage.archive.columns import Columns, joined, of_scans, plain_kind
from storage.archive.pieces import ROWS, Piece, Stream
from storage.archive.spelled import spelled_out
from storage.pack import MARKED, REPEAT, SOURCE
from storage.reader import JournalReader, Row

Wanted = Callable[[int], bool]
_MOST_SOURCE = max(Source)


def streams(
    journal: JournalReader, device: str, start: int, end: int, *, wanted: Wanted | None = None
) -> list[Stream]:
    """What the journal has of ``device`` in ``[start, end)``, a stream for each of its layouts.

    ``wanted`` says whether the scan of a number is; None: all are. Rows that are damaged go to
    ``journal.damaged``.

    Raises:
        storage.waiting.JournalError: the journal cannot be read.
    """
    layouts = journal.numbered_layouts()
    return [
        Stream(start, _pieces(layout, journal, journal.pages(number, start, end, ROWS), wanted))
        for number, layout in layouts.items()
        if layout.device == device
    ]


def _pieces(
    layout: Layout, journal: JournalReader, pages: Iterator[list[Row]], wanted: Wanted | None
) -> Iterator[Piece]:
    for page in pages:
        rows = page if wanted is None else [row for row in page if wanted(row[0])]
        if rows:
            yield Piece(layout, _columns(layout, journal, rows))


def _columns(layout: Layout, journal: JournalReader, rows: Sequence[Row]) -> Columns:
    plain, found = _plain(layout, spelled_out(rows, len(layout.keys)))
    odd = [row for row, is_plain in zip(rows, plain.tolist(), strict=True) if not is_plain]
    if not odd:
        return found
    read = [(entry.at, seq, entry) for seq, entry in journal.sound(odd) if isinstance(entry, Scan)]
    parts = [found, *(columns for _, columns in of_scans(read))]
    whole = joined(parts, len(layout.keys))
    return whole.take(np.lexsort((whole.seq, whole.at)))


def _plain(layout: Layout, rows: Sequence[Row]) -> tuple[npt.NDArray[np.bool_], Columns]:
    """Which rows are sound and all good, as nearly all are; and those as columns."""
    seq, numbers, at, crcs, bodies = zip(*rows, strict=True)
    kind, count = plain_kind(len(layout.keys)), len(rows)
    plain = np.zeros(count, np.bool_)
    # Damage may have changed types too.
    if all({*map(type, each)} == {int} for each in (seq, numbers, at, crcs)) and {
        *map(type, bodies)
    } == {bytes}:
        places = np.array((seq, numbers, at), "<i8").T.copy().view("V24")[:, 0].tolist()
        actual = np.fromiter(map(crc32, bodies, map(crc32, places)), np.int64, count)
        plain = actual == np.array(crcs)
        if {*map(len, bodies)} != {kind.itemsize}:
            plain &= np.fromiter(map(len, bodies), np.int64, count) == kind.itemsize
    some = np.frombuffer(_picked(bodies, plain), kind)
    fine = (some["flags"] & MARKED == 0) & (some["flags"] & SOURCE <= _MOST_SOURCE)
    fine &= np.isfinite(some["values"]).all(axis=1)
    plain[plain] = fine
    where, flags = np.flatnonzero(plain), some["flags"][fine]
    return plain, Columns(
        seq=np.array(seq)[where] if len(where) else np.zeros(0, np.int64),
        layout=np.zeros(len(where), np.int64),
        at=np.array(at)[where] if len(where) else np.zeros(0, np.int64),
        received=some["received"][fine],
        source=(flags & SOURCE).astype(np.int64),
        repeat=flags & REPEAT != 0,
        values=some["values"][fine],
        qualities=[None] * len(where),
        notes=[None] * len(where),
    )


def _picked(bodies: Sequence[bytes], wanted: npt.NDArray[np.bool_]) -> bytes:
    if wanted.all():
        return b"".join(bodies)
    return b"".join(bodies[n] for n in np.flatnonzero(wanted).tolist())
