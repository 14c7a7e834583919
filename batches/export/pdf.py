"""Sets a record as PDF/A: pages that look the same in thirty years, and the same bytes each time.

What people entered reaches the typesetter as data; no character of it is ever a command. Fonts are
those packaged with matplotlib, so that words and charts are of one face and nothing depends on
what a machine has installed.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import typst

from batches.export.glyphs import Glyphs
from batches.export.paper.sheet import Sheet

STANDARD: Final = "a-2a"
_TEMPLATE = files("batches.export") / "templates" / "record.typ"
_STAMP = files("batches.export") / "templates" / "stamp.typ"
_UNTOUCHED = frozenset({"svg", "kind", "tone"})
_TEXTS = frozenset({"text", "small"})
_PAGE_MM, _INSET_MM, _LETTER_PT = 178.0, 2.2, 7.0
"""What the template gives to a table, to the edges of a cell, and to its letters."""
_MM_A_PT = 25.4 / 72
_STAMP_EM = 7.0


class LayoutError(Exception):
    """The pages cannot be set; the text says what the typesetter says."""


def pdf(sheet: Sheet, glyphs: Glyphs, fonts: Path, *, at: int) -> bytes:
    """The file.

    Args:
        sheet: the pages.
        glyphs: what can be printed of what people entered.
        fonts: the folder of the fonts that ``glyphs`` is of.
        at: the time of its making, epoch milliseconds.

    Raises:
        LayoutError: the typesetter refuses.
    """
    shown = _shown(msgspec.to_builtins(sheet), glyphs)
    try:
        pages: bytes = typst.compile(
            _TEMPLATE.read_bytes(),
            font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"sheet": msgspec.json.encode(shown).decode()},
            pdf_standards=[STANDARD],
            timestamp=at // 1000,
        )
    except typst.TypstError as error:
        raise LayoutError(f"the pages cannot be set: {error.message}") from error
    return pages


def picture(lines: Sequence[str], glyphs: Glyphs, fonts: Path, *, at: int) -> bytes:
    """A page of PDF as large as the place of one signature; arguments and errors as ``pdf``."""
    shown = [glyphs.shown(line, _STAMP_EM) for line in lines]
    try:
        page: bytes = typst.compile(
            _STAMP.read_bytes(),
            font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"stamp": msgspec.json.encode(shown).decode()},
            timestamp=at // 1000,
        )
    except typst.TypstError as error:
        raise LayoutError(f"the signature cannot be set: {error.message}") from error
    return page


def _shown(value: object, glyphs: Glyphs) -> object:
    match value:
        case str():
            return glyphs.shown(value)
        case dict():
            return {
                key: each if key in _UNTOUCHED else _shown(each, glyphs)
                for key, each in value.items()
            } | _cells(value, glyphs)
        case list() | tuple():
            return [_shown(each, glyphs) for each in value]
        case _:
            return value


def _cells(table: Mapping[Any, Any], glyphs: Glyphs) -> dict[str, Any]:
    """The rows of a table, if it is one; a word is broken where its column cannot hold it."""
    if "columns" not in table:
        return {}
    widths = [column["width"] for column in table["columns"]]
    rooms = [
        (width / sum(widths) * _PAGE_MM - _INSET_MM) / _MM_A_PT / _LETTER_PT for width in widths
    ]
    rows = [
        [_cell(cell, glyphs, room) for cell, room in zip(row, rooms, strict=True)]
        for row in table["rows"]
    ]
    return {"rows": rows}


def _cell(cell: Mapping[str, Any], glyphs: Glyphs, room: float) -> dict[str, Any]:
    return {key: glyphs.shown(each, room) if key in _TEXTS else each for key, each in cell.items()}
