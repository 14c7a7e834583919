"""What InfluxDB does not have yet, as stretches of the journal: a pure decision.

Live readings do not wait behind a backlog. A reader that is far behind the end of the journal
leaves what lies between as a stretch of its own and goes on near the end; each stretch is sent in
order, the newest first. Stretches adjoin, so all that is not in one of them was sent, and the
oldest one's place is the only thing that has to be on disk: what the newer ones sent goes out once
more after a crash, which changes nothing in InfluxDB.
"""

import msgspec

LONGEST = 4_000
"""Entries that a live reading may wait for. As many are read from memory, and go out in a second
or two: 160,000 lines where each has 40 (97,400 lines/s were measured, ADR 22)."""
KEPT = 1_000
"""The newest entries of a backlog, which go out with the live ones: what was on its way when the
core ended, and the last minutes for whoever looks."""
MOST = 4
"""Stretches at once, each with batches of its own in memory. Beyond, all goes on in order."""


class Stretch(msgspec.Struct, frozen=True):
    """Entries above ``sent``, up to and with ``upto``; of the live one, which is open, None."""

    sent: int
    upto: int | None = None


class Behind(msgspec.Struct, frozen=True):
    """All stretches, the oldest first; the last is the live one."""

    stretches: tuple[Stretch, ...]

    @property
    def whole(self) -> int:
        """Up to which entry all was sent: what the cursor says, and the journal may let go of."""
        return self.stretches[0].sent

    @property
    def backlog(self) -> int:
        """How many entries wait that are not live; numbers that are missing count."""
        return sum(one.upto - one.sent for one in self.stretches if one.upto is not None)

    def waiting(self, last: int) -> int:
        """How many entries wait when ``last`` is the newest."""
        return self.backlog + max(0, last - self.stretches[-1].sent)

    def cut(self, read: int, last: int) -> int | None:
        """Where the live stretch should end that was read up to ``read``; None: it goes on."""
        if last - read <= LONGEST or len(self.stretches) >= MOST:
            return None
        return last - KEPT

    def parted(self, upto: int) -> "Behind":
        """The live stretch ends at ``upto``, and another one begins there."""
        *older, live = self.stretches
        return Behind((*older, Stretch(live.sent, upto), Stretch(upto)))

    def moved(self, at: int, sent: int) -> "Behind":
        """Stretch number ``at`` was sent up to ``sent``; it is gone when that is its end."""
        before, upto = self.stretches[:at], self.stretches[at].upto
        left = () if upto is not None and sent >= upto else (Stretch(sent, upto),)
        return Behind((*before, *left, *self.stretches[at + 1 :]))
