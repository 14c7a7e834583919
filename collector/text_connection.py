"""One connection over which lines of text are asked for and answered, or come unasked."""

from collections.abc import Callable

from collector.address import Address
from collector.connection import Asking, Counts
from collector.frame import GarbageError
from collector.half_duplex import HalfDuplex, Outcome, Quarantine
from collector.kept import Kept
from devices.line_codec import LONGEST
from devices.transport import Line

MOST_SAID = 4 * LONGEST
"""Characters that may come to one question: blank lines, its repetition, and the answer."""
UNREAD = 64
"""Lines of one piece that are looked at; a device that speaks by itself says one in a while."""
_ANYBODY = -1
_NOT_TEXT = bytes({*range(32), *range(127, 256)} - {9, 10, 13})


class Question(Asking):
    """One line to ask; ``text`` is it without its end."""

    __slots__ = ("is_echoed", "text")

    def __init__(self, unit: int, text: str, timeout_s: float) -> None:
        super().__init__(unit, timeout_s)
        self.text = text
        self.is_echoed = False


class TextConnection(HalfDuplex[Question]):
    """The protocol of one connection to ``address``, spoken as ``line`` says."""

    def __init__(
        self, address: Address, line: Line, counts: Counts, quarantine: Quarantine
    ) -> None:
        super().__init__(address, counts, quarantine)
        self._line = line
        self._end_mark = line.answer_end.encode()

    def _spell(self, request: Question) -> bytes:
        return (request.text + self._line.end).encode("ascii")

    def _longest(self, request: Question) -> int:
        return LONGEST + len(request.text)

    def _suspect(self, request: Question) -> int:
        # An answer in plain text does not say whose it is: after a silence all are left alone.
        return request.unit if self._line.echo else _ANYBODY

    def _drop_echo(self) -> None:
        """An echo is a line like any other; ``_take`` looks at it."""

    def _take(self, request: Question) -> Outcome | None:
        if len(self._buffer) > MOST_SAID:
            raise GarbageError(f"{len(self._buffer)} characters, which no answer has")
        while self._end_mark in self._buffer:
            said, _, self._buffer = self._buffer.partition(self._end_mark)
            text = _plain(said)
            if not text:
                continue
            if text == request.text.encode():
                # No answer is what was asked.
                request.is_echoed = True
                continue
            if self._line.echo and not request.is_echoed:
                self._counts.mismatched += 1
                self._give_up("; it repeated another question than this one")
                return None
            return text
        if len(self._buffer) > LONGEST:
            raise GarbageError(f"{len(self._buffer)} characters without an end")
        return None


class UnaskedConnection(Kept):
    """The protocol of one connection to a device that speaks by itself; nothing is ever sent.

    ``take`` is given each whole line.
    """

    def __init__(self, line: Line, counts: Counts, take: Callable[[str], None]) -> None:
        super().__init__()
        self._take = take
        self._end_mark = line.answer_end.encode()
        self._counts = counts
        self._is_first = True

    def _fail_open(self, reason: str) -> None:
        """Nothing was asked."""

    def data_received(self, data: bytes) -> None:
        """Keep the whole lines in ``data``."""
        *lines, self._buffer = (self._buffer + data).rsplit(self._end_mark, UNREAD + 1)
        if len(lines) > UNREAD:
            # All that came before the last few.
            self._counts.garbage += 1
            self._is_first = False
            del lines[0]
        for said in lines:
            # The first may have begun before we came, and be the end of another one.
            is_whole, self._is_first = not self._is_first, False
            try:
                text = _plain(said).decode("ascii")
            except GarbageError:
                self._counts.garbage += 1
                continue
            if text and is_whole:
                self.has_answered = True
                self._take(text)
        if len(self._buffer) > LONGEST:
            self._counts.garbage += 1
            self._buffer = b""
            self._is_first = True


def _plain(said: bytes) -> bytes:
    text = said.strip(b"\x00\r\n\t ")
    if text.translate(None, _NOT_TEXT) != text:
        raise GarbageError(f"{text[:16]!r} is not text")
    return text
