"""Sets labels as pages: one a page for a label printer, or a sheet of them. PDF, or a picture.

The one door to typst in this package. Fonts are those within typst, so that the same labels give
the same bytes on every machine.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final, Literal

import msgspec
import typst

from batches.label import Label, LabelError, Sheet, Size

_TEMPLATE: Final = files("culturewatch") / "templates" / "labels.typ"


class Placed(msgspec.Struct, frozen=True):
    """``label`` with its upper left at (x, y) millimetres of its page."""

    x: float
    y: float
    label: Label


class Pages(msgspec.Struct, frozen=True):
    """What the template sets: the size of a page in millimetres, and what stands on each."""

    page: tuple[float, float]
    pages: tuple[tuple[Placed, ...], ...]


def on_rolls(labels: Sequence[Label], size: Size) -> Pages:
    """A page for each label, of its size."""
    return Pages(size, tuple((Placed(0.0, 0.0, label),) for label in labels))


def on_sheets(labels: Sequence[Label], size: Size, sheet: Sheet, *, skip: int = 0) -> Pages:
    """Sheets of labels, row by row; the first ``skip`` places are used up already.

    Raises:
        LabelError: no label fits the sheet, or there are not so many places to skip.
    """
    across, down = sheet.grid(size)
    if not 0 <= skip < across * down:
        raise LabelError(f"a sheet has {across * down} labels; {skip} of them cannot be used up")
    pages: list[list[Placed]] = []
    for number, label in enumerate(labels, start=skip):
        page, place = divmod(number, across * down)
        row, column = divmod(place, across)
        if page == len(pages):
            pages.append([])
        x = sheet.edge + column * (size.width + sheet.gap)
        y = sheet.edge + row * (size.height + sheet.gap)
        pages[page].append(Placed(x, y, label))
    return Pages(sheet.page, tuple(map(tuple, pages)))


def pdf(pages: Pages) -> bytes:
    """The file to print."""
    (made,) = _set(pages, "pdf", 0)
    return made


def pictures(pages: Pages, *, dpi: int) -> list[bytes]:
    """A PNG of each page."""
    return _set(pages, "png", dpi)


def _set(pages: Pages, form: Literal["pdf", "png"], dpi: int) -> list[bytes]:
    if not pages.pages:
        raise LabelError("there is nothing to print")
    # One page is given as bytes, several pictures as a list of them, whatever the types say.
    made: Sequence[object] | object = typst.compile(
        _TEMPLATE.read_bytes(),
        ignore_system_fonts=True,
        format=form,
        ppi=dpi or None,
        sys_inputs={"labels": msgspec.json.encode(pages).decode()},
    )
    each = made if isinstance(made, list) else [made]
    return [page for page in each if isinstance(page, bytes)]
