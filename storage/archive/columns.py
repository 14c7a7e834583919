"""Entries as columns and back: what goes into a segment comes out of it to the last bit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from devices.scan import Layout, Scan, Source
from storage.entry import Entry
from storage.pack import MARKED, NOTE, REPEAT, SOURCE, DamagedError, body, is_sound, unpacked
from storage.reader import Placed, Row

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_HEAD = 9


class Columns(NamedTuple):
    """Entries, one a row. A value that is not there is NaN.

    ``qualities`` is None where all are good; ``notes`` is what is no scan, packed. ``values`` is as
    wide as the widest layout.
    """

    seq: Integers
    layout: Integers
    at: Integers
    received: Integers
    source: Integers
    repeat: npt.NDArray[np.bool_]
    values: Floats
    qualities: Sequence[bytes | None]
    notes: Sequence[bytes | None]

    def take(self, rows: Integers) -> "Columns":
        """These rows, in this order."""
        return Columns(
            seq=self.seq[rows],
            layout=self.layout[rows],
            at=self.at[rows],
            received=self.received[rows],
            source=self.source[rows],
            repeat=self.repeat[rows],
            values=self.values[rows],
            qualities=[self.qualities[n] for n in rows.tolist()],
            notes=[self.notes[n] for n in rows.tolist()],
        )

    def slice(self, begin: int, end: int) -> "Columns":
        """Rows from ``begin`` to before ``end``."""
        return Columns(
            seq=self.seq[begin:end],
            layout=self.layout[begin:end],
            at=self.at[begin:end],
            received=self.received[begin:end],
            source=self.source[begin:end],
            repeat=self.repeat[begin:end],
            values=self.values[begin:end],
            qualities=self.qualities[begin:end],
            notes=self.notes[begin:end],
        )


def joined(parts: Sequence[Columns], width: int) -> Columns:
    """The rows of all ``parts``, one after the other; each is ``width`` values wide."""
    none = np.zeros(0, np.int64)
    return Columns(
        seq=np.concatenate([none, *(part.seq for part in parts)]),
        layout=np.concatenate([none, *(part.layout for part in parts)]),
        at=np.concatenate([none, *(part.at for part in parts)]),
        received=np.concatenate([none, *(part.received for part in parts)]),
        source=np.concatenate([none, *(part.source for part in parts)]),
        repeat=np.concatenate([none.astype(np.bool_), *(part.repeat for part in parts)]),
        values=np.concatenate([np.zeros((0, width)), *(part.values for part in parts)]),
        qualities=[each for part in parts for each in part.qualities],
        notes=[each for part in parts for each in part.notes],
    )


def columns(
    rows: Sequence[Row], layouts: Mapping[int, Layout], width: int
) -> tuple[Columns, dict[int, str]]:
    """Rows of the journal as columns, sorted by layout, time and number.

    Those that are damaged are left out; the second value says why, by number.
    """
    damaged: dict[int, str] = {}
    by_layout: dict[int, list[Row]] = {}
    for row in rows:
        if not is_sound(*row):
            damaged[row[0]] = "does not match its checksum"
        elif row[1] != NOTE and row[1] not in layouts:
            damaged[row[0]] = f"its layout {row[1]} is gone"
        else:
            by_layout.setdefault(row[1], []).append(row)
    parts = []
    for number, those in sorted(by_layout.items()):
        whole = those if number == NOTE else _readable(those, layouts[number], damaged)
        if whole:
            parts.append(_of_layout(number, whole, layouts.get(number), width))
    found = joined(parts, width)
    return found.take(np.lexsort((found.seq, found.at, found.layout))), damaged


def _readable(rows: Sequence[Row], layout: Layout, damaged: dict[int, str]) -> list[Row]:
    plain = _HEAD + 8 * len(layout.keys)
    found = []
    for row in rows:
        packed = row[4]
        if len(packed) != plain or packed[8] & MARKED:
            try:
                spelled = body(unpacked(layout, row[2], packed))
            except DamagedError as error:
                damaged[row[0]] = str(error)
                continue
            if spelled != packed:
                damaged[row[0]] = "is not spelled as it is read"
                continue
        found.append(row)
    return found


def _of_layout(number: int, rows: Sequence[Row], layout: Layout | None, width: int) -> Columns:
    count = len(rows)
    values = np.full((count, width), np.nan)
    received, flags = np.zeros(count, np.int64), np.zeros(count, np.uint8)
    qualities: list[bytes | None] = [None] * count
    notes: list[bytes | None] = [None] * count
    if layout is None:
        notes = [row[4] for row in rows]
    else:
        plain = [n for n, row in enumerate(rows) if not row[4][8] & MARKED]
        some = np.frombuffer(b"".join(rows[n][4] for n in plain), plain_kind(len(layout.keys)))
        received[plain], flags[plain] = some["received"], some["flags"]
        values[plain, : len(layout.keys)] = some["values"]
        for n in set(range(count)).difference(plain) if len(plain) < count else ():
            match unpacked(layout, rows[n][2], rows[n][4]):
                case Scan() as scan:
                    received[n], flags[n] = scan.received, rows[n][4][8]
                    values[n, : len(scan.values)] = scan.values
                    qualities[n] = scan.qualities
    return Columns(
        seq=np.array([row[0] for row in rows], np.int64),
        layout=np.full(count, number, np.int64),
        at=np.array([row[2] for row in rows], np.int64),
        received=received,
        source=(flags & SOURCE).astype(np.int64),
        repeat=(flags & REPEAT) != 0,
        values=values,
        qualities=qualities,
        notes=notes,
    )


def plain_kind(count: int) -> np.dtype[np.void]:
    """A scan of which all is good, as ``storage.pack`` lays it."""
    return np.dtype([("received", "<i8"), ("flags", "u1"), ("values", "<f8", (count,))])


def codes_of(found: Columns, width: int) -> npt.NDArray[np.uint8] | None:
    """The quality of each value, a row a scan of ``width`` channels; None where all are good."""
    if found.qualities.count(None) == len(found.qualities):
        return None
    marked = [(n, marks) for n, marks in enumerate(found.qualities) if marks is not None]
    codes = np.zeros((len(found.qualities), width), np.uint8)
    packed = b"".join(marks for _, marks in marked)
    codes[[n for n, _ in marked]] = np.frombuffer(packed, np.uint8).reshape(-1, width)
    return codes


def bodies(found: Columns, layouts: Mapping[int, Layout]) -> list[bytes]:
    """What the journal held of each row, in the same order."""
    packed: list[bytes] = [b""] * len(found.seq)
    for number in np.unique(found.layout).tolist():
        where = np.flatnonzero(found.layout == number)
        if number == NOTE:
            for n in where.tolist():
                packed[n] = found.notes[n] or b""
            continue
        marked = [n for n in where.tolist() if found.qualities[n] is not None]
        plain = np.setdiff1d(where, np.array(marked, np.int64), assume_unique=True)
        for n, one in zip(plain.tolist(), _plain(found, plain, layouts[number]), strict=True):
            packed[n] = one
        for n, entry in zip(marked, entries(found, layouts, marked), strict=True):
            packed[n] = body(entry)
    return packed


def _plain(found: Columns, where: Integers, layout: Layout) -> Iterator[bytes]:
    count = len(layout.keys)
    some = np.empty(len(where), plain_kind(count))
    some["received"] = found.received[where]
    some["flags"] = found.source[where] | np.where(found.repeat[where], REPEAT, 0)
    some["values"] = found.values[where, :count]
    raw, size = some.tobytes(), some.dtype.itemsize
    return (raw[n : n + size] for n in range(0, len(raw), size))


def entries(
    found: Columns, layouts: Mapping[int, Layout], where: Sequence[int] | range
) -> Iterator[Entry]:
    """The rows at ``where`` as entries.

    Raises:
        DamagedError: one says what no entry can say.
    """
    at, numbers = found.at.tolist(), found.layout.tolist()
    scan_at = _scans(found)
    for n in where:
        layout, note = layouts.get(numbers[n]), found.notes[n]
        yield unpacked(None, at[n], note or b"") if layout is None else scan_at(n, layout)


def scans_of(found: Columns, layout: Layout) -> Iterator[Scan]:
    """The rows as scans of one layout.

    Raises:
        DamagedError: one says what no scan can say.
    """
    scan_at = _scans(found)
    return (scan_at(n, layout) for n in range(len(found.at)))


def _scans(found: Columns) -> Callable[[int, Layout], Scan]:
    at, received = found.at.tolist(), found.received.tolist()
    source, repeat = found.source.tolist(), found.repeat.tolist()

    def scan_at(n: int, layout: Layout) -> Scan:
        count = len(layout.keys)
        values: tuple[float | None, ...] = tuple(found.values[n, :count].tolist())
        qualities = found.qualities[n]
        if qualities is None:
            qualities = bytes(count)
        else:
            values = tuple(None if v != v else v for v in values)  # noqa: PLR0124 # NaN
        try:
            code = Source(source[n])
            return Scan(layout, at[n], received[n], values, qualities, code, repeat[n])
        except ValueError as error:
            raise DamagedError(str(error)) from error

    return scan_at


def of_scans(placed: Sequence[Placed]) -> list[tuple[Layout, Columns]]:
    """Scans of one device as columns, a piece for each layout."""
    by_layout: dict[Layout, list[Placed]] = {}
    for each in placed:
        by_layout.setdefault(each[2].layout, []).append(each)
    return [(layout, _columns_of(layout, those)) for layout, those in by_layout.items()]


def _columns_of(layout: Layout, placed: Sequence[Placed]) -> Columns:
    scans = [scan for _, _, scan in placed]
    count = len(scans)
    return Columns(
        seq=np.array([seq for _, seq, _ in placed], np.int64),
        layout=np.zeros(count, np.int64),
        at=np.array([scan.at for scan in scans], np.int64),
        received=np.array([scan.received for scan in scans], np.int64),
        source=np.array([scan.source for scan in scans], np.int64),
        repeat=np.array([scan.repeat for scan in scans], np.bool_),
        values=np.array([scan.values for scan in scans], np.float64).reshape(
            count, len(layout.keys)
        ),
        qualities=[scan.qualities if any(scan.qualities) else None for scan in scans],
        notes=[None] * count,
    )


def by_time(pieces: Sequence[tuple[Layout, Columns]]) -> list[tuple[Layout, Columns]]:
    """One piece for each layout, each in the order of time and number."""
    by_layout: dict[Layout, list[Columns]] = {}
    for layout, piece in pieces:
        by_layout.setdefault(layout, []).append(piece)
    made = []
    for layout, those in by_layout.items():
        found = joined(those, len(layout.keys)) if len(those) > 1 else those[0]
        order = np.lexsort((found.seq, found.at))
        steady = bool((order[1:] > order[:-1]).all())
        made.append((layout, found if steady else found.take(order)))
    return made
