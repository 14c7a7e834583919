"""The outbox without its tasks."""

from collections.abc import Collection
from pathlib import Path

from alerts.attempts import Sightings
from alerts.delivery import Event
from alerts.dispatch import Claim, Free, Verdict, channels_waiting, claim, settle
from alerts.enqueue import enqueue
from alerts.pace import Pace
from alerts.schema import open_store
from alerts.store import Batch, Caused, save
from alerts.transition import Transition
from alerts.upkeep import upkeep
from tests.unit.alerts.desk import (  # a test's own
    NOON,
    directory,
    page,
)

PACE = Pace(bundle_ms=30_000, skew_ms=0)
PEOPLE = directory()
SEEN = Sightings(lambda: 0)


class Table:
    """The outbox's rows on a clock of its own."""

    def __init__(self) -> None:
        self.db = open_store(Path(":memory:"))
        self.now = NOON
        self.seq = 0

    def say(self, *transitions: Transition) -> None:
        before, self.seq = self.seq, self.seq + 1
        caused = tuple(Caused(self.seq, self.now, t) for t in transitions)
        rows = save(self.db, Batch(after=before, cursor=self.seq, parts={}, caused=caused))
        for number, one in zip(rows, caused, strict=True):
            enqueue(self.db, number, one, PEOPLE, now=self.now)

    def page(self, to: str, *rules: str, severity: str = "high") -> None:
        self.say(*[page(to, rule=rule, at=self.now, severity=severity) for rule in rules])

    def claims(self) -> list[Claim]:
        free = Free(slots=100, each=100, under_way={})
        return [
            taken
            for channel in channels_waiting(self.db)
            for taken in claim(self.db, channel, free, now=self.now, pace=PACE)
        ]

    def settle(self, taken: Claim, event: Event = Event.RECEIPT) -> list[str]:
        return settle(self.db, taken, Verdict(event=event), PEOPLE, now=self.now, pace=PACE)

    def sent(self) -> list[tuple[str, ...]]:
        """What goes now: the rules of each message."""
        found = []
        for taken in self.claims():
            self.settle(taken)
            found.append(tuple(one.rule for one in taken.listed) or (taken.rule,))
        return found

    def keep(self, slow: Collection[str] = ()) -> list[str]:
        """What time alone does."""
        return upkeep(self.db, slow, PEOPLE, seen=SEEN, now=self.now, pace=PACE, slow=slow)

    def counted(self) -> dict[str, int]:
        """How many rows stand where."""
        return dict(self.db.execute("SELECT state, count(*) FROM outbox GROUP BY state"))

    def states(self) -> dict[str, str]:
        """By rule, where the page stands."""
        rows = self.db.execute("SELECT rule, state FROM outbox WHERE notice = 'page' ORDER BY id")
        return dict(rows)
