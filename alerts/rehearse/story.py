"""A rehearsal file as values: what is watched, what happens, and what is to come of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from alerts.policy import Person, Policy
from alerts.rule import Rule
from devices.duration import Duration

TEN_SECONDS = Duration(10_000)
Doing = Literal["accept", "deliver", "undelivered", "error", "refuse", "quota", "hang"]
Status = Literal["delivered", "undelivered", "failed"]
SourceWord = Literal["live", "backfill", "test"]


class StoryChannel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel. Values and limits are in ``unit``, the stored one of its quantity.

    With ``hold`` the newest written value is repeated each ``period``, counted from the start.
    ``range`` is what the sensor can measure; limits outside of it are a mistake.
    """

    id: str
    quantity: str
    unit: str = ""
    resolution: float = 0.01
    period: Duration = TEN_SECONDS
    hold: bool = True
    range: tuple[float, float] | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value of a channel. ``taken`` is when, from the start; left out, when it arrives.

    With a quality that has no value (``no_answer``, ``sensor_fault`` …) none is passed on.
    """

    channel: str
    value: float | None = None
    quality: str = "good"
    taken: Duration | None = None
    source: SourceWord = "live"


class Samples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values with the times at which they were taken, from the start.

    One that was taken before the event arrives with the event, late; the others as they are
    taken.
    """

    channel: str
    values: tuple[tuple[Duration, float | None], ...]
    quality: str = "good"
    source: SourceWord = "live"


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From now on nothing comes from the channel, until another sample is written."""

    channel: str


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person does to an alarm: ``severity`` and ``occurrence`` are what they saw."""

    rule: str
    by: str
    severity: str = ""
    occurrence: int | None = None
    note: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an overdue rule waits for was done; with ``failed`` it is to be done again at once."""

    rule: str
    by: str
    note: str = ""
    failed: bool = False


class Shelve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shelve an alarm for so long; ``one_shot`` ends with its next return, if that is earlier."""

    rule: str
    by: str
    for_: Duration | None = msgspec.field(default=None, name="for")
    reason: str = ""
    one_shot: bool = False


class Suppress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The site's own logic begins (``on``) or ends to suppress an alarm by design."""

    rule: str
    on: bool
    by: str = "logic"
    reason: str = ""


class OutOfService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``rule`` (or all rules of a device but its guards) is out of service ``until`` then."""

    rule: str
    by: str
    until: Duration | None = None
    reason: str = ""


class Rota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``to`` are on call for a step of a policy from now on."""

    policy: str
    step: int
    to: tuple[str, ...]
    by: str = "rota"


