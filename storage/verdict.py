"""What an answer of an InfluxDB server means for the batch that it answers."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

import msgspec

LONGEST_ADVICE_S = 300.0
LONGEST_REASON = 500
_DROPPED = re.compile(r"\bdropped=(\d+)\b")
_OUTSIDE_RETENTION = "outside retention policy"


class Fate(Enum):
    """What happens next with a batch."""

    STORED = "stored"
    EXPIRED = "the bucket no longer keeps readings of that age"
    REFUSED = "the server refuses a line"
    TOO_LARGE = "too large for the server"
    LATER = "the server cannot take data now"
    MEND = "a person must mend something first"

    @property
    def is_settled(self) -> bool:
        """Whether sending the same batch again would tell nothing new."""
        return self not in {Fate.LATER, Fate.MEND}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer means. ``reason`` is the server's, ``advice`` what a person should do.

    ``dropped`` is how many lines the server says it left out, if it says so; ``pause_s`` how
    long it asks to be left alone.
    """

    fate: Fate
    reason: str = ""
    advice: str = ""
    dropped: int | None = None
    pause_s: float | None = None

    @property
    def told(self) -> str:
        """The reason and what to do, for a person."""
        return f"{self.reason}; {self.advice}" if self.advice else self.reason


STORED = Verdict(fate=Fate.STORED)


def judge(status: int, headers: Mapping[str, str], body: str, *, now: datetime) -> Verdict:
    """The verdict on an answer to ``/api/v2/write``. ``headers`` are asked in lower case.

    Meanings: InfluxDB 2 API reference; that 400 stores nothing and 422 the rest was seen with
    2.7.12. Only 204 is success: 200 is what a web page in the place of the server says.
    """
    if status == HTTPStatus.NO_CONTENT:
        return STORED
    told = _message(body)
    said = " ".join((body if told is None else told).split())
    reason = f"{status}: {said[:LONGEST_REASON]}" if said else str(status)
    match status:
        # A port that wants https, and many a proxy, answer everything with a 400 in plain text:
        # taken for a refusal it would send every reading to quarantine.
        case 400 | 422 if told is not None:
            return _refused(reason, said)
        case 413:
            return Verdict(fate=Fate.TOO_LARGE, reason=reason)
        case 408 | 425 | 429:
            return Verdict(fate=Fate.LATER, reason=reason, pause_s=_pause(headers, now))
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Verdict(fate=Fate.LATER, reason=reason, pause_s=_pause(headers, now))
        case _:
            return Verdict(fate=Fate.MEND, reason=reason, advice=_advice(status))


def _refused(reason: str, said: str) -> Verdict:
    dropped = _DROPPED.search(said)
    return Verdict(
        fate=Fate.EXPIRED if _OUTSIDE_RETENTION in said else Fate.REFUSED,
        reason=reason,
        dropped=int(dropped[1]) if dropped else None,
    )


def _advice(status: int) -> str:
    match status:
        case 401 | 403:
            return "give a token that may write into the bucket"
        case 404:
            return "check url, org and bucket, or create the bucket"
        case _:
            return "check that the url is that of an InfluxDB server, and its http or https"


def _message(body: str) -> str | None:
    """What the server says went wrong; None where the answer is not in the words of InfluxDB."""
    try:
        answer = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError):
        return None
    told = answer.get("message") or answer.get("error")
    return None if told is None else str(told)


def _pause(headers: Mapping[str, str], now: datetime) -> float | None:
    asked = headers.get("retry-after", "").strip()
    if not asked:
        return None
    try:
        seconds = float(asked) if asked.isdecimal() else _until(asked, now)
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_ADVICE_S)


def _until(date: str, now: datetime) -> float:
    moment = parsedate_to_datetime(date)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
