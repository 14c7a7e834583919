"""The readings in the CSV file of any logger: columns ``time``, ``value``, maybe ``duration_s``.

A heading names the columns, in any order and beside others; they are separated by commas,
semicolons or tabs. With semicolons or tabs a comma may stand in a number for the point.
``time`` is ISO 8601 (without an offset: UTC) or seconds, ``value`` °C, empty where nothing was
measured, ``duration_s`` for how long the reading stands. Rows may come in any order; the same
row twice counts once. A file in the order of time is read without keeping it in memory.
"""

import csv
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from math import nan
from pathlib import Path
from typing import NamedTuple, TextIO

from devices.units import Stored

TIME, VALUE, DURATION = "time", "value", "duration_s"
_DELIMITERS = (",", ";", "\t")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LAST_S = 1e11
"""Later than any date that can be meant: such times are milliseconds, or no times."""
_DATES = (-10_000_000_000_000, 10_000_000_000_000)
"""In milliseconds, 1653 to 2286: what ends after such a date has a date, too."""
_COLDEST, _HOTTEST = -273.15, 10_000.0
_SHOWN = 30
_REMEMBERED = 10_000


class LoggerFileError(Exception):
    """The file cannot be used; one line with file, row and what to do."""


class Row(NamedTuple):
    """One reading. ``line`` is where it stands, ``at`` and ``lasts`` are milliseconds.

    ``value`` is None where nothing was measured, ``lasts`` where the file does not say.
    """

    line: int
    at: int
    value: float | None
    lasts: int | None


class Form(NamedTuple):
    """How a file says it: the columns by heading (or number, from 1), and what numbers mean.

    ``zone`` is that of times without an offset; None: they are UTC. ``stored`` turns a number
    into the stored unit, in which it lies between ``least`` and ``most``.
    """

    time: str = TIME
    value: str = VALUE
    zone: tzinfo | None = None
    stored: Stored = Stored("degC", 1.0)
    least: float = _COLDEST
    most: float = _HOTTEST
    quantity: str = "temperature"


class LoggerFile:
    """A file that was gone through once and found good.

    ``readings`` are counted without the ``doubled`` ones; ``start`` and ``end`` are
    milliseconds, since 1970 where ``dated``, else since what the file calls 0. ``period`` is the
    usual time between two readings, or the one given; ``usual`` is that usual time (None: there
    are no two), and ``steady`` says whether most of them are about so far apart. ``zoned`` says
    that each time has an offset of its own, ``backward`` which row first goes back in time, if
    any.
    """

    def __init__(self, path: Path, *, period: int | None = None, form: Form | None = None) -> None:
        """Go through the file at ``path``; ``period`` in milliseconds.

        Raises:
            LoggerFileError: it is not such a file, or holds what is no reading.
            OSError: it cannot be read.
        """
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "there is no such file"
            raise LoggerFileError(f"{path}: {what}; name a CSV file")
        self._path = path
        self._how = Form() if form is None else form
        self.dated = self.zoned = False
        self.backward: int | None = None
        self.rows = self.doubled = 0
        self._order: Sequence[int] | None = None
        last, steps = self._scan()
        self.usual = _median(steps) if steps else None
        self.steady = self.usual is not None and _is_steady(steps, self.usual)
        if period is None and not steps:
            if not last.lasts:
                raise LoggerFileError(
                    f"{path}: holds readings of one instant only; say with --period for how long "
                    "one stands"
                )
            period = last.lasts
        self.readings = self.rows - self.doubled
        self.period = (self.usual or 0) if period is None else period
        self.end = last.at + (self.period if last.lasts is None else last.lasts)

    def __iter__(self) -> Iterator[Row]:
        """The readings in the order of time, each once."""
        rows = self._read() if self._order is None else self._sorted()
        return _once(islice(rows, self.rows), self._path)

    def _scan(self) -> tuple[Row, Counter[int]]:
        steps: Counter[int] = Counter()
        first = previous = None
        for row in self._read():
            self.rows += 1
            if previous is None:
                first = row
            elif row.at < previous.at:
                self.backward = row.line
                return self._scan_unordered()
            else:
                self._step(previous, row, steps)
            previous = row
        if first is None or previous is None:
            raise LoggerFileError(f"{self._path}: holds a heading and no reading")
        self.start = first.at
        return previous, steps

    def _scan_unordered(self) -> tuple[Row, Counter[int]]:
        self._keep(self._read())
        steps: Counter[int] = Counter()
        self.doubled = 0
        previous: Row | None = None
        for row in self._sorted():
            if previous is None:
                self.start = row.at
            else:
                self._step(previous, row, steps)
            previous = row
        if previous is None:
            raise LoggerFileError(f"{self._path}: was emptied while it was read; try again")
        return previous, steps

    def _step(self, previous: Row, row: Row, steps: Counter[int]) -> None:
        if row.at == previous.at:
            self.doubled += 1
        else:
            steps[row.at - previous.at] += 1

    def _keep(self, rows: Iterable[Row]) -> None:
        self._lines, self._ats, self._lasts = array("q"), array("q"), array("q")
        self._values = array("d")
        for row in rows:
            self._lines.append(row.line)
            self._ats.append(row.at)
            self._values.append(nan if row.value is None else row.value)
            self._lasts.append(-1 if row.lasts is None else row.lasts)
        self.rows = len(self._ats)
        # A stable sort: of one instant, the first row stays the first one.
        self._order = array("q", sorted(range(self.rows), key=self._ats.__getitem__))

    def _sorted(self) -> Iterator[Row]:
        for n in self._order or ():
            value, lasts = self._values[n], self._lasts[n]
            yield Row(
                self._lines[n],
                self._ats[n],
                None if value != value else value,  # noqa: PLR0124 # only a NaN differs from itself
                None if lasts < 0 else lasts,
            )

    def _read(self) -> Iterator[Row]:
        with _opened(self._path) as file:
            try:
                yield from self._parsed(file)
            except csv.Error as error:
                raise LoggerFileError(f"{self._path}: is not CSV: {error}") from error

    def _parsed(self, file: TextIO) -> Iterator[Row]:
        heading = file.readline()
        if not heading.strip():
            what = "begins with an empty row" if heading else "is empty"
            raise LoggerFileError(f"{self._path}:1: {what}; the first row names the columns")
        form = _Form(self._path, heading, self._how)
        lines = csv.reader(file, delimiter=form.delimiter, strict=True)
        for cells in lines:
            if cells:
                yield form.row(lines.line_num + 1, cells)
        self.dated, self.zoned = form.dated, form.zoned


