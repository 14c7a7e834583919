"""Keeps a silent unit from taking its neighbours' time: asked less and less, never given up."""

import msgspec

MISSES = 2
"""Polls in a row without an answer after which a unit is only probed."""
FIRST_PROBE_S = 5.0
LONGEST_PROBE_S = 300.0


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """Where a unit stands. ``probe_s`` is the monotonic time at which it may be asked again.

    ``pause_s`` is how long it is left alone until then.
    """

    misses: int = 0
    probe_s: float = 0.0
    pause_s: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the unit is only probed."""
        return self.misses >= MISSES

    def may_ask(self, now_s: float) -> bool:
        """Whether the unit is to be asked at ``now_s``."""
        return not self.is_open or now_s >= self.probe_s


HEALTHY = Breaker()


def missed(
    breaker: Breaker, now_s: float, *, alone: bool = False, least_pause_s: float = 0.0
) -> Breaker:
    """After a poll that nothing answered. The pause doubles from 5 s to 5 minutes.

    It is never less than ``least_pause_s``. A unit that is ``alone`` on its endpoint takes
    nobody's time: its pause stays at 5 s.
    """
    misses = breaker.misses + 1
    doublings = 0 if alone else min(max(misses - MISSES, 0), 6)
    pause_s = min(FIRST_PROBE_S * 2**doublings, LONGEST_PROBE_S)
    if not alone:
        pause_s = min(max(pause_s, least_pause_s), LONGEST_PROBE_S)
    return Breaker(misses=misses, probe_s=now_s + pause_s, pause_s=pause_s)


def wake(breaker: Breaker, now_s: float) -> Breaker:
    """After the link came back: whoever was silent may be there again, so ask at once."""
    return msgspec.structs.replace(breaker, probe_s=min(breaker.probe_s, now_s))


def spare(breaker: Breaker, asked_s: float, pause_s: float) -> Breaker:
    """After its neighbours were found to wait for it since ``asked_s``: ask it that much later."""
    pause_s = min(max(pause_s, breaker.pause_s), LONGEST_PROBE_S)
    return msgspec.structs.replace(
        breaker, probe_s=max(breaker.probe_s, asked_s + pause_s), pause_s=pause_s
    )
