"""The file of an existing bank: one row a vial, every row checked, every mistake told by its place.

Columns, in any order, separated by commas, semicolons or tabs, in UTF-8 (or UTF-16 with its mark):

========  =================================================================
vial      its id: the batch and a number, ``B-2019-0001-V001``
patient   a token, never a name
batch     the batch it was frozen of, ``B-2019-0001``
passage   the passage it was frozen in, a whole number
frozen    when: ISO 8601 with an offset, or a time or date of the zone given
device    the freezer it stands in: the id of a device of the site
rack, box, slot   where in there
product   what it is (optional where the ledger has the batch, or for all with an option)
biopsy    the biopsy the batch was grown from (optional), with
biopsy_taken      when that was taken
opened    when the batch was opened (optional; else when its first vial was frozen)
stored    since when the vial stands there (optional; else from the import on: before that,
          nobody knows its cold)
========  =================================================================

A date without a time is the beginning of that day. A column that is not in this list is refused:
it would be lost, or hold a name.
"""

import csv
import io
from collections.abc import Collection, Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import msgspec

from batches.batch import check_id
from batches.vial import Place, is_token, number_of

_NEEDED = ("vial", "patient", "batch", "passage", "frozen", "device", "rack", "box", "slot")
_MORE = ("product", "biopsy", "biopsy_taken", "opened", "stored")
COLUMNS = (*_NEEDED, *_MORE)
_DELIMITERS = (",", ";", "\t")
_HIGHEST_PASSAGE = 99
_LARGEST = 256 * 1024 * 1024
_SHOWN = 40


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong in ``column`` of ``row``, the heading being row 1; a patient is not named."""

    row: int
    column: str
    what: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.what}"


class BankFileError(Exception):
    """The file cannot be imported; ``mistakes`` are all that were found."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        listed = "\n".join(f"{path}: {each}" for each in mistakes)
        super().__init__(f"{listed}\n{path}: {len(mistakes)} mistakes; nothing was entered")
        self.mistakes = tuple(mistakes)


