"""Drills: who has proven lately that an alarm reaches them, and what is to be done. Pure."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, tzinfo
from enum import StrEnum
from typing import NamedTuple

import msgspec

from alerts.policy import Person
from alerts.rota.outlook import is_daytime
from alerts.rota.wall import instant, local, time_of
from devices.duration import Duration

DAY_MS = 86_400_000
_NEWEST = """
SELECT h.at, json_extract(h.body, '$.command') AS id, json_extract(h.body, '$.to') AS person,
       json_extract(h.body, '$.detail.channel') AS channel, json_extract(h.body, '$.by') AS by_,
       (SELECT min(a.at) FROM history a WHERE a.what = 'drill_answered' AND a.rule = h.rule),
       coalesce((SELECT o.state FROM outbox o WHERE o.history = h.n AND o.notice = 'drill'
                 ORDER BY o.id DESC LIMIT 1), ''),
       coalesce((SELECT o.error FROM outbox o WHERE o.history = h.n AND o.notice = 'drill'
                 ORDER BY o.id DESC LIMIT 1), '')
FROM history h WHERE h.what = 'drill' ORDER BY h.n
"""


class Drills(msgspec.Struct, frozen=True, kw_only=True):
    """What a site wants of drills.

    With ``day`` of the month and ``at`` all are sent then; ``within`` is how long an answer may
    take, and an answer is good for ``overdue``.
    """

    manager: str = ""
    overdue: Duration = Duration(31 * DAY_MS)
    within: Duration = Duration(30 * 60_000)
    day: int | None = None
    at: str | None = None


class Drilled(NamedTuple):
    """One drill. Times are epoch ms; ``state`` and ``error`` are those of its message."""

    at: int
    id: str
    person: str
    channel: str
    by: str
    answered: int | None
    state: str
    error: str


class Word(StrEnum):
    """How a person stands on a channel."""

    NEVER = "never drilled"
    WAITING = "waiting for the answer"
    ANSWERED = "answered"
    UNANSWERED = "not answered"
    OVERDUE = "overdue"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One person on one channel: the newest drill, and the newest that was answered.

    ``is_open`` says that something is to be mended; a drill that waits for its answer is no proof
    yet, and leaves that as it was.
    """

    person: str
    channel: str
    word: Word
    is_open: bool
    newest: Drilled | None = None
    answered: Drilled | None = None

    @property
    def proven(self) -> bool:
        """Whether nothing is to be done."""
        return self.word in {Word.ANSWERED, Word.WAITING}


class Wanted(NamedTuple):
    """A drill that is to be sent, under this id."""

    id: str
    person: str
    channel: str
    why: str


def drilled(db: sqlite3.Connection) -> list[Drilled]:
    """All drills, oldest first."""
    return [Drilled(*row) for row in db.execute(_NEWEST)]


def standings(
    people: Iterable[Person], drills: Sequence[Drilled], wants: Drills, *, now: int
) -> tuple[Standing, ...]:
    """How everybody stands on each of their channels at ``now`` (epoch ms)."""
    return tuple(
        _standing(person.id, channel, drills, wants, now)
        for person in people
        for channel in person.channels
    )


def _standing(
    person: str, channel: str, drills: Sequence[Drilled], wants: Drills, now: int
) -> Standing:
    own = [one for one in drills if (one.person, one.channel) == (person, channel)]
    answered = [one for one in own if one.answered is not None]
    newest = own[-1] if own else None
    good = answered[-1] if answered else None
    ended = [one for one in own if _word(one, good, wants, now) is not Word.WAITING]
    return Standing(
        person=person,
        channel=channel,
        word=_word(newest, good, wants, now),
        is_open=_word(ended[-1] if ended else None, good, wants, now) is not Word.ANSWERED,
        newest=newest,
        answered=good,
    )


def _word(newest: Drilled | None, good: Drilled | None, wants: Drills, now: int) -> Word:
    if newest is None:
        return Word.NEVER
    if newest.answered is None:
        waits = now - newest.at < wants.within and newest.state != "failed"
        return Word.WAITING if waits else Word.UNANSWERED
    return Word.OVERDUE if good is None or now - good.at > wants.overdue else Word.ANSWERED


def wanted(found: Iterable[Standing], wants: Drills, zone: tzinfo, *, now: int) -> Iterator[Wanted]:
    """Drills that are to be sent: those of the month, and again what was not answered.

    The month's are sent once, if need be late on the same day; a repeat comes the next day, in
    daytime.
    """
    due = _scheduled(wants, zone, now)
    for one in found:
        sent_at = one.newest.at if one.newest else None
        if due is not None and (sent_at is None or sent_at < due):
            day = local(due, zone).date()
            yield Wanted(f"drill-{day}-{one.person}-{one.channel}", *_way(one), "monthly drill")
        elif (
            one.word is Word.UNANSWERED and one.newest is not None and _is_next_day(one, zone, now)
        ):
            why = f"the drill of {local(one.newest.at, zone):%Y-%m-%d %H:%M} was not answered"
            again = f"drill-after-{one.newest.at}-{one.person}-{one.channel}"
            yield Wanted(again, *_way(one), why)


def overdue_text(found: Iterable[Standing], zone: tzinfo) -> str:
    """What the manager is told; empty when everybody has proven to be reached."""
    lines = [_line(one, zone) for one in found if not one.proven]
    return f"drills: {'; '.join(lines)}" if lines else ""


def _line(one: Standing, zone: tzinfo) -> str:
    line = f"{one.person} by {one.channel}: {one.word}"
    if one.newest is not None:
        line += f", last on {local(one.newest.at, zone):%Y-%m-%d %H:%M}"
        if one.newest.error:
            line += f" ({one.newest.error})"
    return line


def _way(one: Standing) -> tuple[str, str]:
    return one.person, one.channel


def _scheduled(wants: Drills, zone: tzinfo, now: int) -> int | None:
    """The instant of this month's drills, from then on for a day."""
    if wants.day is None or wants.at is None:
        return None
    today = local(now, zone).date()
    for day in (today, _day_before(today)):
        if day.day == wants.day:
            due = instant(day, time_of(wants.at), zone)
            if due <= now < due + DAY_MS:
                return due
    return None


def _day_before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _is_next_day(one: Standing, zone: tzinfo, now: int) -> bool:
    if one.newest is None or not is_daytime(now, zone):
        return False
    return local(one.newest.at, zone).date() < local(now, zone).date()
