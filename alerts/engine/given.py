"""Times that a command gives as text."""

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, UTC: no calendar here goes on from there."""


def wall_time(text: str) -> int | None:
    """Epoch milliseconds, at most those of the year 9999; None for what is no such number."""
    if not text.isdecimal():
        return None
    # Of very many digits Python makes no number at all.
    return LATEST_MS if len(text) > len(str(LATEST_MS)) else min(int(text), LATEST_MS)


def signed_time(text: str) -> int | None:
    """As ``wall_time``; one before 1970 begins with a minus."""
    ago = wall_time(text.removeprefix("-"))
    return -ago if ago is not None and text.startswith("-") else ago
