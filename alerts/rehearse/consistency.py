"""What a story must not contradict: itself, and what this version can tell."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from math import isfinite
from typing import NamedTuple

from alerts.rehearse.edit import misfit
from alerts.rehearse.script import POINTS, silenced, step_of, written
from alerts.rehearse.story import Event, Provider, Story, StoryChannel
from alerts.rehearse.timeline import clock
from alerts.rule import Rule, Severity
from alerts.transition import DRILL
from devices.quality import Quality
from devices.units import STORED_UNIT

OLDEST = 2000
"""Samples from before this year are taken for those of a clock that was never set."""

EARLIEST, NEWEST = 1900, 9000
"""Years between which the clock of a story stays: a shelf that ends beyond could not be told."""

MOST_SAMPLES = 1_000_000
"""Repeats of a story's channels: three weeks of one that repeats each two seconds."""

NEAR = 0.8
"""How alike two words are, from 0 to 1, of which one is taken for a misspelling of the other."""

_ORDERS = ("ack", "unack", "reset", "remove", "unshelve")
_ACTS = ("done", "shelve", "suppress", "out_of_service", "in_service")


class Mistake(NamedTuple):
    """``place`` is a path in the file such as ``event[3].ack``; empty for the whole."""

    place: str
    text: str


def mistakes(story: Story, rules: Collection[str]) -> Iterator[Mistake]:
    """Everything that is wrong beside the rules, whose ids are ``rules``."""
    yield from _frame(story)
    for number, channel in enumerate(story.channel):
        for field, text in _channel(channel):
            yield Mistake(f"channel[{number}].{field}", text)
    for number, event in enumerate(story.event):
        for field, text in _event(story, event, rules):
            yield Mistake(f"event[{number}].{field}".rstrip("."), text)


def _frame(story: Story) -> Iterator[Mistake]:
    if story.end <= 0:
        yield Mistake("end", "a story ends after it began")
    if story.start.year < OLDEST:
        yield Mistake("start", f"begin in the year {OLDEST} or later")
    yield from _years(story)
    yield from _repeats(story)
    yield from _twice("channel", [one.id for one in story.channel])
    yield from _twice("person", [one.id for one in story.person])
    yield from _twice("policy", [one.id for one in story.policy])


def _years(story: Story) -> Iterator[Mistake]:
    """Where its wall clock would come to if all steps went one way."""
    steps = [_step(event.clock_step) for event in story.event if event.clock_step is not None]
    latest = story.start_ms + story.end + sum(step for step in steps if step > 0)
    earliest = story.start_ms + sum(step for step in steps if step < 0)
    if latest >= datetime(NEWEST, 1, 1, tzinfo=UTC).timestamp() * 1000:
        yield Mistake("start", f"its clock could come to the year {NEWEST}; end before that")
    if earliest < datetime(EARLIEST, 1, 1, tzinfo=UTC).timestamp() * 1000:
        yield Mistake("start", f"its clock could be set back to before the year {EARLIEST}")


def _step(text: str) -> int:
    try:
        return step_of(text)
    except ValueError:
        return 0


