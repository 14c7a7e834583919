"""Short codes that acknowledge by a reply: one for each page, person, occurrence and severity."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from enum import StrEnum

from alerts.reader import SentPage
from alerts.token import AckClaim

LENGTH = 5
ALPHABET = "CDFGHJKMNPQRTVWXYZ34679"
"""Without vowels, so that no word is one; without letters and digits that look alike."""
_LETTERS = frozenset(ALPHABET)
MAX_AGE_MS = 24 * 3_600_000
_WORD = re.compile(r"[A-Za-z0-9]+")
_MOST_WORDS = 50
_LABEL = b"culturewatch.reply.1\0"


class Wrong(StrEnum):
    """Why a reply acknowledges nothing, in the words a person reads."""

    NO_CODE = "there is no code in it; reply with the code of the page"
    UNKNOWN = "no page to this number has that code; use the newest message"
    EXPIRED = "this code has expired; use the newest message"


class ReplyCodes:
    """Makes codes and finds the page that one stands for. Nothing of them is kept.

    A code is a keyed digest of its page, so whoever has the key can tell it again. Those who guess
    have one chance in 6.4 million each time, and must send from the person's own number.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, *, message: str, person: str, rule: str, occurrence: int, severity: str) -> str:
        """The code of the message with this id (``page-<row>-…``)."""
        bound = "\0".join((message, person, rule, str(occurrence), severity))
        digest = hmac.digest(self._key, _LABEL + bound.encode(), hashlib.sha256)
        number, code = int.from_bytes(digest, "big"), ""
        for _ in range(LENGTH):
            number, place = divmod(number, len(ALPHABET))
            code += ALPHABET[place]
        return code

    def find(self, text: str, pages: Iterable[SentPage], *, now: int) -> AckClaim | Wrong:
        """What a reply acknowledges, among pages to the number that it came from; or why not.

        The claim is named after its page, so that the inbox takes one acknowledgement a page.
        """
        words = {word.upper() for word in _WORD.findall(text)[:_MOST_WORDS]}
        codes = {word for word in words if len(word) == LENGTH and set(word) <= _LETTERS}
        if not codes:
            return Wrong.NO_CODE
        for page in pages:
            if self._of(page) in codes:
                if not 0 <= now - page.queued < MAX_AGE_MS:
                    return Wrong.EXPIRED
                return AckClaim(
                    id=f"{page.row}-{page.queued}",
                    person=page.person,
                    rule=page.rule,
                    occurrence=page.occurrence,
                    severity=page.severity,
                    via="sms",
                )
        return Wrong.UNKNOWN

    def _of(self, page: SentPage) -> str:
        return self.make(
            message=f"page-{page.row}-{page.arrived}",
            person=page.person,
            rule=page.rule,
            occurrence=page.occurrence,
            severity=page.severity,
        )


class Attempts:
    """Bounds what a number may do: ``most`` times within ``window_s``, then not for a while.

    ``now_s`` is a monotonic clock. Numbers are those of people; of each, ``most`` times are kept.
    """

    def __init__(
        self, now_s: Callable[[], float], *, most: int = 5, window_s: float = 900.0
    ) -> None:
        self._now_s = now_s
        self._most = most
        self._window_s = window_s
        self._times: dict[str, list[float]] = {}

    def allowed(self, number: str) -> bool:
        """Whether ``number`` may do it once more."""
        now_s = self._now_s()
        return sum(now_s - at < self._window_s for at in self._times.get(number, ())) < self._most

    def count(self, number: str) -> None:
        """It was done by ``number``."""
        self._times[number] = [*self._times.get(number, ()), self._now_s()][-self._most :]
