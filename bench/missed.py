"""Failures put into lives of devices: which are paged, how soon, and how long before harm.

An event begins with the physical failure and ends with harm (``Life.harmed``) or after hours that
are at least twice what the rules wait for. It is found by the first page in between. Beside the
default rules stand two base lines: fixed limits on the values with a delay of half an hour, and a
detector that alarms at random, as often as the default rules do.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import get_context
from random import Random
from statistics import median

import msgspec

from bench.lives import Life, Shown, life
from bench.watched import Watched

HOUR = 60
DAY = 24 * HOUR
FIXED_DELAY = 30
FIXED = {
    "incubator": ((0, 36.5, 37.5), (1, 4.5, 5.5)),
    "ln2-freezer": ((0, 483.0, 610.0), (1, -300.0, -150.0)),
    "freezer-80": ((0, -92.0, -70.0),),
    "refrigerator": ((0, 2.0, 8.0),),
    "room-oxygen": ((0, 19.5, 23.5),),
}
"""Place of a channel, and the limits between which it is well."""


class Injection(msgspec.Struct, frozen=True):
    """What fails, and for how long it is followed.

    It fails ``after`` so many minutes of normal life, and at any of the ``within`` that follow.
    A life that is followed for no time goes on as if nothing ever failed.
    """

    kind: str
    what: str
    hours: int
    seed: int = 1
    after: int = 3 * DAY
    within: int = DAY


FAILURES = (
    Injection("incubator", "heater failure", 6),
    Injection("incubator", "CO2 empty", 24),
    Injection("incubator", "door left open", 2),
    Injection("incubator", "probe failure", 2),
    Injection("incubator", "power loss", 2),
    Injection("ln2-freezer", "supply failure", 240),
    Injection("ln2-freezer", "slow vacuum loss", 96),
    Injection("ln2-freezer", "fast vacuum loss", 48),
    Injection("ln2-freezer", "vacuum loss on supply", 48),
    Injection("ln2-freezer", "lid left open", 4),
    Injection("ln2-freezer", "probe failure", 4),
    Injection("ln2-freezer", "power loss", 4),
    Injection("freezer-80", "compressor failure", 8),
    Injection("freezer-80", "door left open", 4),
    Injection("freezer-80", "probe failure", 2),
    Injection("freezer-80", "power loss", 4),
    Injection("refrigerator", "compressor failure", 12),
    Injection("refrigerator", "door left open", 4),
    Injection("refrigerator", "probe failure", 2),
    Injection("refrigerator", "power loss", 4),
    Injection("room-oxygen", "oxygen leak", 2),
    Injection("room-oxygen", "probe failure", 2),
    Injection("room-oxygen", "power loss", 2),
)


CALM = tuple(
    Injection(kind, "nothing", 0, after=20 * DAY)
    for kind in dict.fromkeys(f.kind for f in FAILURES)
)
"""Lives in which nothing fails, so that chance has room to be wrong in."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Times in minutes of the life. ``pages`` and ``fixed`` are when which detector alarmed.

    From the failure on, the first page of each rule counts.
    """

    injection: Injection
    onset: int
    end: int
    harm: int | None
    rule: str
    pages: tuple[int, ...]
    fixed: tuple[int, ...]

    @property
    def is_event(self) -> bool:
        """Whether something failed."""
        return self.end > self.onset

    @property
    def delay(self) -> int | None:
        """Minutes from the failure to its first page, None if it was missed."""
        return _delay(self, self.pages)

    @property
    def lead(self) -> int | None:
        """Minutes from the first page to harm, None where there was none of either."""
        if self.harm is None or self.delay is None:
            return None
        return self.harm - self.onset - self.delay


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How well one detector did. ``f1`` weighs events found against alarms that found none."""

    name: str
    events: int
    found: int
    alarms: int
    beside: int
    device_years: float
    delays: tuple[int, ...]

    @property
    def f1(self) -> float:
        """Harmonic mean of the share of events found and the share of alarms within one."""
        if not self.found:
            return 0.0
        recall, precision = self.found / self.events, 1 - self.beside / self.alarms
        return 2 * recall * precision / (recall + precision)


class Fixed:
    """Limits on values and half an hour, nothing else."""

    def __init__(self, kind: str) -> None:
        self._limits = FIXED[kind]
        self._since: list[int | None] = [None] * len(self._limits)

    def alarms(self, minute: int, shown: Shown | None) -> bool:
        """Whether an alarm begins with this sample."""
        if shown is None:
            return False
        begins = False
        for n, (place, low, high) in enumerate(self._limits):
            value, since = shown[0][place], self._since[n]
            if value is None or low < value < high:
                self._since[n] = None
            elif since is None:
                self._since[n] = minute
            elif minute - since == FIXED_DELAY:
                begins = True
        return begins


