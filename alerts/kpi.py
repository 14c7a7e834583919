"""The figures by which ISA-18.2, IEC 62682 and EEMUA 191 judge an alarm system, of its history.

An alarm counts as announced when it is set and nothing keeps it from people: not shelved, not
suppressed by design, not out of service, and not listed under another that explains it. Rates are
taken over periods of ten minutes counted from the beginning, as ISA-18.2 does. A flood lasts from
the first of them with more than 10 alarms to the next with fewer than 5. An alarm chatters when it
is announced for the third time within a minute, is fleeting when it returns within 10 s, and stale
when it has been active for more than a day (facts and sources: the project's notes on alarms, 1.4).
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from math import ceil
from statistics import median

import msgspec

from alerts.transition import Transition, What

TEN_MINUTES_MS = 600_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000
FLEETING_MS = 10_000
CHATTER = 3
FLOOD_STARTS = 10
"""More than so many alarms in ten minutes begin a flood."""

FLOOD_ENDS = 5
"""Fewer than so many end it."""

NIGHT = (22, 6)
"""The hours, local time, between which people sleep."""

QUIETED = {
    What.SHELVED: "SH",
    What.SUPPRESSED: "DS",
    What.OUT_OF_SERVICE: "OOS",
}
LOUD = {What.UNSHELVED: "SH", What.UNSUPPRESSED: "DS", What.IN_SERVICE: "OOS"}


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Announced alarms: how many, in ten minutes on average and at most, in an hour, in a day.

    ``over_10`` is the share of ten-minute periods with more than 10.
    """

    alarms: int
    per_10_min: float
    per_hour: float
    per_day: float
    peak_10_min: int
    over_10: float


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """How many floods there were, how long in all (ms), and as a share of the period."""

    floods: int
    ms: int
    share: float


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of one person by day and by night, as the engine called them.

    ``nights_over_3`` is the share of nights with more than three.
    """

    person: str
    day: int
    night: int
    per_day: float
    per_night: float
    worst_night: int
    nights_over_3: float


class Often(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and how often."""

    rule: str
    times: int


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms active for more than a day: those now, by when they were set (epoch ms).

    ``worst_day`` is the most there were on one day.
    """

    now: dict[str, int]
    worst_day: int


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """What kept alarms quiet, by kind (SH, DS, OOS): rules now, acts in the period.

    ``held`` counts what would have paged; ``without_reason`` must be none.
    """

    now: dict[str, tuple[str, ...]]
    acts: dict[str, int]
    held: int
    without_reason: int


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """From the first page to the acknowledgement, ms; ``missed`` were closed without one."""

    times: int
    median_ms: int | None
    p95_ms: int | None
    missed: int
    waiting: int


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of [``start``, ``end``), epoch ms."""

    start: int
    end: int
    rate: Rate
    flood: Flood
    people: tuple[OnCall, ...]
    top_ten: tuple[Often, ...]
    top_ten_share: float
    chattering: tuple[Often, ...]
    fleeting: tuple[Often, ...]
    stale: Stale
    priority: dict[str, int]
    suppression: Suppression
    acknowledged: Acknowledged


def kpi(told: Iterable[Transition], *, start: int, end: int, zone: tzinfo) -> Kpi:
    """The figures of [``start``, ``end``), epoch ms, from a history that begins before it.

    Read once, in order; days and nights are those of ``zone``.

    Raises:
        ValueError: the period has no length.
    """
    if end <= start:
        raise ValueError("a period ends after it begins")
    tally = _Tally(start, end, zone)
    for one in told:
        if one.at < end:
            tally.take(one)
    return tally.result()


