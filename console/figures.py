"""The alarm figures beside what ISA-18.2 and EEMUA 191 ask for, line by line. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from alerts.kpi import Kpi
from devices.duration import Duration


class Line(NamedTuple):
    """One figure: what it is, how it is, what is asked for, and whether that is met."""

    figure: str
    value: str
    asked: str = ""
    met: bool | None = None


def lines(found: Kpi) -> Iterator[Line]:
    """The figures in their order, with the targets of ISA-18.2 / IEC 62682 and EEMUA 191."""
    yield from _rates(found)
    yield from _people(found)
    yield from _bad_actors(found)
    yield from _silence(found)


def _rates(found: Kpi) -> Iterator[Line]:
    rate, flood = found.rate, found.flood
    yield Line("alarms announced", f"{rate.alarms}")
    average = rate.per_10_min
    yield Line("alarms in 10 min, average", f"{average:.2f}", "at most 1", average <= 1)
    yield Line("alarms a day", f"{rate.per_day:.1f}", "at most 150", rate.per_day <= 150)  # noqa: PLR2004 # ISA-18.2
    peak = rate.peak_10_min
    yield Line("alarms in 10 min, peak", f"{peak}", "at most 10", peak <= 10)  # noqa: PLR2004 # ISA-18.2
    yield Line(
        "10 min with more than 10", _percent(rate.over_10), "under 1 %", _below_1(rate.over_10)
    )
    told = f"{_percent(flood.share)} ({flood.floods} floods)"
    yield Line("time in flood", told, "under 1 %", _below_1(flood.share))
    total = sum(found.priority.values())
    for word, times in found.priority.items():
        yield Line(f"priority {word or 'none'}", f"{times} ({_percent(times / total)})")


def _people(found: Kpi) -> Iterator[Line]:
    for one in found.people:
        pages = f"{one.day} by day, {one.night} by night"
        yield Line(f"pages of {one.person}", f"{pages}; {one.per_day:.1f} a day")
        night = f"{one.per_night:.2f}, worst {one.worst_night}"
        yield Line(f"pages of {one.person} a night", night, "at most 1", one.per_night <= 1)
        over = one.nights_over_3
        yield Line(f"nights of {one.person} over 3", _percent(over), "at most 2 %", over <= 0.02)  # noqa: PLR2004 # goal 12
    times = found.acknowledged
    for name, ms in (("median", times.median_ms), ("95 %", times.p95_ms)):
        yield Line(f"acknowledged after, {name}", "-" if ms is None else f"{Duration(ms)}")
    yield Line("closed unacknowledged", f"{times.missed}")
    yield Line("waiting for one now", f"{times.waiting}")


def _bad_actors(found: Kpi) -> Iterator[Line]:
    share = found.top_ten_share
    yield Line("share of the top ten", _percent(share), "at most 5 %", share <= 0.05)  # noqa: PLR2004 # ISA-18.2
    for one in found.top_ten:
        yield Line(f"  {one.rule}", f"{one.times}")
    for name, rules in (("chattering", found.chattering), ("fleeting", found.fleeting)):
        yield Line(name, f"{sum(one.times for one in rules)}", "none", not rules)
        for one in rules:
            yield Line(f"  {one.rule}", f"{one.times}")
    stale = found.stale
    yield Line("stale on the worst day", f"{stale.worst_day}", "under 5", stale.worst_day < 5)  # noqa: PLR2004 # ISA-18.2
    for rule in stale.now:
        yield Line(f"  {rule}", "active for more than a day")


def _silence(found: Kpi) -> Iterator[Line]:
    quiet = found.suppression
    words = {"SH": "shelved", "DS": "suppressed by design", "OOS": "out of service"}
    for kind, word in words.items():
        rules = quiet.now[kind]
        yield Line(f"{word} now", ", ".join(rules) or "none")
        yield Line(f"{word}, times", f"{quiet.acts[kind]}")
    yield Line("would have paged meanwhile", f"{quiet.held}")
    bare = quiet.without_reason
    yield Line("silenced without a reason", f"{bare}", "none", bare == 0)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _below_1(share: float) -> bool:
    return share < 0.01  # noqa: PLR2004 # ISA-18.2
