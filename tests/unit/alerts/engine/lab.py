"""A small laboratory: samples and commands at times of a story, with the shell's ticks between."""

from collections.abc import Iterable

from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.engine import Engine
from alerts.policy import Policy, Step
from alerts.rule import Limit, Rule
from alerts.rulebook import Rulebook, build
from alerts.transition import Transition, What
from devices.duration import Duration, parse
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.entry import ClockStep, Command, Entry, Started, Tick

START = 1_767_600_000_000
"""2026-01-05 08:00 UTC."""

CHAIN = Policy(
    id="chain",
    steps=(Step(after=parse("0s"), to=("A",)), Step(after=parse("5m"), to=("B",))),
    repeat_gap=parse("10m"),
)
HOT = Rule(
    id="hot",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    deadband=0.2,
    on_delay=parse("5m"),
    off_delay=parse("2m"),
    severity="critical",
    policy="chain",
)
BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0), severity="high")
SILENT = Rule(id="silent", channel=HOT.channel, kind="silence", policy="chain")
DUE = Rule(
    id="due",
    channel=HOT.channel,
    kind="calibration-due",
    every=parse("365d"),
    limit=-92,
    severity="low",
    steps=(Limit(limit=0, severity="medium"),),
    policy="chain",
)
BROKEN = Rule(id="broken", channel=HOT.channel, kind="out-of-range", policy="chain")


def rulebook(
    rules: Iterable[Rule],
    *,
    policies: Iterable[Policy] = (CHAIN,),
    channels: Iterable[str] = ("inc1.temperature",),
) -> Rulebook:
    """The rules on channels of 10 s period and 0.01 resolution."""
    specs = [
        ChannelSpec(id=name, quantity="temperature", period_ms=10_000, resolution=0.01)
        for name in channels
    ]
    return build(rules, channels=specs, policies=policies)


def ms(offset: str | int) -> int:
    """``h:mm:ss``, ``m:ss`` or milliseconds, from the start."""
    if isinstance(offset, int):
        return offset
    return int(parse(offset if offset.count(":") == 2 else f"0:{offset:0>5}"))


class Lab:
    """An engine with its journal. Wall time is ``START`` plus the offset plus ``shift``."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.engine = Engine(book)
        self.entries: list[Entry] = []
        self.told: list[Transition] = []
        self.shift = 0
        self.started(0)

    def started(self, at: str | int) -> None:
        """The core began to run."""
        self.feed(Started(at=self.wall(at), version="0", configuration=self.book.digest))

    def wall(self, at: str | int) -> int:
        """What the wall clock shows."""
        return START + ms(at) + self.shift

    def feed(self, entry: Entry) -> None:
        """Append one entry and let the engine take it."""
        self.told += self.engine.advance(len(self.entries), entry)
        self.entries.append(entry)

    def ticks(self, at: str | int, *, including: bool = True) -> None:
        """Append the ticks that a shell would until then."""
        while (due := self.engine.next_due()) is not None:
            if due > self.wall(at) or (due == self.wall(at) and not including):
                return
            self.feed(Tick(due))

    def sample(
        self,
        at: str | int,
        value: float | None,
        *,
        of: str = "inc1.temperature",
        quality: Quality = Quality.GOOD,
        taken: str | int | None = None,
        source: Source = Source.LIVE,
    ) -> None:
        """One value of a device with one channel."""
        self.ticks(at, including=False)
        device, _, key = of.partition(".")
        layout = Layout(device, (key,), ("temperature",))
        stamp = self.wall(at if taken is None else taken)
        self.feed(Scan(layout, stamp, self.wall(at), (value,), bytes((quality,)), source))

    def hold(self, begin: str | int, end: str | int, value: float, **options: str) -> None:
        """A sample each 10 s, the last one at ``end``."""
        of = options.get("of", "inc1.temperature")
        for at in range(ms(begin), ms(end) + 1, 10_000):
            self.sample(at, value, of=of)
        self.ticks(end)

    def order(
        self, at: str | int, verb: str, /, target: str = "hot", by: str = "A", **arguments: str
    ) -> None:
        """A command."""
        self.ticks(at)
        name = f"c{len(self.entries)}"
        self.feed(
            Command(
                id=name,
                at=self.wall(at),
                by=by,
                verb=verb,
                target=target,
                via="cli",
                arguments=arguments,
            )
        )

    def clock_step(self, at: str | int, step: str | int) -> None:
        """The wall clock is set forward."""
        self.ticks(at)
        self.shift += ms(step)
        self.feed(ClockStep(at=self.wall(at), step=ms(step)))

    def reload(self) -> None:
        """Kill it, and start from what was stored."""
        self.engine = Engine(self.book, self.engine.dump())

    def said(self, *kinds: What, rule: str = "") -> list[str]:
        """``h:mm:ss what rule to`` of what was said, by elapsed time."""
        lines = []
        for one in self.told:
            if (kinds and one.what not in kinds) or (rule and one.rule != rule):
                continue
            seconds = (one.at - START - self.shift) // 1_000
            clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            lines.append(" ".join(f"{clock} {one.what} {one.rule} {one.to}".split()))
        return lines

    def last(self, what: What) -> Transition:
        """The newest of a kind."""
        return [one for one in self.told if one.what is what][-1]

    def count(self, what: What) -> int:
        """How many of a kind."""
        return sum(one.what is what for one in self.told)

    def ledger_says(self, when: str, **arguments: str) -> None:
        """What the ledger of certificates tells of the rule ``due``."""
        self.feed(
            Command(
                id="d1",
                at=self.wall(when),
                by="culturewatch",
                verb="due",
                target="due",
                via="ledger",
                arguments=arguments,
            )
        )


def brief_lab(*rules: Rule) -> Lab:
    """A laboratory of ``rules``, else of the one without delays."""
    return Lab(rulebook(rules or (BRIEF,)))