def lived(injection: Injection) -> Outcome:
    """Live through it."""
    one = life(injection.kind, injection.seed)
    onset = injection.after + Random(f"{injection}").randrange(injection.within)
    last = onset + injection.hours * HOUR
    watched, fixed = Watched(one), Fixed(injection.kind)
    seen = _Ear(one)
    pages: list[int] = []
    limits: list[int] = []
    told: list[str] = []
    harm, minute = None, 0
    while minute < last and harm is None:
        if minute == onset:
            one.break_(injection.what)
        minute += 1
        for page in watched.live():
            if minute <= onset or page.rule not in told:
                pages.append(minute)
            told += [page.rule] if minute > onset else []
        if fixed.alarms(minute, seen.shown):
            limits.append(minute)
        if minute > onset and one.harmed() and not one.held_open:
            harm = minute
    return Outcome(
        injection=injection,
        onset=onset,
        end=minute,
        harm=harm,
        rule=told[0] if told else "",
        pages=tuple(pages),
        fixed=tuple(limits),
    )


class _Ear:
    """Hears what a life shows, beside whoever else does."""

    def __init__(self, one: Life) -> None:
        self.shown: Shown | None = None
        live = one.live

        def heard() -> Shown | None:
            self.shown = live()
            return self.shown

        one.live = heard  # type: ignore[method-assign] # a life is lived once, heard by two


def scores(outcomes: Sequence[Outcome], seed: int = 1) -> tuple[Score, Score, Score]:
    """The default rules, fixed limits, and chance with as many alarms as the rules have."""
    years = sum(one.end for one in outcomes) / (365 * DAY)
    rules = [one.pages for one in outcomes]
    fixed = [one.fixed for one in outcomes]
    random = _at_random(outcomes, sum(map(len, rules)), Random(seed))
    named = (("default rules", rules), ("fixed limits", fixed), ("random", random))
    first, second, third = (_score(name, outcomes, each, years) for name, each in named)
    return first, second, third


def _at_random(outcomes: Sequence[Outcome], count: int, random: Random) -> list[tuple[int, ...]]:
    """``count`` alarms, each at any minute of all lives alike."""
    minutes: list[list[int]] = [[] for _ in outcomes]
    ends = [one.end for one in outcomes]
    for place in random.choices(range(len(outcomes)), weights=ends, k=count):
        minutes[place].append(random.randrange(1, ends[place] + 1))
    return [tuple(sorted(each)) for each in minutes]


def _score(
    name: str, outcomes: Sequence[Outcome], alarms: Sequence[tuple[int, ...]], years: float
) -> Score:
    pairs = list(zip(outcomes, alarms, strict=True))
    delays = [delay for one, each in pairs if (delay := _delay(one, each)) is not None]
    beside = sum(not one.onset < minute <= one.end for one, each in pairs for minute in each)
    return Score(
        name=name,
        events=sum(one.is_event for one in outcomes),
        found=len(delays),
        alarms=sum(map(len, alarms)),
        beside=beside,
        device_years=years,
        delays=tuple(sorted(delays)),
    )


def _delay(one: Outcome, alarms: Iterable[int]) -> int | None:
    within = (minute - one.onset for minute in alarms if one.onset < minute <= one.end)
    return min(within, default=None)


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The tables, a line at a time."""
    yield f"{'failure':<36} found   delay min (median, max)  least lead to harm  first page"
    for failure in FAILURES:
        own = [
            one
            for one in outcomes
            if (one.injection.kind, one.injection.what) == (failure.kind, failure.what)
        ]
        if not own:
            continue
        delays = [one.delay for one in own if one.delay is not None]
        leads = [one.lead for one in own if one.lead is not None]
        spread = f"{median(delays):6.0f} {max(delays):6d}" if delays else "     -      -"
        lead = f"{min(leads) / HOUR:8.1f} h" if leads else "         -"
        rules = ", ".join(sorted({one.rule for one in own if one.rule}))
        name = f"{failure.kind}: {failure.what}"
        yield f"{name:<36} {len(delays)}/{len(own)}   {spread}            {lead}          {rules}"
    yield ""
    yield f"{'detector':<14} {'found':>9}  delay median, p95, max   beside/device-year     F1"
    for score in scores(outcomes):
        found = f"{score.found}/{score.events}"
        mid, late, most = _spread(score.delays)
        beside = score.beside / score.device_years
        times = f"{mid:7.0f} {late:6.0f} {most:6.0f}"
        yield f"{score.name:<14} {found:>9}  {times}    {beside:14.1f}        {score.f1:.3f}"


def _spread(delays: tuple[int, ...]) -> tuple[float, float, float]:
    if not delays:
        return 0.0, 0.0, 0.0
    return median(delays), delays[round(0.95 * (len(delays) - 1))], delays[-1]


def main() -> int:
    """Print the tables; 1 when a failure was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seeds = range(1, options.seeds + 1)
    lives = (*FAILURES, *CALM)
    injections = [msgspec.structs.replace(one, seed=seed) for one in lives for seed in seeds]
    with get_context("spawn").Pool(options.processes) as pool:
        outcomes = pool.map(lived, injections, chunksize=1)
    if options.json:
        print(json.dumps(msgspec.to_builtins(outcomes)))
    else:
        print("\n".join(report(outcomes)))
    return 1 if any(one.is_event and one.delay is None for one in outcomes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
