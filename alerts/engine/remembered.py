"""Times that a filter remembers of the samples it was shown. Steady milliseconds."""

from bisect import insort

KEPT = 256
"""Times of true samples that are remembered; beyond it every other one is dropped."""


def with_time(times: tuple[int, ...], at: int) -> tuple[int, ...]:
    """``times`` in their order, with ``at``."""
    more = list(times)
    insort(more, at)
    if len(more) > KEPT:
        more = [*more[:-1:2], more[-1]]
    return tuple(more)


def pulses(
    needed: int | None, window: int | None, before: tuple[int, ...], at: int
) -> tuple[int, ...]:
    """Activations that count towards ``needed`` within ``window``, the one at ``at`` included."""
    if needed is None:
        return ()
    oldest = at if window is None else at - window
    kept = tuple(pulse for pulse in before if window is None or pulse >= oldest)
    return (*kept, at)[-needed:]


def newer(known: int | None, at: int) -> int:
    """The newer of the two; ``at`` where none was known."""
    return at if known is None else max(known, at)
