"""What stands on the label of a vial, and where: worked out in whole dots of the printer.

A label says the vial's id (as a bar code and as text), the patient's token, passage and date, and
never a name.
"""

import re
from datetime import datetime, tzinfo
from typing import NamedTuple

import msgspec

from batches.symbol import Symbol, Symbology, symbol
from batches.vial import Vial

_SIZE = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)x(\d{1,3}(?:\.\d{1,2})?)")
_EDGE_MM = 0.8
"""Kept free at the edges of a label: printers and cutters are a little off."""
_BETWEEN_MM = 0.6
_LARGEST_MODULE_MM = 0.55
_FEWEST_DOTS = {Symbology.DATAMATRIX: 3, Symbology.CODE128: 2}
"""Finer modules than this run together on a thermal printer; a choice, not a standard's."""
_MM_PER_INCH = 25.4
_MM_PER_PT = _MM_PER_INCH / 72
_EM = 0.602
"""How wide a sign of DejaVu Sans Mono is, of its size."""
_LINE = 1.25
_LARGEST_PT, _SMALLEST_PT = 7.0, 3.5
_LINEAR_SHARE = 0.45
"""Of the height, for bars that stand above the text."""


class LabelError(ValueError):
    """A label cannot be made so; the text says what would do."""


class Size(NamedTuple):
    """Millimetres."""

    width: float
    height: float


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One label, in millimetres from its upper left: bars at (x, y), lines of text at (tx, ty).

    ``module`` is the side of a module, ``bar`` the height of a row of them; ``dark`` are runs of
    dark modules: row, column, length. ``points`` is the size of the text.
    """

    code: str
    lines: tuple[str, ...]
    x: float
    y: float
    module: float
    bar: float
    dark: tuple[tuple[int, int, int], ...]
    tx: float
    ty: float
    points: float


class Sheet(NamedTuple):
    """A page of labels: its size, and the free edge and gaps in millimetres."""

    page: Size
    edge: float
    gap: float

    def grid(self, label: Size) -> tuple[int, int]:
        """How many labels stand side by side, and how many rows of them.

        Raises:
            LabelError: none fits.
        """
        across, down = (
            int((whole - 2 * self.edge + self.gap + 1e-6) // (one + self.gap))
            for whole, one in zip(self.page, label, strict=True)
        )
        if across < 1 or down < 1:
            raise LabelError(
                f"no label of {label.width:g}x{label.height:g} mm fits a page of "
                f"{self.page.width:g}x{self.page.height:g} mm with its edges"
            )
        return across, down


A4 = Size(210, 297)


def size(text: str) -> Size:
    """Millimetres, from ``33x13``.

    Raises:
        LabelError: it is no size of a label.
    """
    found = _SIZE.fullmatch(text)
    if found is None or not all(5 <= float(each) <= 300 for each in found.groups()):  # noqa: PLR2004 # millimetres, of the docstring
        raise LabelError(f"{text!r} is no size; write width x height in mm, such as 33x13")
    return Size(float(found[1]), float(found[2]))


def lines(vial: Vial, patient: str | None, zone: tzinfo) -> tuple[str, ...]:
    """The text under, or beside, the bar code."""
    frozen = datetime.fromtimestamp(vial.frozen_at / 1000, zone).date().isoformat()
    return vial.id, patient or "patient not known", f"P{vial.passage}  {frozen}"


def lay_out(code: str, text: tuple[str, ...], *, symbology: Symbology, on: Size, dpi: int) -> Label:
    """A label of ``code`` and ``text`` on a label of size ``on``, printed with ``dpi``.

    Raises:
        LabelError: it would be too fine to be read; the text says what would do.
    """
    try:
        bars = symbol(code, symbology)
    except ValueError as error:
        raise LabelError(str(error)) from error
    dot = _MM_PER_INCH / dpi
    module = _module(bars, symbology, on, dot)
    if bars.linear:
        return _above(code, text, bars, module, on)
    return _beside(code, text, bars, module, on)


def _module(bars: Symbol, symbology: Symbology, on: Size, dot: float) -> float:
    free = on.width - 2 * _EDGE_MM
    if not bars.linear:
        free = min(free, on.height - 2 * _EDGE_MM)
    dots = int(min(free / bars.across, _LARGEST_MODULE_MM) / dot + 1e-9)
    fewest = _FEWEST_DOTS[symbology]
    if dots < fewest:
        need = bars.across * fewest * dot + 2 * _EDGE_MM
        side = "width" if bars.linear else "width and height"
        other = "; a Data Matrix needs less" if bars.linear else ""
        raise LabelError(
            f"its bars would be finer than {fewest} dots of the printer: {symbology} of that many "
            f"signs needs {need:.1f} mm of {side}{other}"
        )
    return dots * dot


def _above(code: str, text: tuple[str, ...], bars: Symbol, module: float, on: Size) -> Label:
    bar = (on.height - 2 * _EDGE_MM) * _LINEAR_SHARE
    top = _EDGE_MM + bar + _BETWEEN_MM
    return Label(
        code=code,
        lines=text,
        x=(on.width - bars.across * module) / 2 + bars.quiet * module,
        y=_EDGE_MM,
        module=module,
        bar=bar,
        dark=bars.dark,
        tx=_EDGE_MM,
        ty=top,
        points=_points(text, on.width - 2 * _EDGE_MM, on.height - top - _EDGE_MM),
    )


def _beside(code: str, text: tuple[str, ...], bars: Symbol, module: float, on: Size) -> Label:
    side = bars.across * module
    left = _EDGE_MM + side + _BETWEEN_MM
    points = _points(text, on.width - left - _EDGE_MM, on.height - 2 * _EDGE_MM)
    return Label(
        code=code,
        lines=text,
        x=_EDGE_MM + bars.quiet * module,
        y=(on.height - side) / 2 + bars.quiet * module,
        module=module,
        bar=module,
        dark=bars.dark,
        tx=left,
        ty=(on.height - len(text) * points * _LINE * _MM_PER_PT) / 2,
        points=points,
    )


def _points(text: tuple[str, ...], width: float, height: float) -> float:
    """The largest size in which all of ``text`` fits."""
    longest = max(map(len, text))
    fits = min(width / (longest * _EM), height / (len(text) * _LINE)) / _MM_PER_PT
    if fits < _SMALLEST_PT:
        raise LabelError(
            f"its text would be smaller than {_SMALLEST_PT:g} pt; take a larger label, "
            "or a shorter prefix of batches"
        )
    return min(fits, _LARGEST_PT)
