"""A store in which something stands in every table, written as a core writes it."""

import sqlite3
from pathlib import Path

from alerts.delivery import Event
from alerts.dispatch import Claim, Free, Verdict, claim, settle
from alerts.engine.view import AlarmView
from alerts.enqueue import enqueue
from alerts.held import hold
from alerts.pace import Pace
from alerts.store import AlarmStore, Answer, Batch, Caused, save, show_all
from alerts.transition import Transition, What
from alerts.trouble import record
from tests.unit.alerts.desk import NOON, directory, said  # a test's own

PACE = Pace(bundle_ms=10_000)


def view(rule: str) -> AlarmView:
    return AlarmView(
        rule=rule,
        channel="inc1.temperature",
        state="A",
        filter="F2",
        quality="GOOD",
        overlay="none",
        escalation="HELD",
        step=0,
        severity="critical",
        worst="critical",
        occurrence=1,
        activation=1,
        since=NOON,
        acked_by=("A",),
        paged=("A",),
        under="",
        consequences=(),
        value=38.1,
        value_at=NOON,
    )


def acknowledged() -> Transition:
    return said(What.ACK, at=NOON + 9_000, by="A", command="c-1", why="seen")


def told(what: What, to: str, occurrence: int) -> Transition:
    return said(what, to, at=NOON + occurrence, occurrence=occurrence)


async def live(path: Path) -> None:
    """Two alarms page Ada, one message is delivered, she acknowledges, one is held for Ben."""
    people = directory()

    def keep(db: sqlite3.Connection, batch: Batch) -> None:
        for number, one in zip(save(db, batch), batch.caused, strict=True):
            enqueue(db, number, one, people, now=NOON)

    async with AlarmStore(path) as store:
        for seq in (1, 2):
            pages = tuple(
                Caused(seq, NOON, told(what, to, seq))
                for what, to in ((What.SET, ""), (What.QUEUED, "A"), (What.QUEUED, "B"))
            )
            parts = {f"alarm {seq}": b"how it stands", "clock": bytes([seq])}
            batch = Batch(after=seq - 1, cursor=seq, parts=parts, caused=pages)
            await store.write(lambda db, batch=batch: keep(db, batch))  # type: ignore[misc] # mypy knows no default

        def send(db: sqlite3.Connection) -> list[Claim]:
            return claim(db, "sms", Free(4, 4, {}), now=NOON, pace=PACE)

        for taken in await store.write(send):
            heard = Verdict(event=Event.RECEIPT, provider_id="p-1", subject="inc1 is hot")
            await store.write(
                lambda db, taken=taken, heard=heard: settle(  # type: ignore[misc] # as above
                    db, taken, heard, people, now=NOON + 50, pace=PACE
                )
            )

        def end(db: sqlite3.Connection) -> None:
            answer = Answer(command="c-1", seq=3, at=NOON, accepted=True, why="seen")
            acked = (Caused(3, NOON, acknowledged()),)
            keep(db, Batch(after=2, cursor=3, parts={}, caused=acked, answers=(answer,)))
            show_all(db, [view("inc1-temp-high"), view("inc2-temp-high")])
            hold(db, 3, "B", until=NOON + 1_000, arrived=NOON)
            record(db, ["mail does not answer", "mail answers again"], now=NOON)

        await store.write(end)
