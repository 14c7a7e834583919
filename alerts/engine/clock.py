"""Steady time: what the wall clock would show had it never been set."""

from alerts.engine.parts import ClockPart

LATE_MS = 5_000
"""What is done longer after it was due than this is marked late."""


class Clock:
    """Where the engine stands. ``now`` is steady time, ``now + offset`` wall time, in ms."""

    def __init__(self, part: ClockPart | None) -> None:
        part = part or ClockPart()
        self.cursor = part.cursor
        self.now = part.now
        self.offset = part.offset
        self.begun = part.begun
        self.resuming = False

    def reach(self, wall: int) -> None:
        """Go on to a wall time; steady time never runs back."""
        self.now = max(self.now, wall - self.offset)

    def resume(self, wall: int) -> int:
        """A run begins at a wall time; by how much the clock was set back while nothing ran, in ms.

        How long nothing ran is not known then, and steady time goes on from where it stood.
        """
        back = max(0, self.now + self.offset - wall)
        self.offset -= back
        return back

    def is_late(self, due: int) -> bool:
        """Whether what was due then is done noticeably later."""
        return due < self.now if self.resuming else self.now - due > LATE_MS

    def part(self) -> ClockPart:
        """What is to be stored."""
        return ClockPart(self.cursor, self.now, self.offset, self.begun)
