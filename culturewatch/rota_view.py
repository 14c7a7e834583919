"""Who is on call, as a terminal shows it: worked out from the files, with or without a core."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Table

from alerts.rota.act import RotaAct
from alerts.rota.duty import acts_of
from alerts.rota.outlook import outlook
from alerts.rota.resolve import declared, in_force, periods
from alerts.schema import open_read_only
from culturewatch import paths
from culturewatch.on_call import feeds, rotas
from culturewatch.site import Site


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """From ``start`` to before ``end`` (UTC) these people are on call; nobody is a gap."""

    start: datetime
    end: datetime
    people: tuple[str, ...]


class RotaView(msgspec.Struct, frozen=True, kw_only=True):
    """One rota. ``acts`` are the overrides and swaps that are not over and not withdrawn."""

    rota: str
    zone: str
    now: tuple[str, ...]
    periods: tuple[Shown, ...]
    acts: tuple[RotaAct, ...]
    problems: tuple[str, ...]


def rota_views(site: Site, wanted: Iterable[str], *, now: int, until: int) -> tuple[RotaView, ...]:
    """The rotas ``wanted``, from ``now`` to ``until`` (epoch ms).

    Calendars over HTTP are not asked: what counts is the copy that the core has.

    Raises:
        StoreError: the acts cannot be read.
    """
    calendars = feeds(site, now=lambda: now, on_trouble=lambda _: None)
    asyncio.run(calendars.open())
    acts = _acts(site)
    people = frozenset(person.id for person in site.file.person)
    views = []
    for rota in rotas(site):
        if rota.id not in set(wanted):
            continue
        zone = ZoneInfo(rota.zone)
        states = calendars.of(rota.id)
        shifts = declared(rota.shift, zone, now, until)
        shifts += tuple(shift for state in states for shift in state.read.shifts)
        own = tuple(act for act in acts if act.rota == rota.id)
        found = periods(shifts, own, now, until)
        problems = outlook(found, states, people, now=now, zone=zone)
        errors = tuple(f"calendar {s.calendar}: {s.error}" for s in states if s.error)
        errors += tuple(f"calendar {s.calendar}: was not read yet" for s in states if not s.looked)
        views.append(
            RotaView(
                rota=rota.id,
                zone=rota.zone,
                now=found[0].people,
                periods=tuple(
                    Shown(start=_utc(one.start), end=_utc(one.end), people=one.people)
                    for one in found
                ),
                acts=tuple(act for act in in_force(own) if act.end > now),
                problems=tuple(dict.fromkeys((*problems, *errors))),
            )
        )
    return tuple(views)


def print_rota(views: Iterable[RotaView]) -> None:
    """A table a rota, times in its zone."""
    console = Console()
    for view in views:
        zone = ZoneInfo(view.zone)
        table = Table(title=f"{view.rota} ({view.zone})", box=None, title_justify="left")
        for heading in ("from", "to", "on call"):
            table.add_column(heading, no_wrap=heading != "on call")
        for one in view.periods:
            who = ", ".join(one.people) or "NOBODY"
            table.add_row(
                *(f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}" for at in (one.start, one.end)), who
            )
        console.print(table)
        for act in view.acts:
            names = ", ".join(act.people)
            span = " to ".join(
                f"{_utc(at).astimezone(zone):%Y-%m-%d %H:%M}" for at in (act.start, act.end)
            )
            line = f"{act.verb} {act.id}: {names}, {span}, by {act.by}: {act.why}"
            console.print(line, markup=False, soft_wrap=True)
        for problem in view.problems:
            console.print(f"! {problem}", markup=False, soft_wrap=True)


def _acts(site: Site) -> tuple[RotaAct, ...]:
    path = paths.alarms(site.data)
    if not path.exists():
        return ()
    db = open_read_only(path)
    try:
        return acts_of(db)
    finally:
        db.close()


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
