"""Holds what happened against what a story expects, and shows the first difference."""

from collections.abc import Iterator, Sequence

import msgspec

from alerts.rehearse.story import Count, Expectation, Final, Story
from alerts.rehearse.timeline import WHATS, Entry, Outcome, clock

BEFORE = 10
"""Lines of the timeline that are shown before a difference."""
_IN_HEAD = frozenset({"what", "since"})
_NOT_FIELDS = frozenset({"at", "within", "exactly", "at_most", "at_least"})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where a story and what happened part: what was expected, what happened, and before it."""

    expected: str
    happened: str
    before: tuple[Entry, ...]

    def __str__(self) -> str:
        lines = [f"expected  {self.expected}", f"happened  {self.happened}"]
        if self.before:
            lines += ["before it", *(f"    {entry}" for entry in self.before)]
        return "\n".join(lines)


def mistakes(story: Story) -> Iterator[str]:
    """Expectations that cannot be held against anything."""
    for table in ("expect", "never", "count"):
        for number, one in enumerate(getattr(story, table)):
            if one.what is not None and one.what not in WHATS:
                yield f"{table}[{number}]: {one.what!r} is no word of this version's timeline"
    for number, counted in enumerate(story.count):
        if counted.exactly is None and counted.at_most is None and counted.at_least is None:
            yield f"count[{number}]: give is, at_most or at_least"
    rules = {rule.id for rule in story.rule}
    for number, final in enumerate(story.final):
        if final.rule not in rules:
            yield f"final[{number}]: there is no rule {final.rule!r}"


def compare(story: Story, outcome: Outcome) -> Difference | None:
    """The first expectation that does not hold, in the order expect, never, count, final."""
    return next(_differences(story, outcome), None)


def _differences(story: Story, outcome: Outcome) -> Iterator[Difference]:
    timeline = outcome.timeline
    for expected in story.expect:
        if not any(fits(entry, expected) for entry in timeline):
            yield _missing(expected, timeline)
    for unwanted in story.never:
        yield from _unwanted(unwanted, timeline)
    for counted in story.count:
        number = sum(fits(entry, counted) for entry in timeline)
        if not _is_right(counted, number):
            yield _miscounted(counted, number, timeline)
    for final in story.final:
        yield from _final(final, outcome)


def fits(entry: Entry, wanted: Expectation) -> bool:
    """Whether ``entry`` has all fields of ``wanted``."""
    if wanted.at is not None and entry.at != wanted.at:
        return False
    if wanted.within is not None and not wanted.within[0] <= entry.at <= wanted.within[1]:
        return False
    return all(_has(entry, name, value) for name, value in _fields(wanted))


def told(wanted: Expectation) -> str:
    """An expectation as a line of the timeline would say it."""
    when = clock(wanted.at) if wanted.at is not None else ""
    if wanted.within is not None:
        when = f"{clock(wanted.within[0])} to {clock(wanted.within[1])}"
    fields = [f"{name}={value}" for name, value in _fields(wanted) if name not in _IN_HEAD]
    if wanted.since is not None:
        fields.append(f"since={clock(wanted.since)}")
    return " ".join(part for part in (when, wanted.what or "any entry", *fields) if part)


def _fields(wanted: Expectation) -> Iterator[tuple[str, object]]:
    for name in Expectation.__struct_fields__:
        value = getattr(wanted, name)
        if name not in _NOT_FIELDS and value is not None:
            yield name, value


def _has(entry: Entry, name: str, value: object) -> bool:
    found = getattr(entry, name)
    if name == "why":
        return str(value) in found
    if name == "detail" and isinstance(value, dict):
        return all(found.get(key) == text for key, text in value.items())
    return bool(found == value)


def _missing(expected: Expectation, timeline: Sequence[Entry]) -> Difference:
    alike = [
        entry
        for entry in timeline
        if expected.what in {None, entry.what} and expected.rule in {None, entry.rule}
    ]
    until = expected.within[1] if expected.within else expected.at
    before = [entry for entry in timeline if until is None or entry.at <= until]
    return Difference(
        expected=told(expected),
        happened="; ".join(str(entry) for entry in alike[:3]) or "nothing of the kind",
        before=tuple(before[-BEFORE:]),
    )


def _unwanted(unwanted: Expectation, timeline: Sequence[Entry]) -> Iterator[Difference]:
    for number, entry in enumerate(timeline):
        if fits(entry, unwanted):
            yield Difference(
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


def _miscounted(counted: Count, number: int, timeline: Sequence[Entry]) -> Difference:
    wanted = [
        f"{word} {limit}"
        for word, limit in (
            ("exactly", counted.exactly),
            ("at most", counted.at_most),
            ("at least", counted.at_least),
        )
        if limit is not None
    ]
    alike = tuple(entry for entry in timeline if fits(entry, counted))
    return Difference(
        expected=f"{' and '.join(wanted)} times {told(counted)}",
        happened=f"{number} times",
        before=alike[-BEFORE:],
    )


def _final(final: Final, outcome: Outcome) -> Iterator[Difference]:
    view = outcome.final.get(final.rule)
    for name in Final.__struct_fields__:
        wanted = getattr(final, name)
        if name == "rule" or wanted is None:
            continue
        found = getattr(view, name, "nothing: the rule was removed")
        if found != wanted:
            yield Difference(
                expected=f"at the end {final.rule} {name}={wanted}",
                happened=f"{name}={found}",
                before=outcome.timeline[-BEFORE:],
            )
