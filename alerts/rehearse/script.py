"""A story as a list of deeds in time: what is written, what is repeated, who does what."""

from collections.abc import Iterable, Iterator
from itertools import count

import msgspec

from alerts.channel import ChannelSpec
from alerts.rehearse.story import Event, Order, Sample, Story, StoryChannel
from alerts.rehearse.virtual import Rank
from devices.quality import Quality
from devices.units import STORED_UNIT

_ORDERS = ("ack", "unack", "reset", "remove")


class StoryError(Exception):
    """A story contradicts itself; the text says where."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What is done at ``at`` (ms from the start): a sample arrives, or an event's verb happens."""

    at: int
    rank: Rank
    sample: Sample | None = None
    event: Event | None = None


def deeds(story: Story) -> tuple[Deed, ...]:
    """All deeds up to the end, in their order: by time, samples first, then as in the file.

    Raises:
        StoryError: an event has no verb or several, or names what the story does not have.
    """
    for number, event in enumerate(story.event):
        _check(story, number, event)
    order = count()
    found: list[tuple[int, Rank, int, Deed]] = []
    for event in story.event:
        for at, sample in _written(event):
            deed = Deed(at=at, rank=Rank.SAMPLE, sample=sample)
            found.append((at, Rank.SAMPLE, next(order), deed))
        if event.sample is None and event.samples is None:
            rank = Rank.SAMPLE if event.silence is not None else Rank.COMMAND
            deed = Deed(at=event.at, rank=rank, event=event)
            found.append((event.at, rank, next(order), deed))
    for channel in story.channel:
        if channel.hold:
            for at, sample in _repeats(story, channel):
                deed = Deed(at=at, rank=Rank.SAMPLE, sample=sample)
                found.append((at, Rank.SAMPLE, next(order), deed))
    found.sort(key=lambda one: one[:3])
    return tuple(deed for at, _, _, deed in found if at <= story.end)


def specs(story: Story) -> tuple[ChannelSpec, ...]:
    """The channels as the engine must know them.

    Raises:
        StoryError: a channel is measured in nothing known.
    """
    for channel in story.channel:
        unit = STORED_UNIT.get(channel.quantity)
        if unit is None:
            raise StoryError(f"channel {channel.id}: unknown quantity {channel.quantity!r}")
        if channel.unit not in {"", unit}:
            raise StoryError(f"channel {channel.id}: write {channel.quantity} in {unit}")
    return tuple(
        ChannelSpec(
            id=channel.id,
            quantity=channel.quantity,
            period_ms=int(channel.period),
            resolution=channel.resolution,
            range=channel.range,
        )
        for channel in story.channel
    )


def _check(story: Story, number: int, event: Event) -> None:
    where = f"event[{number}] at {event.at}"
    if len(event.verbs) != 1:
        said = ", ".join(event.verbs) or "none"
        raise StoryError(f"{where}: an event has exactly one verb; this has {said}")
    channels = {channel.id for channel in story.channel}
    named = [one.channel for one in (event.sample, event.samples) if one is not None]
    for channel in [*named, silenced(event)]:
        if channel and channel not in channels:
            raise StoryError(f"{where}: there is no channel {channel!r}")
    _check_values(where, event)
    rules = {rule.id for rule in story.rule}
    for verb in _ORDERS:
        order: Order | None = getattr(event, verb)
        if order is not None and order.rule not in rules:
            raise StoryError(f"{where}: there is no rule {order.rule!r}")


def _check_values(where: str, event: Event) -> None:
    for _, sample in _written(event):
        try:
            quality = Quality.parse(sample.quality)
        except ValueError as error:
            raise StoryError(f"{where}: {error}") from error
        if quality.has_value and sample.value is None:
            raise StoryError(f"{where}: a {sample.quality} sample needs a value")


def silenced(event: Event) -> str:
    """The channel that an event silences."""
    silence = event.silence
    return silence if isinstance(silence, str) else silence.channel if silence else ""


def _written(event: Event) -> Iterator[tuple[int, Sample]]:
    """The samples of an event with the times at which they arrive."""
    if event.sample is not None:
        yield event.at, event.sample
    if event.samples is not None:
        for taken, value in event.samples.values:
            sample = Sample(
                channel=event.samples.channel,
                value=value,
                quality=event.samples.quality,
                taken=taken,
                source=event.samples.source,
            )
            yield max(taken, event.at), sample


def _repeats(story: Story, channel: StoryChannel) -> Iterator[tuple[int, Sample]]:
    """The newest written sample again at each grid instant, unless one is written there."""
    held: Sample | None = None
    changes = sorted(_changes(story.event, channel.id), key=lambda change: change[0])
    written = {at for at, sample in changes if sample is not None}
    for at in range(0, int(story.end) + 1, int(channel.period)):
        while changes and changes[0][0] <= at:
            held = changes.pop(0)[1]
        if held is not None and at not in written:
            yield at, msgspec.structs.replace(held, taken=None)


def _changes(events: Iterable[Event], channel: str) -> Iterator[tuple[int, Sample | None]]:
    for event in events:
        if event.silence is not None and silenced(event) == channel:
            yield event.at, None
        for at, sample in _written(event):
            late = sample.taken is not None and sample.taken < at
            if sample.channel == channel and sample.source == "live" and not late:
                yield at, sample
