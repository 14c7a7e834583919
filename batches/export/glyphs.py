"""Text as paper can show it: nothing hidden, nothing that turns the line, a sign for what is none.

A person reads what was entered, character by character: what is invisible, controls the terminal
or the direction of writing, or has no picture in the font stands there as its number, so that two
different texts never look the same.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator

BREAK = "\N{ZERO WIDTH SPACE}"
"""Where a line may end within a word."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORD = re.compile(r"\S{13,}")
_AFTER = re.compile(r"(?<=[_./@:,;=-])(?=[^\s_./@:,;=-])")
_RUN = 8
ROOM_EM = 14.0
"""So wide a word fits everywhere but in a table: a signature's place for a name is 37 mm."""


class Glyphs:
    """Knows what can be printed."""

    def __init__(self, printable: Collection[int], width: Callable[[str], float]) -> None:
        """``printable`` are the code points that the font has pictures of, ``width`` is in em."""
        self._printable = frozenset(printable)
        self._width = width
        self._known: dict[str, str] = {}

    def shown(self, text: str, room: float = ROOM_EM) -> str:
        """``text``, printable, with places to break its long words.

        They are after the signs that part a name, and within a part only where it is wider than
        ``room``, in em.
        """
        known = self._known
        safe = "".join(
            known[sign] if sign in known else known.setdefault(sign, self._sign(sign))
            for sign in text
        )
        return _WORD.sub(lambda word: self._breakable(word[0], room), safe)

    def _sign(self, sign: str) -> str:
        if sign == "\n":
            return sign
        if unicodedata.category(sign) in _HIDDEN or ord(sign) not in self._printable:
            return f"[U+{ord(sign):04X}]"
        return sign

    def _breakable(self, word: str, room: float) -> str:
        parts = _AFTER.sub(BREAK, word).split(BREAK)
        return BREAK.join(run for part in parts for run in self._runs(part, room))

    def _runs(self, part: str, room: float) -> Iterator[str]:
        if sum(map(self._width, part)) <= room:
            yield part
            return
        for at in range(0, len(part), _RUN):
            yield part[at : at + _RUN]
