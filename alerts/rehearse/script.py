"""A story as a list of deeds in time: what is written, what is repeated, who does what."""

from collections.abc import Iterable, Iterator
from itertools import count

import msgspec

from alerts.channel import ChannelSpec
from alerts.rehearse.story import Event, Sample, Story, StoryChannel
from alerts.rehearse.virtual import Rank
from devices import duration

POINTS = ("after-commit", "after-claim", "after-accept", "after-record")
"""Where a core may be killed: judged and on disk, claimed, taken by the provider, recorded."""


class StoryError(Exception):
    """A story cannot be told; the text says where and why."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What is done at ``at`` (ms from the start): a sample arrives, or an event's verb happens.

    ``copy`` says that the database is copied, to be restored later.
    """

    at: int
    rank: Rank
    sample: Sample | None = None
    event: Event | None = None
    copy: bool = False


def deeds(story: Story) -> tuple[Deed, ...]:
    """All deeds in their order: by time, samples first, then as in the file.

    What devices and providers do from an instant on holds for all that is due in it.
    """
    order = count()
    found: list[tuple[int, Rank, int, Deed]] = []
    for event in story.event:
        for at, sample in written(event):
            deed = Deed(at=at, rank=Rank.SAMPLE, sample=sample)
            found.append((at, Rank.SAMPLE, next(order), deed))
        if event.sample is None and event.samples is None:
            of_world = event.silence is not None or event.provider is not None
            rank = Rank.SAMPLE if of_world else Rank.COMMAND
            deed = Deed(at=event.at, rank=rank, event=event)
            found.append((event.at, rank, next(order), deed))
    for channel in story.channel:
        if channel.hold:
            for at, sample in _repeats(story, channel):
                deed = Deed(at=at, rank=Rank.SAMPLE, sample=sample)
                found.append((at, Rank.SAMPLE, next(order), deed))
    for at in {int(event.restore) for event in story.event if event.restore is not None}:
        deed = Deed(at=at, rank=Rank.COMMAND, copy=True)
        found.append((at, Rank.COMMAND, -1, deed))
    found.sort(key=lambda one: one[:3])
    return tuple(deed for _, _, _, deed in found)


def after_sleep(deeds: Iterable[Deed], wake: int) -> Iterator[Deed]:
    """What is left to do at ``wake`` (ms from the start) and later.

    Samples of the time asleep are lost; what else was due then is done at once.
    """
    rest = [
        msgspec.structs.replace(deed, at=max(deed.at, wake))
        for deed in deeds
        if deed.at >= wake or deed.sample is None
    ]
    yield from sorted(rest, key=lambda deed: (deed.at, deed.rank))


def step_of(text: str) -> int:
    """A signed step of the wall clock such as ``-1:00:00``, in milliseconds.

    Raises:
        ValueError: it is no span of time.
    """
    sign = -1 if text.startswith("-") else 1
    return sign * int(duration.parse(text.removeprefix("-").removeprefix("+")))


def specs(story: Story) -> tuple[ChannelSpec, ...]:
    """The channels as the engine must know them."""
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


def silenced(event: Event) -> str:
    """The channel that an event silences."""
    silence = event.silence
    return silence if isinstance(silence, str) else silence.channel if silence else ""


def written(event: Event) -> Iterator[tuple[int, Sample]]:
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
        for at, sample in written(event):
            late = sample.taken is not None and sample.taken < at
            if sample.channel == channel and sample.source == "live" and not late:
                yield at, sample
