"""Text as paper can show it: nothing hidden, nothing that turns the line, a sign for what is none.

A person reads what was entered, character by character: what is invisible, controls the terminal
or the direction of writing, or has no picture in the font stands there as its number, so that two
different texts never look the same.
"""

import re
import unicodedata
from collections.abc import Collection

BREAK = "\N{ZERO WIDTH SPACE}"
"""Where a line may end within a word."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORD = re.compile(r"\S{13,}")
_AFTER = re.compile(r"(?<=[_./@:,;=-])(?=[^\s_./@:,;=-])")
_RUN = 8


class Glyphs:
    """Knows what can be printed."""

    def __init__(self, printable: Collection[int]) -> None:
        """``printable`` are the code points that the font has pictures of."""
        self._printable = frozenset(printable)
        self._known: dict[str, str] = {}

    def shown(self, text: str) -> str:
        """``text``, printable, with places to break its long words."""
        known = self._known
        safe = "".join(
            known[sign] if sign in known else known.setdefault(sign, self._sign(sign))
            for sign in text
        )
        return _WORD.sub(lambda word: _breakable(word[0]), safe)

    def _sign(self, sign: str) -> str:
        if sign == "\n":
            return sign
        if unicodedata.category(sign) in _HIDDEN or ord(sign) not in self._printable:
            return f"[U+{ord(sign):04X}]"
        return sign


def _breakable(word: str) -> str:
    parts = _AFTER.sub(BREAK, word).split(BREAK)
    return BREAK.join(
        part[at : at + _RUN] for part in parts for at in range(0, max(len(part), 1), _RUN)
    )