class _Tally:
    """Counts as the history goes by. ``open`` is when each active alarm was set."""

    def __init__(self, start: int, end: int, zone: tzinfo) -> None:
        self.start, self.end, self.zone = start, end, zone
        self.open: dict[str, int] = {}
        self.announced: dict[str, Transition] = {}
        self.newest: dict[str, deque[int]] = {}
        self.bins: Counter[int] = Counter()
        self.rules: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self.chattering: Counter[str] = Counter()
        self.fleeting: Counter[str] = Counter()
        self.stale: Counter[date] = Counter()
        self.day: Counter[str] = Counter()
        self.nights: dict[str, Counter[date]] = {}
        self.called: dict[str, int] = {}
        self.answers: list[int] = []
        self.missed = 0
        self.quiet: dict[str, dict[str, None]] = {kind: {} for kind in QUIETED.values()}
        self.acts: Counter[str] = Counter()
        self.held = self.without_reason = 0

    def take(self, one: Transition) -> None:
        inside = one.at >= self.start
        match one.what:
            case What.SET:
                self._set(one, inside=inside)
            case What.INHIBITED:
                self._explained(one)
            case What.CLEAR | What.VOID | What.CLOSED | What.REMOVED:
                self._ended(one, inside=inside)
            case What.QUEUED:
                self._paged(one, inside=inside)
            case What.ACK | What.ALL_CLEAR:
                self._answered(one, inside=inside)
            case _:
                self._quietened(one, inside=inside)
        if one.what is What.CLOSED:
            self._answered(one, inside=inside)

    def _set(self, one: Transition, *, inside: bool) -> None:
        self.open[one.rule] = one.at
        if one.held:
            self.held += inside
            return
        newest = self.newest.setdefault(one.rule, deque(maxlen=CHATTER))
        newest.append(one.at)
        self.announced[one.rule] = one
        if not inside:
            return
        self._count(one, 1)
        if len(newest) == CHATTER and newest[-1] - newest[0] <= MINUTE_MS:
            self.chattering[one.rule] += 1

    def _count(self, one: Transition, by: int) -> None:
        self.bins[(one.at - self.start) // TEN_MINUTES_MS] += by
        self.rules[one.rule] += by
        self.severities[one.severity] += by

    def _explained(self, one: Transition) -> None:
        """Set and at once listed under its cause: people see one alarm, the cause."""
        set_ = self.announced.pop(one.rule, None)
        if set_ is not None and set_.at == one.at and set_.at >= self.start:
            self._count(set_, -1)

    def _ended(self, one: Transition, *, inside: bool) -> None:
        began = self.open.pop(one.rule, None)
        was = self.announced.pop(one.rule, None)
        if began is not None:
            self._note_stale(began, one.at)
        brief = was is not None and one.at - was.at < FLEETING_MS
        if inside and brief and one.what is What.CLEAR:
            self.fleeting[one.rule] += 1
        if one.what is What.REMOVED:
            for rules in self.quiet.values():
                rules.pop(one.rule, None)

    def _note_stale(self, began: int, ended: int) -> None:
        first, last = max(began + DAY_MS, self.start), min(ended, self.end) - 1
        if first > last:
            return
        day, until = self._local(first).date(), self._local(last).date()
        while day <= until:
            self.stale[day] += 1
            day += timedelta(days=1)

    def _paged(self, one: Transition, *, inside: bool) -> None:
        self.called.setdefault(one.rule, one.at)
        if not inside:
            return
        night = _night_of(self._local(one.at))
        if night is None:
            self.day[one.to] += 1
        else:
            self.nights.setdefault(one.to, Counter())[night] += 1

    def _answered(self, one: Transition, *, inside: bool) -> None:
        called = self.called.pop(one.rule, None)
        if called is None or not inside:
            return
        if one.what is What.ACK:
            self.answers.append(one.at - called)
        else:
            self.missed += 1

    def _quietened(self, one: Transition, *, inside: bool) -> None:
        kind = QUIETED.get(one.what)
        if kind is not None:
            self.quiet[kind][one.rule] = None
            # On a shelf or under a permit nobody waits for an answer any more.
            self.called.pop(one.rule, None)
            self.acts[kind] += inside
            said = one.detail.get("reason", "") or one.detail.get("cause", "")
            self.without_reason += inside and not said.strip()
        elif one.what in LOUD:
            self.quiet[LOUD[one.what]].pop(one.rule, None)
        elif one.what in {What.SEV_UP, What.RE_ALARM, What.UNACK} and one.held:
            self.held += inside

    def result(self) -> Kpi:
        for began in self.open.values():
            self._note_stale(began, self.end)
        stale = {rule: at for rule, at in self.open.items() if self.end - at > DAY_MS}
        top = _most(self.rules)[:10]
        alarms = self.rules.total()
        return Kpi(
            start=self.start,
            end=self.end,
            rate=self._rate(alarms),
            flood=self._flood(),
            people=tuple(self._people()),
            top_ten=top,
            top_ten_share=_share(sum(one.times for one in top), alarms),
            chattering=_most(self.chattering),
            fleeting=_most(self.fleeting),
            stale=Stale(now=stale, worst_day=max(self.stale.values(), default=0)),
            priority={word: times for word, times in self.severities.most_common() if times},
            suppression=Suppression(
                now={kind: tuple(sorted(rules)) for kind, rules in self.quiet.items()},
                acts={kind: self.acts[kind] for kind in self.quiet},
                held=self.held,
                without_reason=self.without_reason,
            ),
            acknowledged=Acknowledged(
                times=len(self.answers),
                median_ms=round(median(self.answers)) if self.answers else None,
                p95_ms=_percentile(self.answers, 95),
                missed=self.missed,
                waiting=len(self.called),
            ),
        )

    def _rate(self, alarms: int) -> Rate:
        span = self.end - self.start
        over = sum(times > FLOOD_STARTS for times in self.bins.values())
        return Rate(
            alarms=alarms,
            per_10_min=alarms * TEN_MINUTES_MS / span,
            per_hour=alarms * HOUR_MS / span,
            per_day=alarms * DAY_MS / span,
            peak_10_min=max(self.bins.values(), default=0),
            over_10=_share(over, ceil(span / TEN_MINUTES_MS)),
        )

    def _flood(self) -> Flood:
        floods = ms = 0
        begun: int | None = None
        span = self.end - self.start
        last = ceil(span / TEN_MINUTES_MS)
        for place in range(last + 1):
            times = self.bins[place] if place < last else 0
            if begun is None and times > FLOOD_STARTS:
                begun, floods = place, floods + 1
            elif begun is not None and times < FLOOD_ENDS:
                ms += min(place * TEN_MINUTES_MS, span) - begun * TEN_MINUTES_MS
                begun = None
        return Flood(floods=floods, ms=ms, share=ms / span)

    def _people(self) -> Iterator[OnCall]:
        nights = self._nights()
        days = (self.end - self.start) / DAY_MS
        for person in sorted({*self.day, *self.nights}):
            mine = self.nights.get(person, Counter())
            yield OnCall(
                person=person,
                day=self.day[person],
                night=mine.total(),
                per_day=(self.day[person] + mine.total()) / days,
                per_night=_share(mine.total(), nights),
                worst_night=max(mine.values(), default=0),
                nights_over_3=_share(sum(times > 3 for times in mine.values()), nights),  # noqa: PLR2004 # the figure's own
            )

    def _nights(self) -> int:
        """Nights of which some part lies in the period."""
        day, until = self._local(self.start).date(), self._local(self.end - 1).date()
        day, count = day - timedelta(days=1), 0
        while day <= until:
            dusk = datetime.combine(day, time(NIGHT[0]), self.zone).timestamp() * 1000
            dawn = datetime.combine(day + timedelta(days=1), time(NIGHT[1]), self.zone)
            count += dusk < self.end and dawn.timestamp() * 1000 > self.start
            day += timedelta(days=1)
        return count

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self.zone)


def _night_of(when: datetime) -> date | None:
    """The day on whose evening the night began in which ``when`` lies, None by day."""
    if when.hour >= NIGHT[0]:
        return when.date()
    return when.date() - timedelta(days=1) if when.hour < NIGHT[1] else None


def _most(counted: Counter[str]) -> tuple[Often, ...]:
    ranked = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Often(rule=rule, times=times) for rule, times in ranked if times)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percentile(values: list[int], percent: int) -> int | None:
    """By nearest rank: the least value that so many percent of them do not exceed."""
    if not values:
        return None
    return sorted(values)[max(ceil(len(values) * percent / 100) - 1, 0)]
