"""Holds what happened against what a story expects, and shows the first difference."""

from collections.abc import Iterator, Sequence

import msgspec

from alerts.rehearse.story import Count, Expectation, Final, Story
from alerts.rehearse.timeline import Entry, Outcome, clock

BEFORE = 10
"""Lines of the timeline that are shown before a difference."""
_IN_HEAD = frozenset({"what", "since"})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where a story and what happened part: what was expected, what happened, and before it.

    ``at`` is when, in milliseconds from the start: of the entry that is too much, or of the last
    instant at which the missing one could have come.
    """

    at: int
    expected: str
    happened: str
    before: tuple[Entry, ...]

    def written(self) -> dict[str, object]:
        """As it is printed among the entries of a timeline."""
        told = {"expected": self.expected, "happened": self.happened}
        return {"at": clock(self.at), "what": "difference", **told}

    def __str__(self) -> str:
        lines = [f"expected  {self.expected}", f"happened  {self.happened}"]
        if self.before:
            lines += ["before it", *(f"    {entry}" for entry in self.before)]
        return "\n".join(lines)


def compare(story: Story, outcome: Outcome) -> Difference | None:
    """The earliest difference; of those at one instant the first in the order of the tables."""
    return min(_differences(story, outcome), key=lambda difference: difference.at, default=None)


def _differences(story: Story, outcome: Outcome) -> Iterator[Difference]:
    timeline = outcome.timeline
    for expected in story.expect:
        if not any(fits(entry, expected) for entry in timeline):
            yield _missing(expected, timeline, story.end)
    for unwanted in story.never:
        yield from _unwanted(unwanted, timeline)
    for counted in story.count:
        number = sum(fits(entry, counted) for entry in timeline)
        if not _is_right(counted, number):
            yield _miscounted(counted, timeline, story.end)
    for final in story.final:
        yield from _final(final, outcome, story.end)


def fits(entry: Entry, wanted: Expectation) -> bool:
    """Whether ``entry`` has all fields of ``wanted``."""
    if wanted.at is not None and entry.at != wanted.at:
        return False
    if wanted.within is not None and not wanted.within[0] <= entry.at <= wanted.within[1]:
        return False
    return all(_has(entry, name, value) for name, value in wanted.fields())


def told(wanted: Expectation) -> str:
    """An expectation as a line of the timeline would say it."""
    when = clock(wanted.at) if wanted.at is not None else ""
    if wanted.within is not None:
        when = f"{clock(wanted.within[0])} to {clock(wanted.within[1])}"
    fields = [f"{name}={value}" for name, value in wanted.fields() if name not in _IN_HEAD]
    if wanted.since is not None:
        fields.append(f"since={clock(wanted.since)}")
    return " ".join(part for part in (when, wanted.what or "any entry", *fields) if part)


def _has(entry: Entry, name: str, value: object) -> bool:
    found = getattr(entry, name)
    if name == "why":
        return str(value) in found
    if name == "detail" and isinstance(value, dict):
        return all(found.get(key) == text for key, text in value.items())
    if name == "held" and isinstance(value, bool):
        return bool(found) == value
    return bool(found == value)


def _missing(expected: Expectation, timeline: Sequence[Entry], end: int) -> Difference:
    alike = [
        entry
        for entry in timeline
        if expected.what in {None, entry.what} and expected.rule in {None, entry.rule}
    ]
    until = _until(expected, end)
    before = [entry for entry in timeline if entry.at <= until]
    return Difference(
        at=until,
        expected=told(expected),
        happened="; ".join(str(entry) for entry in alike[:3]) or "nothing of the kind",
        before=tuple(before[-BEFORE:]),
    )


def _unwanted(unwanted: Expectation, timeline: Sequence[Entry]) -> Iterator[Difference]:
    for number, entry in enumerate(timeline):
        if fits(entry, unwanted):
            yield Difference(
                at=entry.at,
                expected=f"never {told(unwanted)}",
                happened=str(entry),
                before=tuple(timeline[max(0, number - BEFORE) : number]),
            )


def _is_right(counted: Count, number: int) -> bool:
    return (
        (counted.exactly is None or number == counted.exactly)
        and (counted.at_most is None or number <= counted.at_most)
        and (counted.at_least is None or number >= counted.at_least)
    )


def _miscounted(counted: Count, timeline: Sequence[Entry], end: int) -> Difference:
    found = [place for place, entry in enumerate(timeline) if fits(entry, counted)]
    limits = [limit for limit in (counted.exactly, counted.at_most) if limit is not None]
    at, stop = _until(counted, end), len(timeline)
    if limits and len(found) > min(limits):
        stop = found[min(limits)]
        at = timeline[stop].at
    return Difference(
        at=at,
        expected=f"{' and '.join(counted.sizes)} times {told(counted)}",
        happened=f"{len(found)} times",
        before=tuple(timeline[max(0, stop + 1 - BEFORE) : stop + 1]),
    )


def _until(wanted: Expectation, end: int) -> int:
    if wanted.within is not None:
        return wanted.within[1]
    return end if wanted.at is None else wanted.at


def _final(final: Final, outcome: Outcome, end: int) -> Iterator[Difference]:
    view = outcome.final.get(final.rule)
    for name in Final.__struct_fields__:
        wanted = getattr(final, name)
        if name == "rule" or wanted is None:
            continue
        found = getattr(view, name, "nothing: the rule was removed")
        if found != wanted:
            yield Difference(
                at=end,
                expected=f"at the end {final.rule} {name}={wanted}",
                happened=f"{name}={found}",
                before=outcome.timeline[-BEFORE:],
            )