def _repeats(story: Story) -> Iterator[Mistake]:
    held = [channel for channel in story.channel if channel.hold and channel.period > 0]
    repeats = sum(story.end // channel.period for channel in held)
    if repeats > MOST_SAMPLES:
        yield Mistake(
            "end",
            f"its channels would repeat {repeats} samples, and {MOST_SAMPLES} are the most; end "
            "it earlier, or give them a longer period",
        )


def _twice(table: str, ids: Sequence[str]) -> Iterator[Mistake]:
    for number, name in enumerate(ids):
        if name in ids[:number]:
            yield Mistake(f"{table}[{number}].id", f"{name!r} stands twice")


def _channel(channel: StoryChannel) -> Iterator[tuple[str, str]]:
    device, _, key = channel.id.partition(".")
    if not device or not key:
        yield "id", f"a channel is called <device>.<key>, such as inc1.temperature; {channel.id!r}"
    unit = STORED_UNIT.get(channel.quantity)
    if unit is None:
        # A door or a link of a story needs no unit; a slip of the pen is one all the same.
        if near := get_close_matches(channel.quantity, STORED_UNIT, n=1, cutoff=NEAR):
            text = f"unknown quantity {channel.quantity!r}; did you mean {near[0]!r}?"
            yield "quantity", text
    elif channel.unit not in {"", unit}:
        yield "unit", f"write {channel.quantity} in {unit}, samples and limits"
    if channel.period <= 0:
        yield "period", "a period is longer than nothing"
    if not (isfinite(channel.resolution) and channel.resolution > 0):
        yield "resolution", "a resolution is greater than 0"


def _event(story: Story, event: Event, rules: Collection[str]) -> Iterator[tuple[str, str]]:
    if len(event.verbs) != 1:
        said = ", ".join(event.verbs) or "none"
        yield "", f"an event has exactly one verb; this has {said}"
        return
    if event.at > story.end:
        yield "at", f"{clock(event.at)} is after the end of the story, {clock(story.end)}"
    verb = event.verbs[0]
    for text in (*_samples(story, event), *_orders(story, event, rules), *_world(story, event)):
        yield verb, text


def _samples(story: Story, event: Event) -> Iterator[str]:
    channels = [channel.id for channel in story.channel]
    named = [one.channel for one in (event.sample, event.samples) if one is not None]
    for channel in filter(None, [*named, silenced(event)]):
        yield from unknown("channel", channel, channels)
    for at, sample in written(event):
        if at > story.end:
            yield f"{clock(at)} is after the end of the story, {clock(story.end)}"
        try:
            quality = Quality.parse(sample.quality)
        except ValueError as error:
            yield str(error)
            continue
        if quality.has_value and (sample.value is None or not isfinite(sample.value)):
            yield f"a {sample.quality} sample needs a number; for none write its quality"


def _orders(story: Story, event: Event, rules: Collection[str]) -> Iterator[str]:
    for verb in _ORDERS:
        order = getattr(event, verb)
        if order is not None:
            drilled = verb == "ack" and order.rule.startswith(DRILL)
            yield from () if drilled else unknown("rule", order.rule, rules)
            yield from no_severity(order.severity)
    for verb in _ACTS:
        order = getattr(event, verb)
        if order is not None:
            devices = {channel.id.partition(".")[0] for channel in story.channel}
            named = devices if verb.endswith("_service") else set()
            yield from unknown("rule", order.rule, (*rules, *sorted(named)))
    if event.edit is not None:
        yield from _edit(event.edit, rules)
    yield from _site_orders(story, event)


def _site_orders(story: Story, event: Event) -> Iterator[str]:
    if event.drill is not None:
        ways = {person.id: person.channels for person in story.people}
        yield from unknown("person", event.drill.person, ways)
        yield from unknown("channel", event.drill.channel, ways.get(event.drill.person, ()))
    if event.rota is not None:
        steps = {policy.id: len(policy.steps) for policy in story.policy}
        yield from unknown("policy", event.rota.policy, steps)
        if not 0 <= event.rota.step < steps.get(event.rota.policy, 0):
            yield f"policy {event.rota.policy!r} has no step {event.rota.step}"


def _edit(edit: dict[str, object], rules: Collection[str]) -> Iterator[str]:
    yield from unknown("rule", str(edit.get("rule", "")), rules)
    if not edit.get("by") or not isinstance(edit["by"], str):
        yield "an edit needs `by`, the name of a person"
    for name, value in edit.items():
        if name in {"rule", "by", "note"}:
            continue
        if name not in Rule.__struct_fields__:
            yield f"a rule has no field {name!r}; known: {', '.join(Rule.__struct_fields__)}"
        elif why := misfit(name, value):
            yield f"{name}: {why}"


def _world(story: Story, event: Event) -> Iterator[str]:
    if event.provider is not None:
        yield from _provider(story, event.provider)
    if event.clock_step is not None:
        try:
            step_of(event.clock_step)
        except ValueError as error:
            yield str(error)
    if event.suspend is not None:
        yield from _sleep(story, event.at, event.at + event.suspend)
    if event.kill_at is not None:
        yield from unknown("kill point", event.kill_at, POINTS)
    if event.restore is not None and event.restore > event.at:
        yield f"{clock(event.restore)} is later than the event, at {clock(event.at)}"
    if event.verbs[0] in {"kill", "restart"}:
        yield from _bare(event)


def _bare(event: Event) -> Iterator[str]:
    verb = event.verbs[0]
    asked = getattr(event, verb)
    if asked is False:
        yield f"write {verb} = true"
    elif asked is not True and asked:
        yield f"it has no fields; write {verb} = true"


def _sleep(story: Story, begins: int, ends: int) -> Iterator[str]:
    if ends > story.end:
        yield f"it sleeps beyond the end of the story, {clock(story.end)}"
    for other in story.event:
        if other.suspend is not None and other.at < begins < other.at + other.suspend:
            yield f"it sleeps already, since {clock(other.at)}"


def _provider(story: Story, provider: Provider) -> Iterator[str]:
    ways = {channel for person in story.people for channel in person.channels}
    if provider.channel:
        yield from unknown("channel of a person", provider.channel, sorted(ways))
    if provider.person:
        yield from unknown("person", provider.person, [person.id for person in story.people])
    if provider.times < 1:
        yield "`times` is at least 1"


def unknown(kind: str, name: str, known: Collection[str]) -> Iterator[str]:
    """What to say when there is no such thing."""
    if name not in known:
        yield f"there is no {kind} {name!r}; known: {', '.join(known) or 'none'}"


def no_severity(word: str) -> Iterator[str]:
    """What to say when no severity is called ``word``; an empty one names none."""
    if word and word.upper() not in Severity.__members__:
        yield f"no severity is called {word!r}; known: {', '.join(s.word for s in Severity)}"
