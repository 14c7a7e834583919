"""Pages a device-year when nothing is wrong: default rules, production engine, years of days.

Doors, lids, fills, defrosts, sterilisation and lost samples as in ``bench.lives``; a sample a
minute; every page at once and answered after ten minutes. Goals: at most 0.1 critical and 1 of any
severity a device-year, as point estimates.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context

import msgspec

from bench.equipment import KINDS
from bench.lives import life
from bench.poisson import interval
from bench.watched import Page, Watched

MOST_YEARS = 1000
DAY_MINUTES = 1440
YEAR_D = 365
CRITICAL_GOAL = 0.1
PAGING_GOAL = 1.0
SEVERITIES = ("critical", "high", "medium", "low")


class Job(msgspec.Struct, frozen=True):
    """One device and for how many days it lives."""

    kind: str
    seed: int
    days: int


class Lived(msgspec.Struct, frozen=True):
    """A job, its pages, and the CPU seconds that it took."""

    job: Job
    pages: tuple[Page, ...]
    cpu_s: float


def lived(job: Job) -> Lived:
    """Live it."""
    began_s = time.process_time()
    watched = Watched(life(job.kind, job.seed))
    pages: list[Page] = []
    for _ in range(job.days * DAY_MINUTES):
        pages += watched.live()
    return Lived(job, tuple(pages), time.process_time() - began_s)


def jobs(years: int, seed: int) -> list[Job]:
    """Device-years, spread evenly over the kinds of equipment."""
    kinds = tuple(KINDS)
    return [Job(kinds[n % len(kinds)], seed * 10_000 + n, YEAR_D) for n in range(years)]


def report(found: list[Lived]) -> Iterator[str]:
    """The table, a line at a time."""
    years = sum(one.job.days for one in found) / YEAR_D
    pages = [page for one in found for page in one.pages]
    yield f"{years:g} device-years, {len(pages)} pages"
    yield f"{'severity':<10} {'pages':>5}  a device-year (95 %)"
    for severity in SEVERITIES:
        yield _line(severity, sum(page.severity == severity for page in pages), years)
    yield _line("all", len(pages), years)
    yield ""
    yield f"{'by rule':<44} pages  device-years of its kind"
    rules = Counter((one.job.kind, page.rule) for one in found for page in one.pages)
    for (kind, rule), count in rules.most_common():
        of_kind = sum(one.job.days for one in found if one.job.kind == kind) / YEAR_D
        yield f"{kind + ': ' + rule:<44} {count:>5}  {of_kind:g}"
    yield ""
    cpu_s = sum(one.cpu_s for one in found)
    yield f"{cpu_s / years:.1f} s of CPU a device-year"
    for kind in KINDS:
        own = [one for one in found if one.job.kind == kind]
        if own:
            each = sum(one.cpu_s for one in own) / sum(one.job.days for one in own) * YEAR_D
            yield f"  {kind:<14} {each:.1f} s"


def rates(found: list[Lived]) -> tuple[float, float]:
    """Critical pages and all pages a device-year."""
    years = sum(one.job.days for one in found) / YEAR_D
    pages = [page for one in found for page in one.pages]
    return sum(page.severity == "critical" for page in pages) / years, len(pages) / years


def _line(name: str, count: int, years: float) -> str:
    least, most = interval(count, years)
    return f"{name:<10} {count:>5}  {count / years:.3f} ({least:.3f} to {most:.3f})"


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not 0 < options.years <= MOST_YEARS:
        parser.error(f"--years is 1 to {MOST_YEARS}")
    with get_context("spawn").Pool(options.processes) as pool:
        found = pool.map(lived, jobs(options.years, options.seed), chunksize=1)
    critical, paging = rates(found)
    if options.json:
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        print("\n".join(report(found)))
        print(
            f"goals: critical {critical:.3f} <= {CRITICAL_GOAL}, all {paging:.3f} <= {PAGING_GOAL}"
        )
    return 0 if critical <= CRITICAL_GOAL and paging <= PAGING_GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
