"""Who is on call at an instant: shifts, then what people changed of them. Pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import NamedTuple

from alerts.rota.act import OVERRIDE, WITHDRAW, RotaAct
from alerts.rota.pattern import WEEK, ShiftPattern
from alerts.rota.wall import days, span, time_of


class Shift(NamedTuple):
    """``person`` is on call from ``start`` to before ``end``; epoch milliseconds.

    While one that is ``dated`` runs, only such count.
    """

    start: int
    end: int
    person: str
    dated: bool = False


class Period(NamedTuple):
    """From ``start`` to before ``end`` these people are on call; epoch milliseconds."""

    start: int
    end: int
    people: tuple[str, ...]


def declared(
    patterns: Iterable[ShiftPattern], zone: tzinfo, start: int, end: int
) -> tuple[Shift, ...]:
    """The shifts of patterns that touch [``start``, ``end``), epoch ms, in the order declared.

    Shifts that meet on the wall clock meet in truth, on the nights in which it is set too.
    """
    found = []
    for pattern in patterns:
        from_, to = time_of(pattern.from_), time_of(pattern.to)
        for day in days(start, end, zone):
            if pattern.on == day or WEEK[day.weekday()] in pattern.days:
                first, last = span(day, from_, to, zone)
                if first < end and last > start:
                    found.append(Shift(first, last, pattern.person, pattern.on is not None))
    return tuple(found)


def on_call(shifts: Iterable[Shift], acts: Sequence[RotaAct], at: int) -> tuple[str, ...]:
    """The people at an instant (epoch ms), each once: the shifts, then the acts in their order."""
    here = [shift for shift in shifts if shift.start <= at < shift.end]
    return _people(here, in_force(acts), at)


def in_force(acts: Sequence[RotaAct]) -> tuple[RotaAct, ...]:
    """Overrides and swaps that nobody took back."""
    withdrawn = {act.of for act in acts if act.verb == WITHDRAW}
    return tuple(act for act in acts if act.verb != WITHDRAW and act.id not in withdrawn)


def periods(
    shifts: Iterable[Shift], acts: Sequence[RotaAct], start: int, end: int
) -> tuple[Period, ...]:
    """[``start``, ``end``) cut where the people change; a period with nobody is a gap."""
    inside = [shift for shift in shifts if shift.start < end and shift.end > start]
    counting = in_force(acts)
    spans: list[Shift | RotaAct] = [*inside, *counting]
    edges = {edge for one in spans for edge in (one.start, one.end) if start < edge < end}
    found: list[Period] = []
    coming = deque(sorted(enumerate(inside), key=lambda one: one[1].start))
    running: list[tuple[int, Shift]] = []
    for first, last in pairwise([start, *sorted(edges), end]):
        while coming and coming[0][1].start <= first:
            running.append(coming.popleft())
        running = sorted(one for one in running if one[1].end > first)
        people = _people([shift for _, shift in running], counting, first)
        if found and found[-1].people == people:
            found[-1] = found[-1]._replace(end=last)
        else:
            found.append(Period(first, last, people))
    return tuple(found)


def _people(here: list[Shift], counting: Iterable[RotaAct], at: int) -> tuple[str, ...]:
    dated = [shift for shift in here if shift.dated]
    people = tuple(dict.fromkeys(shift.person for shift in dated or here))
    for act in counting:
        if act.start <= at < act.end:
            people = _changed(people, act)
    return people


def _changed(people: tuple[str, ...], act: RotaAct) -> tuple[str, ...]:
    if act.verb == OVERRIDE:
        return act.people
    one, other = act.people
    place = {one: other, other: one}
    return tuple(place.get(person, person) for person in people)
