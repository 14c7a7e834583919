"""Times that a command gives as text."""

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, UTC: no calendar here goes on from there."""


def wall_time(text: str) -> int | None:
    """Epoch milliseconds, at most those of the year 9999; None for what is no such number."""
    if not text.isdecimal():
        return None
    # Of very many digits Python makes no number at all.
    return LATEST_MS if len(text) > len(str(LATEST_MS)) else min(int(text), LATEST_MS)
