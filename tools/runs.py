"""Which run each kept outcome is of: its command, its commit and how long it took."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tools.mutants import Mutant


class Run(msgspec.Struct, frozen=True):
    """One run of the tests against these mutants (their ids)."""

    commit: str
    command: str
    took_s: int
    mutants: tuple[str, ...]


class Runs:
    """The runs whose outcomes a folder keeps, from the first to the last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "runs.json"
        kept = self._path.read_bytes() if self._path.exists() else b"[]"
        self._runs = msgspec.json.decode(kept, type=list[Run])

    def add(self, run: Run) -> None:
        """Keep it as the last."""
        self._runs.append(run)
        self._path.write_bytes(msgspec.json.encode(self._runs))

    def told(self, mutants: Iterable[Mutant]) -> str:
        """A line for each run that was the last of some of these mutants."""
        last = {one: place for place, run in enumerate(self._runs) for one in run.mutants}
        counts = Counter(last.get(mutant.id, -1) for mutant in mutants)
        lines = [
            f"- {counts[place]:,} last run by `{run.command}` at commit `{run.commit}`"
            f" ({len(run.mutants):,} changes in {run.took_s / 60:.0f} minutes)"
            for place, run in enumerate(self._runs)
            if counts[place]
        ]
        if counts[-1]:
            lines.append(f"- {counts[-1]:,} last run before runs were noted")
        return "\n".join(lines)
