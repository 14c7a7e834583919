"""One device under the default rules and the production engine, and a person who answers."""

from collections.abc import Iterator

import msgspec

from alerts import defaults, rulebook
from alerts.engine.engine import Engine
from alerts.policy import Policy, Step
from alerts.rulebook import Rulebook
from alerts.transition import Transition, What
from bench.equipment import MINUTE_S
from bench.lives import Life
from devices.duration import Duration
from devices.scan import Scan, absent
from storage.entry import Command, Entry, Started, Tick

START = 1_767_571_200_000
"""A Monday, 2026-01-05, at midnight."""
ANSWER_MS = 10 * 60_000
"""A person acknowledges a page after so long."""
AT_ONCE = Policy(id="standard", steps=(Step(after=Duration(0), to=("oncall",)),))
DEVICE = "dev"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page: minutes since the beginning, the rule without its device, and how bad."""

    minute: int
    rule: str
    severity: str


def default_rulebook(rules: str, life: Life) -> Rulebook:
    """The shipped rules of one set for the device of a life; each page goes out at once."""
    specs = life.kind.specs(DEVICE)
    return rulebook.load(
        [],
        channels=specs,
        policies=[AT_ONCE],
        defaults=defaults.placed({DEVICE: rules}, specs),
    )


class Watched:
    """A life whose samples the engine judges."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.engine = Engine(default_rulebook(life.kind.rules, life))
        self.minute = 0
        self._layout = life.kind.layout(DEVICE)
        self._seq = 0
        self._answers: list[tuple[int, str]] = []
        for transition in self._take(Started(at=START, version="bench", configuration="")):
            if transition.what is What.SET:
                # What has to be done in turns has just been done.
                self._order("done", transition.rule, START)

    def live(self) -> Iterator[Page]:
        """One more minute; the pages in it."""
        shown = self.life.live()
        self.minute += 1
        at = START + self.minute * MINUTE_S * 1000
        said: list[Transition] = []
        while (due := self.engine.next_due()) is not None and due < at:
            said += self._take(Tick(due))
        while self._answers and self._answers[0][0] <= at:
            _, rule = self._answers.pop(0)
            said += self._order("ack", rule, at)
        if shown is None:
            scan = absent(self._layout, at=at)
        else:
            scan = Scan(self._layout, at, at + 200, *shown)
        said += self._take(scan)
        for one in said:
            if one.what is What.QUEUED:
                self._answers.append((at + ANSWER_MS, one.rule))
                yield Page(
                    minute=self.minute,
                    rule=one.rule.removeprefix(f"{DEVICE}-"),
                    severity=one.severity,
                )

    def _take(self, entry: Entry) -> tuple[Transition, ...]:
        self._seq += 1
        return self.engine.advance(self._seq, entry)

    def _order(self, verb: str, rule: str, at: int) -> tuple[Transition, ...]:
        command = Command(
            id=f"c{self._seq}",
            at=at,
            by="oncall",
            verb=verb,
            target=rule,
            via="cli",
            arguments={"note": "done"},
        )
        return self._take(command)
