"""How many mutants of the alarm engine its tests find: ``make mutation``, or a part of it.

Outcomes are kept in ``.mutation/``; ``--again`` runs only what was not found before, ``--kept``
nothing. Why a mutant may survive stands in ``tools/survivors/``.
"""

import argparse
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import exp, lgamma, log
from pathlib import Path

from tools.mutants import Mutant, mutants_of
from tools.reasons import Explained, ReasonsError, all_reasons, explained, stale
from tools.runs import Run, Runs
from tools.trials import CODE, NO_CODE, ROOT, SURVIVED, TestsFailError, Trials

DOCUMENT = ROOT / "docs" / "mutation.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
REASONS = Path("tools", "survivors")
SCORE = 0.95
"""So many of the mutants are to be found."""

HEAD = (
    "| file | mutants | found | of these out of time | survived | not run | found of those run |",
    "|---|--:|--:|--:|--:|--:|--:|",
)


def main() -> int:
    """Run what the options ask for.

    0 when enough of it is found and every survivor has its reason.
    """
    options = _options()
    everything = [mutant for path in sorted(CODE.glob("*.py")) for mutant in mutants_of(path, ROOT)]
    trials = Trials(workers=options.workers, under_s=options.under, folder=ROOT / ".mutation")
    outcomes = trials.kept()
    asked = _asked(everything, options)
    chosen = [m for m in asked if not options.again or outcomes.get(m.id, SURVIVED) == SURVIVED]
    chosen = [] if options.kept else chosen
    sys.stdout.write(f"{len(chosen)} of {len(everything)} mutants\n")
    runs = Runs(trials.folder)
    try:
        reasons = all_reasons(ROOT / REASONS)
        if chosen:
            began_s = time.monotonic()
            trials.run(chosen, outcomes)
            took_s = round(time.monotonic() - began_s)
            runs.add(Run(_commit(), _command(), took_s, tuple(mutant.id for mutant in chosen)))
    except (TestsFailError, ReasonsError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    for reason in stale(reasons, everything, outcomes):
        gone = ", ".join(reason.mutants)
        sys.stdout.write(f"stale, take out what is found or gone: {reason.why} {gone}\n")
    survivors = [mutant for mutant in asked if outcomes.get(mutant.id) == SURVIVED]
    why = explained(survivors, reasons)
    figures, score = _figures(asked, outcomes, sampled=bool(options.sample))
    figures = f"{_last_run(asked, outcomes, runs)}\n\n{figures}"
    sys.stdout.write(f"{_listed(why, ids=True)}\n\n{figures}\n")
    if options.write:
        _write(f"{figures}\n\n{_listed(why, ids=False)}")
    return 0 if score >= SCORE and not why.without else 1


def _last_run(asked: Sequence[Mutant], outcomes: Mapping[str, int], runs: Runs) -> str:
    """How many mutants there are, and which run their outcomes are of."""
    no_code = sum(outcomes.get(mutant.id) == NO_CODE for mutant in asked)
    told = runs.told(m for m in asked if outcomes.get(m.id, NO_CODE) != NO_CODE)
    return f"{len(asked):,} changes, of which {no_code:,} do not compile. Of the others\n\n{told}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="mutation tests of alerts/engine")
    parser.add_argument("--file", action="append", default=[], help="only this file, as core.py")
    parser.add_argument("--sample", type=int, help="so many by chance, over all files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="mutants at one time")
    parser.add_argument("--again", action="store_true", help="only what was not found before")
    parser.add_argument("--kept", action="store_true", help="run nothing, tell what is known")
    parser.add_argument("--under", type=float, default=60.0, help="leave out slower tests (s)")
    parser.add_argument("--write", action="store_true", help="put it into docs/mutation.md")
    return parser.parse_args()


def _asked(everything: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    asked = list(everything)
    if options.file:
        asked = [mutant for mutant in asked if Path(mutant.path).name in options.file]
    if options.sample:
        draw = random.Random(options.seed)  # noqa: S311 # a draw, no secret
        asked = draw.sample(asked, min(options.sample, len(asked)))
    return sorted(asked, key=lambda mutant: (mutant.path, mutant.place))


def _figures(
    mutants: Sequence[Mutant], outcomes: Mapping[str, int], *, sampled: bool
) -> tuple[str, float]:
    """A table by file, and which share of those that ran was found."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in mutants:
        if outcomes.get(mutant.id) != NO_CODE:
            rows[Path(mutant.path).name][_word(outcomes.get(mutant.id))] += 1
    total = sum(rows.values(), Counter[str]())
    lines = [*HEAD]
    for name, row in [*rows.items(), ("**all**", total)]:
        found, ran = _found(row)
        share = f"{100 * found / ran:.1f} %" if ran else ""
        cells = (name, row.total(), found, row["time"], row["survived"], row["not run"], share)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    found, ran = _found(total)
    if sampled:
        low, high = _interval(found, ran)
        lines += ["", f"As a sample, exact 95 % interval: {100 * low:.1f} to {100 * high:.1f} %."]
    return "\n".join(lines), found / ran if ran else 0.0


def _found(row: Counter[str]) -> tuple[int, int]:
    return row["found"] + row["time"], row.total() - row["not run"]


def _word(outcome: int | None) -> str:
    if outcome is None:
        return "not run"
    if outcome < 0:
        return "time"
    return "survived" if outcome == SURVIVED else "found"


def _interval(found: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson, Biometrika 26 (1934) 404, two-sided 95 %."""

    def at_least(chance: float, count: int) -> float:
        hit, miss = log(chance), log(1 - chance)
        return sum(exp(_ways(of, k) + k * hit + (of - k) * miss) for k in range(count, of + 1))

    def solved(count: int, wanted: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if at_least(middle, count) < wanted else (low, middle)
        return low

    if not of:
        return 0.0, 1.0
    lower = 0.0 if found == 0 else solved(found, 0.025)
    return lower, 1.0 if found == of else solved(found + 1, 0.975)


def _ways(of: int, count: int) -> float:
    """The logarithm of a binomial coefficient."""
    return lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)


def _listed(why: Explained, *, ids: bool) -> str:
    """The survivors under their reasons; those without one at the end."""
    groups = [*why.by_why.items()]
    if why.without:
        groups.append(("Without a reason yet.", why.without))
    told = []
    for reason, mutants in groups:
        lines = [f"{mutant.id} {mutant}" if ids else str(mutant) for mutant in mutants]
        told.append("\n".join((f"{reason} ({len(mutants)})", "", "```text", *lines, "```")))
    return "\n\n".join(told)


def _commit() -> str:
    git = ("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12")
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 # git


def _command() -> str:
    return " ".join(("python -m tools.mutation", *sys.argv[1:]))


def _write(between: str) -> None:
    """Exchange the part of the document that is not written by hand."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{between}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
