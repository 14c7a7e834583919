"""The core's watch over drills, with a real store on a clock that the test sets."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.drill_watch import DrillWatch
from alerts.drills import Drills
from alerts.policy import Person
from alerts.store import AlarmStore, Batch, Caused, save
from alerts.transition import Transition, What
from storage.entry import Command
from storage.journal import JournalFullError

PEOPLE = (Person(id="A", channels=("sms", "mail")), Person(id="M", channels=("mail",)))


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Watching:
    """A watch whose commands are taken in at once, as the engine would."""

    def __init__(self, store: AlarmStore, wants: Drills, now: str) -> None:
        self.store = store
        self.now = utc(now)
        self.put: list[Command] = []
        self.ordered_ids: list[str] = []
        self.troubles: list[str] = []
        self.full = False
        self.seq = 0
        self.watch = DrillWatch(
            PEOPLE,
            wants,
            store,
            zone=ZoneInfo("Europe/Vienna"),
            put=self.take,
            on_trouble=self.troubles.append,
            now=lambda: self.now,
        )

    async def take(self, command: Command) -> None:
        if self.full:
            raise JournalFullError("the journal is full; make room on the disk")
        self.put.append(command)
        if command.verb == "drill":
            self.ordered_ids.append(command.id)

    async def keep(self) -> None:
        """What was ordered so far is in the history."""
        for command in self.put:
            await self.say(_said(command))
        self.put.clear()

    async def answer(self, drill: str) -> None:
        rule = f"drill:{drill}"
        await self.say(Transition(at=self.now, what=What.DRILL_ANSWERED, rule=rule, by="A"))

    async def say(self, transition: Transition) -> None:
        before, self.seq = self.seq, self.seq + 1
        caused = (Caused(self.seq, transition.at, transition),)
        batch = Batch(after=before, cursor=self.seq, parts={}, caused=caused)

        def keep(db: sqlite3.Connection) -> None:
            save(db, batch)

        await self.store.write(keep)

    def ordered(self) -> list[tuple[str, str, str]]:
        return [(c.verb, c.target, c.arguments.get("channel", "")) for c in self.put]


def _said(command: Command) -> Transition:
    arguments = command.arguments
    drilling = command.verb == "drill"
    return Transition(
        at=command.at,
        what=What.DRILL if drilling else What.SYSTEM,
        rule=f"drill:{command.id}" if drilling else "",
        to=command.target,
        by=command.by,
        command=command.id,
        why=arguments.get("text", ""),
        detail=arguments,
    )


async def test_97_through_a_month(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        wants = Drills(manager="M", day=10, at="10:00")
        lab = Watching(store, wants, "2026-06-10T08:00")
        await lab.watch.look()
        await lab.watch.look()
        # The month's, once, to everybody on every channel; nobody was ever drilled: that is told.
        assert lab.ordered() == [
            ("drill", "A", "sms"),
            ("drill", "A", "mail"),
            ("drill", "M", "mail"),
            ("tell", "M", ""),
        ]
        a_sms, a_mail, m_mail = (command.id for command in lab.put[:3])
        await lab.keep()
        for drill in (a_mail, m_mail):
            await lab.answer(drill)
        lab.now = utc("2026-06-10T13:00")
        await lab.watch.look()
        assert lab.ordered() == []
        # The next day: again to whom did not answer, and the manager hears of it.
        lab.now = utc("2026-06-11T08:30")
        await lab.watch.look()
        await lab.watch.look()
        assert lab.ordered() == [("drill", "A", "sms"), ("tell", "M", "")]
        assert lab.put[0].id != a_sms
        assert lab.put[0].arguments["note"] == "the drill of 2026-06-10 10:00 was not answered"
        told = lab.put[1].arguments
        assert told["text"] == "drills: A by sms: not answered, last on 2026-06-10 10:00"
        again = lab.put[0].id
        await lab.keep()
        await lab.answer(again)
        lab.now = utc("2026-06-12T08:30")
        await lab.watch.look()
        assert lab.ordered() == []
        # 31 days after the answers, had there been none in July.
        lab.now = utc("2026-07-12T08:30")
        await lab.watch.look()
        assert lab.put[-1].arguments["text"] == (
            "drills: A by mail: overdue, last on 2026-06-10 10:00; "
            "M by mail: overdue, last on 2026-06-10 10:00"
        )
        assert len(lab.troubles) == 3


async def test_a_restart_on_the_same_day_repeats_neither_drill_nor_word(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        wants = Drills(manager="M", day=10, at="10:00")
        lab = Watching(store, wants, "2026-06-10T08:00")
        await lab.watch.look()
        await lab.keep()
        after = Watching(store, wants, "2026-06-10T09:00")
        await after.watch.look()
    assert after.ordered() == []
    assert after.troubles == []


async def test_at_night_nobody_is_told(tmp_path: Path) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        lab = Watching(store, Drills(manager="M"), "2026-06-10T02:00")
        await lab.watch.look()
        assert lab.ordered() == []
        lab.now = utc("2026-06-10T07:00")
        await lab.watch.look()
    assert lab.ordered() == [("tell", "M", "")]


async def test_a_full_journal_is_told_once_and_the_drill_sent_when_it_has_room(
    tmp_path: Path,
) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        lab = Watching(store, Drills(day=10, at="02:30"), "2026-06-10T00:30")
        lab.full = True
        await lab.watch.look()
        await lab.watch.look()
        assert lab.troubles == ["drills cannot be sent: the journal is full; make room on the disk"]
        lab.full = False
        await lab.watch.look()
    assert [verb for verb, _, _ in lab.ordered()] == ["drill"] * 3


async def test_what_is_not_proven_is_an_alarm_until_it_is_answered_and_begins_by_day(
    tmp_path: Path,
) -> None:
    async with AlarmStore(tmp_path / "alarms.db") as store:
        lab = Watching(store, Drills(day=10, at="10:00"), "2026-06-10T02:00")
        seen: list[int | None] = []

        async def at(when: str) -> None:
            lab.now = utc(when)
            await lab.watch.look()
            await lab.keep()
            seen.append(lab.watch.unproven)

        # At night nobody is woken for it; by day three ways have never been drilled.
        await at("2026-06-10T02:00")
        await at("2026-06-10T07:30")
        # Those of the month wait for their answers: nothing is proven by that.
        await at("2026-06-10T08:00")
        await at("2026-06-10T08:10")
        sent = lab.ordered_ids
        for drill in sent[:2]:
            await lab.answer(drill)
        await at("2026-06-10T08:20")
        # Not answered, and drilled again on the next day: still to be mended.
        await at("2026-06-11T08:30")
        await at("2026-06-11T08:35")
        await lab.answer(lab.ordered_ids[-1])
        # It may end at night, and what becomes overdue at night waits for the day.
        await at("2026-06-11T23:00")
        await at("2026-07-12T01:00")
        await at("2026-07-12T07:30")
    assert seen == [None, 3, 3, 3, 1, 1, 1, 0, 0, 2]