class Drill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A drill to a person on one of their channels."""

    person: str
    channel: str
    by: str = "drill"


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider does with its next ``times`` messages; no channel or person means any."""

    does: Doing
    channel: str = ""
    person: str = ""
    times: int = 1


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider says later of a page: its number in the timeline, or the last one to whom."""

    page: int | str
    status: Status


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happens, ``at`` so long after the start.

    ``kill_at`` kills the core when it next comes to a named point, as ``kill`` does. ``restore``
    puts the database back as it was then, also under a core that runs: it ends for it, and
    starts again.
    """

    at: Duration
    sample: Sample | None = None
    samples: Samples | None = None
    silence: Silence | str | None = None
    ack: Order | None = None
    unack: Order | None = None
    reset: Order | None = None
    edit: dict[str, Any] | None = None
    remove: Order | None = None
    shelve: Shelve | None = None
    unshelve: Order | None = None
    suppress: Suppress | None = None
    out_of_service: OutOfService | None = None
    in_service: Order | None = None
    done: Done | None = None
    rota: Rota | None = None
    drill: Drill | None = None
    provider: Provider | None = None
    receipt: Receipt | None = None
    clock_step: str | None = None
    suspend: Duration | None = None
    kill: bool | dict[str, str] | None = None
    restart: bool | dict[str, str] | None = None
    kill_at: str | None = None
    restore: Duration | None = None

    @property
    def verbs(self) -> tuple[str, ...]:
        """Which verbs it has; one, when it is right."""
        fields = self.__struct_fields__[1:]
        return tuple(name for name in fields if getattr(self, name) is not None)


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields that an entry of the timeline has. ``at`` or ``within`` say when.

    ``why`` is part of the entry's text and ``detail`` part of its details; ``held`` names the
    overlay, or says whether there was any; the rest is equal.
    """

    at: Duration | None = None
    within: tuple[Duration, Duration] | None = None
    what: str | None = None
    rule: str | None = None
    channel: str | None = None
    occurrence: int | None = None
    activation: int | None = None
    severity: str | None = None
    since: Duration | None = None
    why: str | None = None
    to: str | None = None
    via: str | None = None
    by: str | None = None
    step: int | None = None
    page: int | None = None
    tries: int | None = None
    value: float | None = None
    count: int | None = None
    late: bool | None = None
    held: bool | str | None = None
    may_repeat: bool | None = None
    quality: str | None = None
    detail: dict[str, str] | None = None

    @property
    def when(self) -> tuple[Duration, Duration] | None:
        """The first and last instant that it is about; None is the whole story."""
        return self.within if self.at is None else (self.at, self.at)

    def fields(self) -> Iterator[tuple[str, object]]:
        """The fields that an entry must have, beside its time, with their values."""
        for name in Expectation.__struct_fields__:
            value = getattr(self, name)
            if name not in {"at", "within"} and value is not None:
                yield name, value


class Count(Expectation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many entries have these fields."""

    exactly: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(default=None, name="is")
    at_most: Annotated[int, msgspec.Meta(ge=0)] | None = None
    at_least: Annotated[int, msgspec.Meta(ge=0)] | None = None

    @property
    def sizes(self) -> tuple[str, ...]:
        """What it says of the number, in words."""
        words = {"exactly": self.exactly, "at most": self.at_most, "at least": self.at_least}
        return tuple(f"{word} {size}" for word, size in words.items() if size is not None)


class Final(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the alarm of a rule stands at the end, in the words of the tables A1 to A5."""

    rule: str
    state: str | None = None
    overlay: str | None = None
    quality: str | None = None
    filter: str | None = None
    escalation: str | None = None
    severity: str | None = None
    occurrence: int | None = None
    activation: int | None = None
    acked_by: tuple[str, ...] | None = None
    under: str | None = None


class Story(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file. Only its rules run; times are elapsed time since ``start``.

    ``bundle`` is how long further pages to somebody who was just paged wait for each other, to
    go as one ``summary`` (``site.bundle`` of a site's file); left out, each page goes by itself,
    unless so many rules page that there could be a flood.
    """

    title: str
    start: Annotated[datetime, msgspec.Meta(tz=True)]
    end: Duration
    bundle: Duration | None = None
    channel: tuple[StoryChannel, ...]
    rule: tuple[Rule, ...]
    person: tuple[Person, ...] = ()
    policy: tuple[Policy, ...] = ()
    event: tuple[Event, ...] = ()
    expect: tuple[Expectation, ...] = ()
    never: tuple[Expectation, ...] = ()
    count: tuple[Count, ...] = ()
    final: tuple[Final, ...] = ()

    @property
    def start_ms(self) -> int:
        """The wall clock at the start, epoch milliseconds."""
        return round(self.start.timestamp() * 1000)

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody who can be paged; who is only named in a policy has one channel, ``sms``."""
        named = [name for p in self.policy for step in p.steps for name in step.people]
        named += [name for p in self.policy for name in p.fallback]
        named += [name for event in self.event if event.rota for name in event.rota.to]
        known = {person.id for person in self.person}
        more = [name for name in dict.fromkeys(named) if name not in known]
        return (*self.person, *(Person(id=name, channels=("sms",)) for name in more))
