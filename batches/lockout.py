"""When wrong passwords lock somebody out, and for how long: pure, over the ledger's own entries."""

from collections.abc import Iterable
from typing import NamedTuple


class Patience(NamedTuple):
    """After ``tries`` wrong passwords in a row a person is locked out for ``locked_ms``.

    After any wrong password nobody's is looked at for ``pace_ms``: whoever would lock out a whole
    laboratory needs as many times that as it takes wrong passwords. What is acknowledged through
    the link of a page does not come this way (``console.pins`` counts for itself), and whoever is
    logged in stays so.
    """

    tries: int = 5
    locked_ms: int = 15 * 60_000
    pace_ms: int = 1_000


WRONG, LOCKED, CLEARED = "wrong", "locked", "cleared"


class Attempt(NamedTuple):
    """What an entry about somebody's password says: WRONG, LOCKED or CLEARED; when (epoch ms)."""

    what: str
    at: int


class Standing(NamedTuple):
    """Wrong passwords in a row, and until when nobody may try again (epoch ms), if so."""

    wrong: int
    locked_until: int | None


def standing(attempts: Iterable[Attempt], now: int, patience: Patience) -> Standing:
    """How a person stands at ``now``, by the attempts on them, newest first.

    The order is that of the chain, not of the clock: a clock that is set back ends no lock-out,
    and one that was ahead leaves one that only an admin's ``unlock`` ends.
    """
    wrong = 0
    for attempt in attempts:
        if attempt.what == WRONG:
            wrong += 1
            continue
        if attempt.what == LOCKED and now < (until := attempt.at + patience.locked_ms):
            return Standing(wrong, until)
        break
    return Standing(wrong, None)


def wait_ms(last_wrong: int | None, now: int, patience: Patience) -> int:
    """How long nobody's password is looked at, after the last wrong one anywhere (epoch ms)."""
    if last_wrong is None or now < last_wrong:
        # The clock was set back: how long ago it was cannot be known, and a second is soon over.
        return 0
    return max(0, last_wrong + patience.pace_ms - now)
