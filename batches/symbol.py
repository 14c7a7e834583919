"""Bar codes as dark and light modules. The one door to python-barcode and ppf-datamatrix.

Data Matrix is ECC 200 of ISO/IEC 16022 in ASCII encodation, square; Code 128 is of ISO/IEC 15417.
"""

from enum import StrEnum

import barcode
import msgspec
from ppf.datamatrix import DataMatrix


class Symbology(StrEnum):
    """How it is written."""

    DATAMATRIX = "datamatrix"
    CODE128 = "code128"


class Symbol(msgspec.Struct, frozen=True):
    """``rows`` of modules, each ``1`` (dark) or ``0``, with ``quiet`` light ones around it.

    A linear symbol has one row, which is as high as one likes and needs light at its sides only.
    """

    rows: tuple[str, ...]
    quiet: int
    linear: bool

    @property
    def across(self) -> int:
        """Modules from edge to edge, those around it included."""
        return len(self.rows[0]) + 2 * self.quiet

    @property
    def dark(self) -> tuple[tuple[int, int, int], ...]:
        """Each run of dark modules: row, first column, length."""
        runs = []
        for number, row in enumerate(self.rows):
            at = 0
            while at < len(row):
                length = len(row[at:]) - len(row[at:].lstrip("1"))
                if length:
                    runs.append((number, at, length))
                at += max(length, 1)
        return tuple(runs)


def symbol(text: str, symbology: Symbology) -> Symbol:
    """``text`` as modules.

    Raises:
        ValueError: it holds what the symbology has no sign for, or too much.
    """
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!a} cannot be written as a bar code; plain letters and digits can")
    if symbology is Symbology.DATAMATRIX:
        # In ASCII encodation alone, which every reader knows and the standard's examples use.
        matrix = DataMatrix(text, codecs=["ascii"]).matrix
        rows = tuple("".join(map(str, row)) for row in matrix)
        return Symbol(rows, quiet=1, linear=False)
    (bars,) = barcode.get("code128", text).build()
    return Symbol((bars,), quiet=10, linear=True)