class _Form:
    """How one file is written, and what its rows say."""

    def __init__(self, path: Path, heading: str, how: Form) -> None:
        self._path = path
        self._how = how
        self.delimiter, names = _columns(heading, (how.time, how.value))
        self._width = len(names)
        self._time, self._value = (_place(path, each, names) for each in (how.time, how.value))
        self._duration = names.index(DURATION) if DURATION in names else None
        self._comma = self.delimiter != ","
        self._instant: Callable[[str], int | None] | None = None
        self._aware: bool | None = None
        self._read: dict[str, float | None] = {}

    @property
    def dated(self) -> bool:
        """Whether times are dates; else seconds."""
        return self._instant == self._date

    @property
    def zoned(self) -> bool:
        """Whether times have their offsets."""
        return bool(self._aware)

    def row(self, line: int, cells: list[str]) -> Row:
        """What the row at ``line`` says."""
        if len(cells) != self._width and (len(cells) < self._width or any(cells[self._width :])):
            raise self._wrong(
                line,
                f"has {len(cells)} cells, the heading {self._width}; with decimal commas, separate "
                "the columns with semicolons",
            )
        text = cells[self._value]
        if text not in self._read:
            # A probe has few different values, and looking one up is faster than reading it.
            if len(self._read) > _REMEMBERED:
                self._read.clear()
            self._read[text] = self._celsius(line, text)
        return Row(
            line,
            self._at(line, cells[self._time]),
            self._read[text],
            None if self._duration is None else self._lasts(line, cells[self._duration]),
        )

    def _at(self, line: int, text: str) -> int:
        if self._instant is None:
            self._instant = self._date if self._number(text) is None else self._seconds
        at = self._instant(text)
        if at is None:
            raise self._wrong(line, f"time {_shown(text)} {self._timeless()}")
        return at

    def _timeless(self) -> str:
        """Why a text tells no time."""
        if not self.dated:
            return "is no number of seconds; write all times of a file alike"
        if self._aware is None:
            return "is neither seconds nor a date and time, ISO 8601"
        offset = "with" if self._aware else "without"
        twice = f", or comes twice or never in {self._how.zone}" if self._how.zone else ""
        return (
            f"is no date and time, ISO 8601, {offset} an offset; write all times of a file "
            f"alike{twice}"
        )

    def _seconds(self, text: str) -> int | None:
        number = self._number(text)
        if number is None or not abs(number) < _LAST_S:
            return None
        return round(number * 1000)

    def _date(self, text: str) -> int | None:
        try:
            when = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        aware = when.tzinfo is not None
        if self._aware is None:
            self._aware = aware
        if aware != self._aware:
            return None
        if not aware:
            when = when.replace(tzinfo=self._how.zone or UTC)
            if when.utcoffset() != when.replace(fold=1).utcoffset():
                return None
        at = (when - _EPOCH) // _MS
        return at if _DATES[0] <= at < _DATES[1] else None

    def _celsius(self, line: int, text: str) -> float | None:
        if not text or text.isspace():
            return None
        number, how = self._number(text), self._how
        value = None if number is None else how.stored.convert(number)
        if value is None or not how.least < value < how.most:
            raise self._wrong(
                line,
                f"value {_shown(text)} is no {how.quantity} in {how.stored.unit}; leave it empty "
                "where nothing was measured",
            )
        return value

    def _lasts(self, line: int, text: str) -> int:
        seconds = self._number(text)
        if seconds is None or not 0 <= seconds < _LAST_S:
            raise self._wrong(line, f"duration_s {_shown(text)} is no number of seconds from 0 up")
        return round(seconds * 1000)

    def _number(self, text: str) -> float | None:
        if self._comma and "," in text:
            if "." in text:
                return None
            text = text.replace(",", ".")
        if "_" in text or not text.isascii():
            return None
        try:
            return float(text)
        except ValueError:
            return None

    def _wrong(self, line: int, what: str) -> LoggerFileError:
        return LoggerFileError(f"{self._path}:{line}: {what}")


