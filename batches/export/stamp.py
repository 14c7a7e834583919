"""What a signature looks like on the signed copy of page 1, and where it stands there."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from batches.export.chart import FONTS, printable, width
from batches.export.glyphs import Glyphs
from batches.export.pdf import picture
from batches.export.wording import local
from batches.signature import Step

_LONGEST = 70
_LEFT, _RIGHT = 241, 553
_TOPS = {Step.PREPARED: 163, Step.REVIEWED: 127, Step.APPROVED: 91}
"""Where the rows of the places for signatures begin, in points from the foot of the page."""
_HEIGHT = 35


def box(step: Step) -> tuple[int, int, int, int]:
    """The place for ``step`` on page 1: left, bottom, right and top, in points (1/72 inch)."""
    top = _TOPS[step]
    return _LEFT, top - _HEIGHT, _RIGHT, top


def stamp(name: str, roles: Sequence[str], *, at: int, zone: str, meaning: str) -> bytes:
    """A page of PDF for that place: who, when (``at``, epoch ms, UTC), and with which meaning.

    Raises:
        batches.export.pdf.LayoutError: the typesetter refuses.
    """
    here, utc = local(ZoneInfo(zone), at), local(ZoneInfo("UTC"), at)
    said = (
        f"{_short(name)}\n{', '.join(roles)}",
        here if here == utc else f"{here}\n{utc}",
        f"signed electronically: {_short(meaning)}",
    )
    return picture(said, Glyphs(printable(), width), FONTS, at=at)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
