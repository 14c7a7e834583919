"""Shifts out of an iCalendar file: the one door to icalendar and recurring_ical_events."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import icalendar
import recurring_ical_events

from alerts.policy import Person
from alerts.rota.calendar import CalendarError, Read, Unknown
from alerts.rota.resolve import Shift
from alerts.rota.wall import instant

MOST_EVENTS = 2_000
"""A rota has a few shifts a day; more than this within the weeks looked at is no rota."""
_FINE = frozenset({"SECONDLY", "MINUTELY"})
_MIDNIGHT = time(0)
# What hostile or broken files have been seen to raise behind the two libraries.
_BROKEN = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def read_calendar(
    data: bytes, people: Iterable[Person], zone: tzinfo, start: int, end: int
) -> Read:
    """The shifts of a calendar that touch [``start``, ``end``), epoch ms.

    An event is a shift of everybody whom an attendee's e-mail address names; without one, of whom
    its summary names by id (as written), name or e-mail address. Recurrence and its exceptions
    are those of RFC 5545. Cancelled events and declined attendees do not count. Times without a
    zone and whole days are those of ``zone``.

    Raises:
        CalendarError: it is no calendar, or has more events than a rota can have.
    """
    known = tuple(people)
    try:
        calendar = icalendar.Calendar.from_ical(data)
        _refuse_fine_rules(calendar)
        _refuse_backward_events(calendar)
        events = list(_events(calendar, start, end))
        odd = tuple(dict.fromkeys(_strange_zones(calendar)))
        return _read(events, known, zone, odd)
    except _BROKEN as error:
        raise CalendarError(
            f"not a calendar: {str(error)[:200] or type(error).__name__}"
        ) from error


def _refuse_fine_rules(calendar: icalendar.Component) -> None:
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            freq = {str(word).upper() for word in rule.get("FREQ", [])}
            if freq & _FINE or rule.get("BYSECOND") or len(rule.get("BYMINUTE", [])) > 1:
                raise CalendarError("it repeats by the minute or second, which is no rota")


def _refuse_backward_events(calendar: icalendar.Component) -> None:
    """The library would exchange the two ends, and put somebody on call that nobody wrote."""
    for event in calendar.walk("VEVENT"):
        start, end = event.get("DTSTART"), event.get("DTEND")
        if start is not None and end is not None and end.dt < start.dt:
            raise CalendarError(f"{str(event.get('SUMMARY', ''))!r} ends before it begins")


def _events(calendar: icalendar.Component, start: int, end: int) -> Iterator[icalendar.Event]:
    """Each event once, looked up day by day so that there is never more than a day's too many."""
    query = recurring_ical_events.of(calendar)
    seen: set[tuple[str, str, str]] = set()
    at, last = _utc(start), _utc(end)
    while at < last:
        for event in query.between(at, min(at + timedelta(days=1), last)):
            called = event.get("UID") or event.get("SUMMARY", "")
            key = (str(called), str(event.start), str(event.end))
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_EVENTS:
                raise CalendarError(f"more than {MOST_EVENTS} events, which is no rota")
            yield event
        at += timedelta(days=1)


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _read(
    events: Iterable[icalendar.Event],
    people: tuple[Person, ...],
    zone: tzinfo,
    odd: tuple[str, ...],
) -> Read:
    shifts: list[Shift] = []
    unknown: list[Unknown] = []
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        first, last = _instant(event.start, zone), _instant(event.end, zone)
        says = str(event.get("SUMMARY", "")).strip()
        found, strangers = _named(event, says, people)
        shifts += [Shift(first, last, person) for person in found if first < last]
        unknown += [Unknown(start=first, says=stranger) for stranger in strangers]
    return Read(shifts=tuple(sorted(shifts)), unknown=tuple(sorted(unknown)), odd=odd)


def _instant(at: date, zone: tzinfo) -> int:
    if not isinstance(at, datetime):
        return instant(at, _MIDNIGHT, zone)
    if at.tzinfo is None:
        return instant(at.date(), at.time(), zone)
    return round(at.timestamp() * 1000)


def _strange_zones(calendar: icalendar.Component) -> Iterator[str]:
    for event in calendar.walk("VEVENT"):
        start = event.get("DTSTART")
        zone = None if start is None else start.params.get("TZID")
        if zone and isinstance(start.dt, datetime) and start.dt.tzinfo is None:
            yield f"the zone {str(zone)!r} is not known; its times are taken for those of the rota"


def _named(
    event: icalendar.Event, says: str, people: tuple[Person, ...]
) -> tuple[list[str], list[str]]:
    """Who an event puts on call, and what in it names nobody."""
    found: list[str] = []
    strangers: list[str] = []
    for address in _attendees(event):
        person = next((p for p in people if _mail(p) == address.casefold()), None)
        if person is None:
            strangers.append(address)
        else:
            found.append(person.id)
    if found:
        return found, strangers
    found = [person.id for person in people if _names(says, person)]
    if found:
        return found, []
    return [], strangers or [says or "an event without a summary"]


def _attendees(event: icalendar.Event) -> Iterator[str]:
    attendees = event.get("ATTENDEE", [])
    for one in attendees if isinstance(attendees, list) else [attendees]:
        declined = str(one.params.get("PARTSTAT", "")).upper() == "DECLINED"
        thing = str(one.params.get("CUTYPE", "")).upper() in {"ROOM", "RESOURCE"}
        if not declined and not thing:
            yield re.sub("^mailto:", "", str(one), flags=re.IGNORECASE).strip()


def _mail(person: Person) -> str:
    return person.addresses.get("mail", "").strip().casefold()


def _names(says: str, person: Person) -> bool:
    if _stands_in(person.id, says):
        return True
    folded = says.casefold()
    called = (person.name.strip().casefold(), _mail(person))
    return any(_stands_in(name, folded) for name in called if name)


def _stands_in(name: str, text: str) -> bool:
    """Whether ``name`` stands in ``text`` as a word of its own."""
    return re.search(rf"(?<![\w@.-]){re.escape(name)}(?![\w@-]|\.\w)", text) is not None
