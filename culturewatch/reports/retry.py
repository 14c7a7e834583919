"""When a report is tried, when it is given up, and what is then told. Pure."""

from collections.abc import Iterable, Mapping

from culturewatch.reports.schedule import Period
from culturewatch.reports.sent import Attempt, State, waiting

PAUSES_MS = tuple(minutes * 60_000 for minutes in (1, 5, 15, 30, 60))
GIVE_UP_MS = 12 * 3_600_000
FEWEST = 3


def is_time(
    people: Iterable[str], standing: Mapping[str, Attempt], period: Period, now: int
) -> bool:
    """Whether to try now (epoch ms): it may still go to somebody, and the pause is over."""
    return any(
        _is_time_for(standing.get(person), now)
        for person in waiting(people, dict(standing))
        if not _is_given_up(standing.get(person), period)
    )


def not_sent(
    people: Iterable[str], standing: Mapping[str, Attempt], period: Period
) -> dict[str, str]:
    """To whom it did not go and will not by itself, and why."""
    found = {}
    for person in people:
        one = standing.get(person)
        if one is not None and (
            one.state in {State.REFUSED, State.LOST} or _is_given_up(one, period)
        ):
            found[person] = one.text
    return found


def _is_time_for(one: Attempt | None, now: int) -> bool:
    if one is None or one.state is State.SENDING:
        # Whoever sends it holds the lock; whoever has died left it lost: the next one sees.
        return True
    pause_ms = PAUSES_MS[min(one.tries, len(PAUSES_MS)) - 1]
    # Earlier than it failed: the clock was set back.
    return now >= one.at + pause_ms or now < one.at


def _is_given_up(one: Attempt | None, period: Period) -> bool:
    if one is None or one.state is not State.FAILED:
        return False
    return one.tries >= FEWEST and one.at >= period.due + GIVE_UP_MS
