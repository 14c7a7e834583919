"""What expectations may name: one that names nothing that can be would always hold, or never."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from alerts.engine.alarm import Phase, Status
from alerts.engine.filter_state import Stage
from alerts.engine.overlay import Shade
from alerts.engine.signal import Trust
from alerts.rehearse.consistency import Mistake, no_severity, unknown
from alerts.rehearse.story import Count, Expectation, Final, Story
from alerts.rehearse.timeline import WHATS, clock

_STANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "state": tuple(Phase),
        "filter": tuple(Stage),
        "quality": tuple(Trust),
        "escalation": tuple(Status),
        "overlay": tuple(Shade),
    }
)


def mistakes(story: Story, rules: Collection[str]) -> Iterator[Mistake]:
    """Expectations that cannot be held against anything. ``rules`` are the ids of the rules."""
    for table in ("expect", "never", "count"):
        for number, wanted in enumerate(getattr(story, table)):
            for field, text in _expectation(story, wanted, rules):
                yield Mistake(f"{table}[{number}].{field}".rstrip("."), text)
    for number, final in enumerate(story.final):
        for field, text in _final(final, rules):
            yield Mistake(f"final[{number}].{field}".rstrip("."), text)


def _expectation(
    story: Story, wanted: Expectation, rules: Collection[str]
) -> Iterator[tuple[str, str]]:
    yield from _times(wanted, story.end)
    if wanted.what is not None and wanted.what not in WHATS:
        known = ", ".join(sorted(WHATS))
        yield "what", f"{wanted.what!r} is no word of the timeline; known: {known}"
    names = {
        "rule": ("rule", rules),
        "channel": ("channel", [channel.id for channel in story.channel]),
        "to": ("person", [person.id for person in story.people]),
    }
    for field, (kind, known_ones) in names.items():
        # Empty: the entry names none.
        if name := getattr(wanted, field):
            for text in unknown(kind, name, known_ones):
                yield field, text
    for text in no_severity(wanted.severity or ""):
        yield "severity", text
    if isinstance(wanted, Count) and wanted.sizes == ():
        yield "", "give is, at_most or at_least"
    if wanted.when is None and not any(wanted.fields()):
        yield "", "say which entries are meant, by what, rule, to or another field"


def _final(final: Final, rules: Collection[str]) -> Iterator[tuple[str, str]]:
    for text in unknown("rule", final.rule, rules):
        yield "rule", text
    if all(getattr(final, name) is None for name in Final.__struct_fields__ if name != "rule"):
        yield "", "say what stands at the end: state, quality, filter or another field"
    for field, words in _STANDS.items():
        word = getattr(final, field)
        if word is not None:
            for text in unknown(field, word, words):
                yield field, text
    for text in no_severity(final.severity or ""):
        yield "severity", text


def _times(wanted: Expectation, end: int) -> Iterator[tuple[str, str]]:
    if wanted.at is not None and wanted.within is not None:
        yield "within", "give `at` or `within`, not both"
    if wanted.at is not None and wanted.at > end:
        yield "at", f"{clock(wanted.at)} is after the end of the story, {clock(end)}"
    if wanted.within is None:
        return
    if wanted.within[0] > wanted.within[1]:
        yield "within", "it ends before it begins"
    if wanted.within[0] > end:
        yield "within", f"it begins after the end of the story, {clock(end)}"
