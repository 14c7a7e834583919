"""A desk at night, when its people have quiet hours."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from alerts.engine.view import AlarmView
from alerts.engine.view import Quiet as Shelved
from alerts.policy import Person, Quiet
from alerts.store import AlarmStore
from alerts.transition import Transition, What
from tests.unit.alerts.desk import (  # a test's own
    PEOPLE,
    RULE,
    Desk,
    said,
)


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NIGHT, MORNING = utc("2026-01-06T02:00"), utc("2026-01-06T07:00")
SLEEPERS = tuple(
    msgspec.structs.replace(person, quiet=Quiet(from_="22:00", to="07:00")) for person in PEOPLE
)


class NightDesk(Desk):
    """A desk whose clock the test sets."""

    def __init__(self, path: Path, store: AlarmStore, people: Iterable[Person]) -> None:
        super().__init__(path, store, people)
        self.clock = NIGHT

    def now(self) -> int:
        return self.clock

    async def stands(
        self, state: str, occurrence: int = 1, rule: str = RULE.id, *, shelved: str = ""
    ) -> None:
        """What screens see of the alarm."""
        view = AlarmView(
            rule=rule,
            channel=RULE.channel,
            state=state,
            filter="F2",
            quality="GOOD",
            overlay="none",
            escalation="RUN",
            step=0,
            severity="medium",
            worst="medium",
            occurrence=occurrence,
            activation=1,
            since=NIGHT,
            acked_by=("B",) if state in {"A", "LA"} else (),
            paged=(),
            under="",
            consequences=(),
            value=38.1,
            value_at=NIGHT,
            quiet=(Shelved(how="shelved", until=MORNING, why=shelved),) if shelved else (),
        )
        row = (rule, occurrence, state, msgspec.json.encode(view))
        insert = "INSERT OR REPLACE INTO alarm VALUES (?, ?, ?, ?, 0)"
        await self.store.write(lambda db: db.execute(insert, row).rowcount)


@asynccontextmanager
async def opened(folder: Path, people: Iterable[Person] = SLEEPERS) -> AsyncIterator[NightDesk]:
    path = folder / "alarms.db"
    async with AlarmStore(path) as store:
        yield NightDesk(path, store, people)


def told(what: What, to: str, **more: object) -> Transition:
    return said(what, to, **{"at": NIGHT, "since": NIGHT, "severity": "medium", **more})
