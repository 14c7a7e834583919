"""Scans as columns, a piece at a time: what long spans are read in, in the order of time.

Pieces come from the row groups of segments and from pages of the journal. Where late entries
overlap others they are put into order here; small ones are put together, since what takes them has
its price for each piece as well as for each scan.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from devices.scan import VALUELESS_CODES, Layout, Source
from storage.archive.columns import Columns, codes_of, joined, scans_of
from storage.pack import DamagedError

ROWS = 8_192
"""What a piece is made to have, at least, where the layout goes on."""
_MOST_SOURCE = max(Source)
_VALUELESS = np.zeros(256, np.bool_)
_VALUELESS[list(VALUELESS_CODES)] = True
Place = tuple[int, int]
"""Time and number of a scan."""


class Piece(NamedTuple):
    """Scans of one device in one ``layout``, in the order of time and number."""

    layout: Layout
    rows: Columns

    def slice(self, begin: int, end: int) -> "Piece":
        """Rows from ``begin`` to before ``end``."""
        return Piece(self.layout, self.rows.slice(begin, end))


class Stream(NamedTuple):
    """Pieces in the order of time and number, nothing in them before ``start``."""

    start: int
    pieces: Iterator[Piece]


def merged(streams: Sequence[Stream]) -> Iterator[Piece]:
    """All of them in the order of time and number; one is begun only when its time has come."""
    ahead = deque(sorted(streams, key=lambda stream: stream.start))
    running: list[_Running] = []
    while ahead or running:
        while ahead and (not running or ahead[0].start <= min(r.last for r in running)[0]):
            begun = _Running(ahead.popleft().pieces)
            running += [begun] if begun.goes_on() else []
        if running:
            # What comes later, in any of them, lies behind the first end of a piece.
            upto = min(each.last for each in running)
            yield from _in_order([each.take(upto) for each in running])
            running = [each for each in running if each.goes_on()]


def gathered(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same, small ones that follow each other in one layout put together."""
    waiting: list[Piece] = []
    count = 0
    for piece in pieces:
        if waiting and (count >= ROWS or waiting[0].layout != piece.layout):
            yield _one(waiting)
            waiting, count = [], 0
        waiting.append(piece)
        count += len(piece.rows.at)
    if waiting:
        yield _one(waiting)


def checked(layout: Layout, rows: Columns) -> tuple[Piece, str]:
    """Rows up to the first that is no scan of ``layout``, and why it is none; else empty."""
    piece = Piece(layout, rows)
    wrong = _first_wrong(rows, len(layout.keys))
    if wrong is None:
        return piece, ""
    try:
        next(scans_of(rows.slice(wrong, wrong + 1), layout))
    except DamagedError as error:
        return piece.slice(0, wrong), str(error)
    return piece.slice(0, wrong), f"{layout.device}: an entry of {rows.at[wrong]} is no scan"


def _first_wrong(rows: Columns, width: int) -> int | None:
    odd = [n for n, marks in enumerate(rows.qualities) if marks is not None and len(marks) != width]
    end = odd[0] if odd else len(rows.at)
    some = rows.slice(0, end)
    codes = codes_of(some, width)
    missing = np.isnan(some.values) != (False if codes is None else _VALUELESS[codes])
    wrong = (missing | np.isinf(some.values)).any(axis=1)
    wrong |= (some.source < 0) | (some.source > _MOST_SOURCE)
    if wrong.any():
        return int(wrong.argmax())
    return end if odd else None


class _Running:
    """A stream that was begun, and what is left of its piece."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self._piece: Piece | None = None

    def goes_on(self) -> bool:
        """Whether anything is left; the next piece is read when one is used up."""
        while self._piece is None or not len(self._piece.rows.at):
            self._piece = next(self._pieces, None)
            if self._piece is None:
                return False
        return True

    @property
    def last(self) -> Place:
        rows = self._left.rows
        return int(rows.at[-1]), int(rows.seq[-1])

    def take(self, upto: Place) -> Piece:
        """What there is up to that place, itself included; perhaps nothing."""
        left = self._left
        at, seq = left.rows.at, left.rows.seq
        begin, end = int(at.searchsorted(upto[0])), int(at.searchsorted(upto[0], side="right"))
        count = begin + int(seq[begin:end].searchsorted(upto[1], side="right"))
        self._piece = left.slice(count, len(at))
        return left.slice(0, count)

    @property
    def _left(self) -> Piece:
        if self._piece is None:
            raise RuntimeError("a stream that has ended was asked for more")
        return self._piece


def _in_order(pieces: Sequence[Piece]) -> Iterator[Piece]:
    some = sorted((each for each in pieces if len(each.rows.at)), key=_first)
    if all(_last(one) < _first(other) for one, other in pairwise(some)):
        yield from some
        return
    by_layout: dict[Layout, list[Piece]] = {}
    for each in some:
        by_layout.setdefault(each.layout, []).append(each)
    wholes = [_one(those) for those in by_layout.values()]
    at = np.concatenate([whole.rows.at for whole in wholes])
    seq = np.concatenate([whole.rows.seq for whole in wholes])
    which = np.repeat(np.arange(len(wholes)), [len(whole.rows.at) for whole in wholes])
    place = np.concatenate([np.arange(len(whole.rows.at)) for whole in wholes])
    order = np.lexsort((seq, at))
    begins = np.flatnonzero(np.diff(which[order], prepend=-1)).tolist()
    for begin, end in pairwise([*begins, len(order)]):
        run = order[begin:end]
        whole = wholes[which[run[0]]]
        yield Piece(whole.layout, whole.rows.take(place[run]))


def _first(piece: Piece) -> Place:
    return int(piece.rows.at[0]), int(piece.rows.seq[0])


def _last(piece: Piece) -> Place:
    return int(piece.rows.at[-1]), int(piece.rows.seq[-1])


def _one(pieces: Sequence[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    layout = pieces[0].layout
    return Piece(layout, joined([piece.rows for piece in pieces], len(layout.keys)))
