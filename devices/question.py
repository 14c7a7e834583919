"""Which lines of text only ask. Whatever else a line may do, it is not sent."""

import re
from collections.abc import Mapping
from types import MappingProxyType

ASKING_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # Models 185 and 186: a bare word asks, HI=90.0 sets; CM, INCH and PERCENT set the unit.
        "American Magnetics": frozenset(
            {"LEVEL", "HI", "LO", "A", "B", "INTERVAL", "LENGTH", "UNIT"}
        ),
    }
)
"""Words without a question mark that ask nevertheless, by maker, as their manuals have them."""
_QUESTION = re.compile(r"\*?[A-Za-z][A-Za-z0-9:]*\?( [0-9]{1,2})?")
"""A word with a question mark, and a channel's number at the most. No second command fits in."""


def check_question(maker: str, where: str, ask: str) -> None:
    """Refuse what might set something in the device.

    Raises:
        ValueError: ``ask`` is neither a word with a question mark nor one known to ask.
    """
    if not ask or _QUESTION.fullmatch(ask) or ask in ASKING_WORDS.get(maker, frozenset()):
        return
    known = ", ".join(sorted(ASKING_WORDS.get(maker, frozenset()))) or "none without one"
    raise ValueError(
        f"{where}: ask {ask!r} might set something; only a word that ends with ? is sent, "
        f"or of {maker}: {known}"
    )
