"""What a message about several alarms says of each: a hand-over, or what quiet hours held."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from alerts.engine.view import AlarmView
from alerts.notice import Notice
from alerts.transition import Listed, Transition, What

_UNACKED = frozenset({"U", "R", "LU"})
_TOLD = frozenset(
    {What.SET, What.CLEAR, What.QUEUED, What.ACK, What.UNACK, What.SEV_UP, What.SEV_DOWN}
    | {What.RE_ALARM, What.EXHAUSTED, What.EDITED, What.VOID, What.RESET}
)
_FIRST, _LAST = 3, 9


class Past(NamedTuple):
    """One row of an alarm's history: when (epoch ms), what, to or by whom, and why."""

    at: int
    what: What
    who: str
    why: str


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm in a list; without a rule, a line about the alarm system itself (``why``).

    ``take`` says that the person is asked for it, ``open`` that nobody has it now. ``left_out``
    counts the rows in the middle of ``past`` that are not shown; ``quiet`` says why it pages
    nobody.
    """

    rule: str
    occurrence: int = 0
    severity: str = ""
    state: str = ""
    open: bool = False
    take: bool = False
    since: int | None = None
    value: float | None = None
    acked_by: tuple[str, ...] = ()
    past: tuple[Past, ...] = ()
    left_out: int = 0
    quiet: tuple[str, ...] = ()
    why: str = ""


class _Named(NamedTuple):
    rule: str
    occurrence: int
    take: bool
    why: str = ""


def covered(db: sqlite3.Connection, history: int, notice: Notice) -> tuple[Covered, ...]:
    """What the list behind a row covers, as it is now: first what the person is asked for."""
    named: dict[tuple[str, int, str], _Named] = {}
    for told in _told(db, history, notice):
        for one in _named(told):
            key = (one.rule, one.occurrence, one.why)
            named[key] = one if key not in named or one.take else named[key]
    found = [_covered(db, one) for one in named.values()]
    return tuple(sorted(found, key=lambda one: not (one.take and one.open)))


def _told(db: sqlite3.Connection, history: int, notice: Notice) -> Iterator[Transition]:
    """The transitions that went into one message: all rows of it lead back to its first."""
    first = db.execute(
        "SELECT min(id) FROM outbox WHERE history = ? AND notice = ?", (history, notice)
    ).fetchone()[0]
    if notice is Notice.DIGEST:
        wanted = "SELECT history FROM held WHERE sent_in = ?"
    else:
        wanted = (
            "SELECT history FROM outbox WHERE id = ?1 OR"
            " (over = 'in one message with ' || ?1 AND notice = 'handover')"
        )
    query = f"SELECT body FROM history WHERE n IN ({wanted}) ORDER BY n"  # noqa: S608 # literals of this function
    for (body,) in db.execute(query, (first,)).fetchall():
        yield msgspec.json.decode(body, type=Transition)


def _named(told: Transition) -> Iterator[_Named]:
    if told.what is What.HANDOVER:
        for key in ("take", "know"):
            for one in msgspec.json.decode(told.detail.get(key, "[]"), type=list[Listed]):
                yield _Named(one.rule, one.occurrence, key == "take")
    elif told.rule:
        yield _Named(told.rule, told.occurrence or 0, told.what is What.QUEUED)
    else:
        yield _Named("", 0, take=False, why=told.why)


def _covered(db: sqlite3.Connection, one: _Named) -> Covered:
    if not one.rule:
        return Covered(rule="", why=one.why)
    about = (one.rule, one.occurrence)
    bodies = db.execute(
        "SELECT body FROM history WHERE rule = ? AND occurrence = ? ORDER BY n", about
    ).fetchall()
    rows = [msgspec.json.decode(body, type=Transition) for (body,) in bodies]
    now = db.execute("SELECT body FROM alarm WHERE rule = ? AND occurrence = ?", about).fetchone()
    view = None if now is None else msgspec.json.decode(now[0], type=AlarmView)
    past, left_out = _past(rows)
    state = "N" if view is None else view.state
    return Covered(
        rule=one.rule,
        occurrence=one.occurrence,
        severity=(view.worst if view else "") or _severity(rows),
        state=state,
        open=state in _UNACKED,
        take=one.take,
        since=next((row.since for row in rows if row.what is What.SET), None),
        value=next((row.value for row in reversed(rows) if row.value is not None), None),
        acked_by=() if view is None else view.acked_by,
        past=past,
        left_out=left_out,
        quiet=() if view is None else tuple(f"{one.how}: {one.why}" for one in view.quiet),
    )


def _severity(rows: Iterable[Transition]) -> str:

    return next((row.severity for row in reversed(list(rows)) if row.severity), "")


def _past(rows: list[Transition]) -> tuple[tuple[Past, ...], int]:
    told = [Past(row.at, row.what, row.to or row.by, row.why) for row in rows if row.what in _TOLD]
    if len(told) <= _FIRST + _LAST:
        return tuple(told), 0
    return (*told[:_FIRST], *told[-_LAST:]), len(told) - _FIRST - _LAST
