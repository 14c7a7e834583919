"""What can be wrong with rotas, quiet hours and drills; each mistake says where and what to do."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.policy import ROTA_MARK
from culturewatch.site_file import RotaFeed, RotaTable, SiteFile
from culturewatch.site_mistakes import at, of
from devices.duration import Duration

_LAST_DAY = 28
_MINUTE, _DAY = 60_000, 86_400_000
_SHORTEST_HORIZON, _LONGEST_HORIZON = _DAY, 60 * _DAY


def rota_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in ``[[rota]]``, and where policies name one."""
    people = _people(file)
    for n, rota in enumerate(file.rota):
        for what in _rota(rota, people):
            yield f"{at(path, 'rota', n)} ({rota.id}): {what}"
    known = {rota.id for rota in file.rota}
    named = set()
    for n, policy in enumerate(file.policy):
        for name in dict.fromkeys(name for step in policy.steps for name in step.rotas):
            named.add(name)
            if name not in known:
                yield (
                    f"{at(path, 'policy', n)} ({policy.id}): no [[rota]] is called {name!r}; "
                    f"known: {', '.join(sorted(known)) or 'none'}"
                )
    for n, rota in enumerate(file.rota):
        if rota.id not in named:
            yield (
                f"{at(path, 'rota', n)} ({rota.id}): no policy names it; write "
                f'"{ROTA_MARK}{rota.id}" among the people of a step, or remove it'
            )


def quiet_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in the quiet hours of people."""
    for n, person in enumerate(file.person):
        if person.quiet is not None:
            for what in _zone(person.quiet.zone):
                yield f"{at(path, 'person', n, 'quiet')} ({person.id}): {what}"


def drill_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in ``[drill]``."""
    drill = file.drill
    if drill is None:
        return
    where = of(path, "drill")
    yield from (f"{where}: {what}" for what in _manager(drill.manager, _people(file)))
    if (drill.day is None) != (drill.at is None):
        yield f"{where}: day and at go together"
    if drill.day is not None and not 1 <= drill.day <= _LAST_DAY:
        yield f"{where}: day {drill.day} is not in every month; write one from 1 to {_LAST_DAY}"
    if drill.overdue < _DAY:
        yield f"{where}: overdue {drill.overdue} is too short; write a day or more"
    if not _MINUTE <= drill.within < _DAY:
        yield f"{where}: within {drill.within} is not between a minute and a day"


def _people(file: SiteFile) -> frozenset[str]:
    return frozenset(person.id for person in file.person)


def _rota(rota: RotaTable, people: frozenset[str]) -> Iterator[str]:
    yield from _zone(rota.zone)
    yield from _manager(rota.manager, people)
    if not rota.shift and not rota.feed:
        yield "it has neither a shift nor a feed: nobody is ever on call"
    for person in dict.fromkeys(shift.person for shift in rota.shift):
        if person not in people:
            yield f"there is no person {person!r}"
    for feed in rota.feed:
        yield from _feed(feed)
    if not _SHORTEST_HORIZON <= rota.horizon <= _LONGEST_HORIZON:
        yield f"horizon {rota.horizon} is not between 1 and 60 days"


def _feed(feed: RotaFeed) -> Iterator[str]:
    given = [place for place in (feed.file, feed.url, feed.secret_url) if place]
    if len(given) != 1:
        yield "a feed has one of file, url and secret_url"
    if feed.url and not (
        urlsplit(feed.url).scheme in {"http", "https"} and urlsplit(feed.url).hostname
    ):
        yield "the url of a feed begins with https:// or http://"
    if not _MINUTE <= feed.every <= _DAY:
        yield f"a feed is read every {Duration(_MINUTE)} to {Duration(_DAY)}, not {feed.every}"


def _manager(manager: str, people: frozenset[str]) -> Iterator[str]:
    if manager and manager not in people:
        yield f"its manager {manager!r} is no person of the site"


def _zone(zone: str) -> Iterator[str]:
    if not zone:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"{zone!r} is no zone; write one such as Europe/Vienna"