def _columns(heading: str, wanted: tuple[str, str]) -> tuple[str, list[str]]:
    """The delimiter with which the heading has most of what is needed, and its columns."""
    sought = {each.strip().lower() for each in wanted}
    found = []
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([heading], delimiter=delimiter))
        names = [cell.strip().lower() for cell in cells]
        found.append((delimiter, names))
    return max(found, key=lambda each: len(sought & set(each[1])) + len(each[1]) / 1e6)


def _place(path: Path, column: str, names: list[str]) -> int:
    """Where a column stands that is called so, or is the one of this number."""
    name = column.strip().lower()
    if name not in names and name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    if names.count(name) != 1:
        what = "there is no column" if name not in names else "there are two columns"
        found = ", ".join(_shown(each) for each in names)
        raise LoggerFileError(f"{path}:1: {what} {name!r}; found: {found}")
    return names.index(name)


def _once(rows: Iterable[Row], path: Path) -> Iterator[Row]:
    """Each instant once; what contradicts itself is refused."""
    held: Row | None = None
    for row in rows:
        if held is None or row.at != held.at:
            if held is not None:
                yield held
            held = row
        elif held.value is None:
            held = row
        elif row.value is not None and (row.value, row.lasts) != (held.value, held.lasts):
            raise LoggerFileError(
                f"{path}:{row.line}: says {row.value:g} at the time for which row {held.line} says "
                f"{held.value:g}; keep the one that was measured"
            )
    if held is not None:
        yield held


def _median(steps: Counter[int]) -> int:
    left = (steps.total() + 1) // 2
    for step in sorted(steps):
        left -= steps[step]
        if left <= 0:
            return step
    raise ValueError("there is no step")


def _is_steady(steps: Counter[int], usual: int) -> bool:
    """Whether there are several steps, and most of them, within a half of it, as ``usual``."""
    near = sum(n for step, n in steps.items() if 2 * usual <= 3 * step and 2 * step <= 3 * usual)
    return steps.total() > 1 and 2 * near > steps.total()


def _opened(path: Path) -> TextIO:
    with path.open("rb") as file:
        wide = file.read(2) in _UTF_16
    # Signs such as that of the degree, in whatever encoding, stand in columns nobody reads.
    return path.open(encoding="utf-16" if wide else "utf-8-sig", errors="replace", newline="")


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return repr(short) if short.isprintable() else ascii(short)
