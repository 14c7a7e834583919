"""What the pages of a record are made of: sections of facts, tables and charts, ready to print.

A text is what a reader sees: times are local, numbers have their digits. How it looks on paper is
the template's business.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

SHOWN = 40
"""Excursions and gaps of one channel; further ones are counted, and record.json has them all."""
LISTED = 250
"""Alarms, acts and the like in one table."""
_LONGEST = 600
"""Characters of one cell."""


class Tone(StrEnum):
    """What a word is a sign of; it is printed beside the colour, never told by it alone."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"
    SOFT = "soft"


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text, a smaller one below it, and what it is a sign of. ``mono`` is for hashes."""

    text: str
    small: str = ""
    tone: Tone | None = None
    mono: bool = False


class Column(msgspec.Struct, frozen=True):
    """A column of a table; ``width`` as a share, ``right`` for numbers."""

    title: str
    width: float
    right: bool = False


class Table(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """Rows below a heading; ``note`` says what was left out."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


class Facts(msgspec.Struct, frozen=True, tag_field="kind", tag="facts"):
    """Names, and what stands for each."""

    rows: tuple[tuple[str, Cell], ...]


class Text(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    """A paragraph."""

    text: str
    tone: Tone | None = None


class Heading(msgspec.Struct, frozen=True, tag_field="kind", tag="heading"):
    """A heading within a section."""

    text: str


class Picture(msgspec.Struct, frozen=True, tag_field="kind", tag="picture"):
    """A chart; ``told`` says in words what it shows, for whoever cannot see it."""

    title: str
    small: str
    svg: str
    told: str


class Key(msgspec.Struct, frozen=True, tag_field="kind", tag="key"):
    """What the signs in the charts mean."""


Block = Table | Facts | Text | Heading | Picture | Key


class Section(msgspec.Struct, frozen=True):
    """A part of the record."""

    title: str
    blocks: tuple[Block, ...]


class Answer(msgspec.Struct, frozen=True):
    """A question of page 1 with its answer."""

    question: str
    answer: str
    small: str
    tone: Tone


class Signing(msgspec.Struct, frozen=True):
    """A place for a signature; empty until somebody has signed."""

    step: str
    meaning: str
    name: str = ""
    at: str = ""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All pages. ``made`` is year to second, UTC."""

    title: str
    kind: str
    subject: str
    about: str
    site: str
    footer: str
    author: str
    made: tuple[int, int, int, int, int, int]
    answers: tuple[Answer, ...]
    summary: Facts
    items: tuple[str, ...]
    items_note: str
    signing: tuple[Signing, ...]
    sections: tuple[Section, ...]


def cell(text: object, small: str = "", tone: Tone | None = None) -> Cell:
    """A cell; a text too long for paper is cut, and says so."""
    return Cell(clipped(str(text)), clipped(small), tone)


def clipped(text: str) -> str:
    """``text``, or its beginning."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text) - _LONGEST} more characters in record.json)"


def table(
    columns: Sequence[tuple[str, float]], rows: Iterable[Sequence[Cell | str]], note: str = ""
) -> Table:
    """A table; a title that begins with ``>`` is that of a column of numbers."""
    return Table(
        tuple(Column(title.removeprefix(">"), width, title[:1] == ">") for title, width in columns),
        tuple(tuple(c if isinstance(c, Cell) else cell(c) for c in row) for row in rows),
        note,
    )


def left_out(all_: int, shown: int, what: str, which: str = "first") -> str:
    """The note below a table that has not all of them."""
    if all_ <= shown:
        return ""
    return f"The {which} {shown} of {all_:,} {what}; record.json has all of them."
