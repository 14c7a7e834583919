"""Where the log is cut into segments: by the day (UTC) on which an entry came."""

from datetime import UTC, datetime

DAY_MS = 86_400_000
GRACE_MS = 30_000
"""A day that is over is waited for so long: what came in its last moment may still be written."""


class Cut:
    """Finds the end of the segment that begins with an entry that came at ``came`` (epoch ms).

    A segment ends before the first entry of a later day, and where the clock was set back by more
    than a day. Entries that come a little before midnight and after others of the next day stay
    in the segment that has begun: the order of the log is never changed.
    """

    def __init__(self, came: int) -> None:
        """Begin with its first entry."""
        self._start = came - came % DAY_MS
        self.name = name_of(came)

    def ends_before(self, came: int) -> bool:
        """Whether an entry that came then is of the next segment."""
        return came >= self._start + DAY_MS or came < self._start - DAY_MS

    def is_over(self, now: int) -> bool:
        """Whether nothing more comes into it, where the log ends with it."""
        return now >= self._start + DAY_MS + GRACE_MS


def name_of(came: int) -> str:
    """The day of a segment, as its files are called."""
    try:
        return datetime.fromtimestamp(came // 1000, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        # No clock shows that: the entry is kept all the same.
        return f"day{came // DAY_MS}"
