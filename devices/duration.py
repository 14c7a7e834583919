"""Spans of time as people write them: ``90s``, ``5m``, ``1h30m``, ``0:06:00``; in milliseconds."""

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)", re.ASCII)
LONGEST_D = 36_600
"""In days: nothing here lasts longer than a hundred years, and a time of day must come of it."""
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Duration(int):
    """A span in whole milliseconds that is written as text in configuration files."""

    __slots__ = ()

    def __str__(self) -> str:
        if self == 0:
            return "0s"
        left, text = int(self), ""
        for unit in ("d", "h", "m", "s", "ms"):
            amount, left = divmod(left, _MS[unit])
            text += f"{amount}{unit}" if amount else ""
        return text

    @property
    def seconds(self) -> float:
        """The span in seconds."""
        return self / 1000


def parse(text: str) -> Duration:
    """The span that ``text`` means.

    Raises:
        ValueError: the text is not a span.
    """
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        span = (float(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000
    else:
        parts = _PART.findall(text)
        if not parts or "".join(amount + unit for amount, unit in parts) != text:
            raise ValueError(f"{text!r} is not a span of time; write 90s, 5m, 1h30m or 0:06:00")
        span = sum(float(amount) * _MS[unit] for amount, unit in parts)
    if span > LONGEST_D * _MS["d"]:
        raise ValueError(f"{text[:40]!r} is longer than {LONGEST_D} days")
    return Duration(round(span))
