"""How long a unit is worth waiting for. Pure: learned from how long its answers took.

A timeout that allows for every device of a kind is long for one that always answered in
milliseconds, and while one unit is waited for, nobody else on its bus is asked. The idea is that
of TCP's retransmission timer (RFC 6298): wait some times as long as was ever needed lately.
"""

import msgspec

LEARNT = 8
"""Answers after which it is known how long a unit takes; before, it has its whole timeout."""
TIMES = 3
"""So many times the slowest of its answers a unit is waited for."""
LEAST_S = 0.4
"""The least that the first question after an answer waits; what is shorter is not saved."""
ALLOWED_S = 0.95
"""What the questions until a unit is known to be silent may take of its bus, if it was quick."""
SHORTEST_LOOK_S = 0.1
SHARE = 0.01
"""A look at a silent unit takes at most this share of the pause before it."""
UNUSUAL_S = 0.05
"""An answer that comes within this had nothing to wait for."""
FORGET = 0.999
"""What the slowest answer is worth after each further one: half of it after 700."""


class Patience(msgspec.Struct, frozen=True, gc=False):
    """``slowest_s`` is how long the slowest answer took of late, in seconds."""

    answers: int = 0
    slowest_s: float = 0.0

    def heard(self, took_s: float) -> "Patience":
        """After an answer that took so long."""
        return Patience(self.answers + 1, max(took_s, self.slowest_s * FORGET))

    def is_unusual(self, took_s: float) -> bool:
        """Whether an answer took so much longer than ever that it waited for something else."""
        return self.answers >= LEARNT and took_s > max(UNUSUAL_S, 2 * self.slowest_s)

    @property
    def _needed_s(self) -> float:
        return TIMES * self.slowest_s

    def question_s(self, misses: int, whole_s: float) -> float:
        """How long to wait for an answer, ``misses`` polls in a row having had none.

        ``whole_s`` is the unit's timeout, which is never exceeded.
        """
        if self.answers < LEARNT:
            return whole_s
        first_s = max(LEAST_S, self._needed_s)
        if not misses:
            return min(whole_s, first_s)
        # What the first question left, but for a unit that is slow not less than it needs.
        return min(whole_s, max(ALLOWED_S - first_s, self._needed_s))

    def look_s(self, pause_s: float, whole_s: float) -> float:
        """How long a look at the silent unit may take after a pause of ``pause_s``.

        It grows with the pauses, as the unit may have become slow since it was heard.
        """
        needed_s = max(SHORTEST_LOOK_S, self._needed_s, SHARE * pause_s)
        return min(whole_s, needed_s)

    def pause_s(self, whole_s: float) -> float:
        """The least pause before a look, in seconds."""
        return self.look_s(0.0, whole_s) / SHARE
