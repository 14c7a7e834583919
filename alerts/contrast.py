"""Two rulebooks over the same readings: the alarms that one has and the other has not."""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from alerts.rulebook import Rulebook
from alerts.trial import Activation, Trial
from devices.scan import Scan
from storage.entry import Entry

How = Literal["won", "lost", "moved"]
_LOOK_MS = 60_000


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm only the proposed rules give (won), only those in force (lost), or that moved.

    One moved when it was announced, began or returned at another time, had another severity, or
    paged more or fewer people. ``was`` is that of the rules in force.
    """

    how: How
    rule: str
    was: Activation | None = None
    now: Activation | None = None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms and pages of a rulebook."""

    alarms: int = 0
    pages: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a comparison; ``same`` counts alarms that both gave alike."""

    in_force: Total
    proposed: Total
    same: int
    won: int
    lost: int
    moved: int


class Contrast:
    """Both rulebooks, side by side, over [``start``, ``end``), epoch ms.

    Give it all entries from well before ``start`` (``alerts.trial.warm_up``); alarms are told
    when nothing can change them any more, and only those are held that something can.
    """

    def __init__(self, in_force: Rulebook, proposed: Rulebook, *, start: int, end: int) -> None:
        self._trials = (Trial(in_force), Trial(proposed))
        self._start = start
        self._end = end
        self._hold = _holds(in_force, proposed)
        self._found: dict[str, tuple[list[Activation], list[Activation]]] = {}
        self._looked = 0
        self._totals = [[0, 0], [0, 0]]
        self._counts = dict.fromkeys(("same", "won", "lost", "moved"), 0)

    def take(self, entry: Entry) -> Iterator[Change]:
        """Take one entry of the journal; what is settled by now."""
        now = entry.received if isinstance(entry, Scan) else entry.at
        for side, trial in enumerate(self._trials):
            self._note(side, trial.take(entry))
        if abs(now - self._looked) >= _LOOK_MS:
            self._looked = now
            yield from self._settle(now)

    def finish(self, until: int) -> Iterator[Change]:
        """Let time go on to ``until``, and tell the rest; what is active then has no end."""
        for side, trial in enumerate(self._trials):
            self._note(side, trial.wait(until))
        yield from self._settle(None)

    @property
    def summary(self) -> Summary:
        """What was told so far, counted."""
        in_force, proposed = (Total(alarms=a, pages=p) for a, p in self._totals)
        return Summary(in_force=in_force, proposed=proposed, **self._counts)

    def _note(self, side: int, told: Iterable[Activation]) -> None:
        for one in told:
            mine = self._found.setdefault(one.rule, ([], []))[side]
            if mine and mine[-1].end is None:
                mine.pop()
            if one.end is None or one.end >= one.since:
                mine.append(one)

    def _settle(self, now: int | None) -> Iterator[Change]:
        for rule in list(self._found):
            both = self._found[rule]
            if now is None or _is_settled(both, now - self._hold.get(rule, 0)):
                del self._found[rule]
                yield from self._told(rule, both)

    def _told(self, rule: str, both: tuple[list[Activation], list[Activation]]) -> Iterator[Change]:
        for was, now in _paired(*both):
            if not any(one is not None and self._is_in_period(one) for one in (was, now)):
                continue
            for total, one in zip(self._totals, (was, now), strict=True):
                if one is not None:
                    total[0] += 1
                    total[1] += one.pages
            how: How | None = "moved"
            if was is None or now is None:
                how = "won" if was is None else "lost"
            elif was == now:
                how = None
            self._counts[how or "same"] += 1
            if how is not None:
                yield Change(how=how, rule=rule, was=was, now=now)

    def _is_in_period(self, one: Activation) -> bool:
        return one.start < self._end and (one.end is None or one.end >= self._start)


def _holds(*books: Rulebook) -> dict[str, int]:
    """For each rule, how long after its return another may still begin that overlaps it."""
    holds: dict[str, int] = {}
    for book in books:
        for rule in book.rules:
            wait = int(rule.on_delay) + int(rule.off_delay) + int(rule.window or 0)
            holds[rule.id] = max(wait, holds.get(rule.id, 0))
    return holds


def _is_settled(both: tuple[list[Activation], list[Activation]], before: int) -> bool:
    ends = [one.end for side in both for one in side]
    return all(end is not None and end < before for end in ends)


def _paired(
    before: list[Activation], after: list[Activation]
) -> Iterator[tuple[Activation | None, Activation | None]]:
    """Each with the first of the other side that overlaps it and has no partner yet."""
    left = list(after)
    for was in before:
        now = next((one for one in left if one.overlaps(was)), None)
        if now is not None:
            left.remove(now)
        yield was, now
    for one in left:
        yield None, one