class BankRow(msgspec.Struct, frozen=True, kw_only=True):
    """A vial as the file tells of it, in row ``line``. Times are epoch milliseconds, UTC."""

    line: int
    vial: str
    patient: str
    batch: str
    passage: int
    frozen: int
    place: Place
    product: str
    biopsy: str
    biopsy_taken: int | None
    opened: int | None
    stored: int | None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is said beside the file. ``now`` is epoch milliseconds, UTC."""

    zone: tzinfo | None
    product: str
    devices: Collection[str]
    now: int


def read(path: Path, said: Said) -> tuple[list[BankRow], list[Mistake]]:
    """The rows that are good by themselves, and every mistake in the others.

    Raises:
        BankFileError: it is no such file.
        OSError: it cannot be read.
    """
    if path.stat().st_size > _LARGEST:
        raise BankFileError(path, [_heading("is larger than any bank; split it")])
    text = _text(path)
    heading, _, _ = text.partition("\n")
    delimiter, names = _columns(heading)
    wrong = _wrong_columns(names)
    if wrong:
        raise BankFileError(path, wrong)
    rows: list[BankRow] = []
    mistakes: list[Mistake] = []
    for line, cells in _lines(path, text, delimiter):
        if len(cells) != len(names):
            what = f"has {len(cells)} cells, the heading {len(names)}"
            mistakes.append(Mistake(row=line, column="all", what=what))
            continue
        reader = _RowReader(line, dict(zip(names, cells, strict=True)), said)
        row = reader.row()
        mistakes += reader.mistakes
        if row is not None:
            rows.append(row)
    if not rows and not mistakes:
        raise BankFileError(path, [_heading("no vial follows")])
    return rows, mistakes


def _lines(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows below the heading that hold anything, by number."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in lines:
            if lines.line_num > 1 and any(cell.strip() for cell in cells):
                yield lines.line_num, cells
    except csv.Error as error:
        mistake = Mistake(row=lines.line_num, column="all", what=f"is not CSV: {error}")
        raise BankFileError(path, [mistake]) from error


def among_themselves(rows: list[BankRow]) -> Iterator[Mistake]:
    """Where rows contradict each other."""
    vials: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    batches: dict[str, BankRow] = {}
    biopsies: dict[str, BankRow] = {}
    for row in rows:
        first = vials.setdefault(row.vial, row.line)
        if first != row.line:
            yield Mistake(row=row.line, column="vial", what=f"is in row {first} as well")
        place = row.place.device, row.place.position
        first = places.setdefault(place, row.line)
        if first != row.line:
            what = f"{' '.join(place)} is given to the vial of row {first} as well"
            yield Mistake(row=row.line, column="slot", what=what)
        yield from _unlike(row, batches.setdefault(row.batch, row), _OF_A_BATCH)
        if row.biopsy:
            yield from _unlike(row, biopsies.setdefault(row.biopsy, row), _OF_A_BIOPSY)


_OF_A_BATCH = ("patient", "product", "biopsy", "opened")
_OF_A_BIOPSY = ("patient", "biopsy_taken")


def _unlike(row: BankRow, first: BankRow, columns: tuple[str, ...]) -> Iterator[Mistake]:
    for column in columns:
        if getattr(row, column) != getattr(first, column):
            what = f"is another one than in row {first.line}, of the same batch or biopsy"
            yield Mistake(row=row.line, column=column, what=what)


class _RowReader:
    """Reads the cells of one row, and goes on after a mistake."""

    def __init__(self, line: int, cells: dict[str, str], said: Said) -> None:
        self._line = line
        self._cells = {name: cell.strip() for name, cell in cells.items()}
        self._said = said
        self.mistakes: list[Mistake] = []

    def row(self) -> BankRow | None:
        for column in _NEEDED:
            if not self._cell(column):
                self._wrong(column, "is empty")
        place = self._place()
        row = BankRow(
            line=self._line,
            vial=self._cell("vial"),
            patient=self._cell("patient"),
            batch=self._cell("batch"),
            passage=self._passage(),
            frozen=self._time("frozen") or 0,
            place=place,
            product=self._cell("product") or self._said.product,
            biopsy=self._cell("biopsy"),
            biopsy_taken=self._time("biopsy_taken"),
            opened=self._time("opened"),
            stored=self._time("stored"),
        )
        self._check_ids(row)
        if not self.mistakes:
            self._check_order(row)
        return None if self.mistakes else row

    def _cell(self, column: str) -> str:
        return self._cells.get(column, "")

    def _wrong(self, column: str, what: str) -> None:
        # One mistake a cell: the first is the one to mend.
        if not any(each.column == column for each in self.mistakes):
            self.mistakes.append(Mistake(row=self._line, column=column, what=what))

    def _check_ids(self, row: BankRow) -> None:
        if not is_token(row.patient):
            self._wrong("patient", "is no token; write PT- and digits and letters, never a name")
        for column, id_ in (("batch", row.batch), ("biopsy", row.biopsy)):
            try:
                if id_ or column == "batch":
                    check_id(id_)
            except ValueError as error:
                self._wrong(column, str(error))
        if number_of(row.vial) is None or row.vial.rpartition("-V")[0] != row.batch:
            self._wrong(
                "vial", f"{_shown(row.vial)} is no vial of its batch; write {row.batch}-V001"
            )
        if not row.product.isprintable():
            self._wrong("product", f"{_shown(row.product)} holds what cannot be shown")
        if bool(row.biopsy) != (row.biopsy_taken is not None):
            self._wrong("biopsy_taken", "a biopsy and when it was taken are said together")

    def _check_order(self, row: BankRow) -> None:
        if row.opened is not None and row.opened > row.frozen:
            self._wrong("opened", "lies after frozen")
        if row.stored is not None and row.stored < row.frozen:
            self._wrong("stored", "lies before frozen")
        began = row.frozen if row.opened is None else row.opened
        if row.biopsy_taken is not None and row.biopsy_taken > began:
            self._wrong("biopsy_taken", "lies after the batch was opened")

    def _place(self) -> Place:
        place = Place(
            device=self._cell("device"),
            rack=self._cell("rack"),
            box=self._cell("box"),
            slot=self._cell("slot"),
        )
        if place.device not in self._said.devices:
            self._wrong("device", f"{_shown(place.device)} is no device of this site")
        for column in ("rack", "box", "slot"):
            alone = dict.fromkeys(("device", "rack", "box", "slot"), "1")
            mistake = Place(**{**alone, column: self._cell(column)}).mistake()
            if mistake:
                self._wrong(column, mistake.removeprefix(f"{column} "))
        return place

    def _passage(self) -> int:
        text = self._cell("passage")
        if text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PASSAGE:
            return int(text)
        self._wrong("passage", f"{_shown(text)} is no number from 0 to {_HIGHEST_PASSAGE}")
        return 0

    def _time(self, column: str) -> int | None:
        text = self._cell(column)
        if not text:
            return None
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            self._wrong(column, f"{_shown(text)} is no time, ISO 8601: 2019-05-04T13:00+02:00")
            return None
        if when.tzinfo is None:
            if self._said.zone is None:
                self._wrong(column, f"{_shown(text)} has no offset; add it, or say --zone")
                return None
            when = when.replace(tzinfo=self._said.zone)
            if when.utcoffset() != when.replace(fold=1).utcoffset():
                self._wrong(column, f"{_shown(text)} comes twice or never in {self._said.zone}")
                return None
        at = round(when.timestamp() * 1000)
        if not 0 <= at <= self._said.now:
            where = "in the future" if at > 0 else "before 1970"
            self._wrong(column, f"{_shown(text)} lies {where}")
            return None
        return at


def _text(path: Path) -> str:
    raw = path.read_bytes()
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        what = "is not in UTF-8; save the file as CSV UTF-8"
        raise BankFileError(path, [Mistake(row=row, column="all", what=what)]) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _columns(heading: str) -> tuple[str, list[str]]:
    found: list[tuple[str, list[str]]] = []
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([heading], delimiter=delimiter), [])
        found.append((delimiter, [cell.strip().lower() for cell in cells]))
    return max(found, key=lambda each: len(set(each[1]) & set(COLUMNS)))


def _wrong_columns(names: list[str]) -> list[Mistake]:
    mistakes = [_heading(f"there is no column {each!r}") for each in _NEEDED if each not in names]
    for name in dict.fromkeys(names):
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            mistakes.append(_heading(f"{_shown(name)} is no column of a bank; known: {known}"))
        elif names.count(name) > 1:
            mistakes.append(_heading(f"there are two columns {name!r}"))
    return mistakes


def _heading(what: str) -> Mistake:
    return Mistake(row=1, column="all", what=what)


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return repr(short) if short.isprintable() else ascii(short)
