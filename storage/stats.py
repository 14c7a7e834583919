"""How the journal stands, as one value."""

import msgspec


class JournalStats(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot; counts are since the start of the process, ``last`` is the newest number.

    ``fill`` is 0 … 1 of what it may take: of ``max_bytes`` or of the room on its disk, whichever
    is nearer its end. ``pending`` are not on disk yet, the oldest for ``oldest_pending_ms``.
    ``trouble`` is what keeps it from writing, empty when all is well.
    """

    last: int
    entries: int
    duplicates: int
    conflicts: int
    quarantined: int
    damaged: int
    commits: int
    pending: int
    oldest_pending_ms: int
    bytes: int
    fill: float
    start_s: float
    trouble: str


class Counts(msgspec.Struct):
    """What a journal counts as it goes."""

    entries: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    damaged: int = 0
    commits: int = 0
