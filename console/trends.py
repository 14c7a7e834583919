"""The last half hour of every channel, for the trend lines of cards: followed as it is written."""

from collections.abc import Mapping
from pathlib import Path

from devices.scan import Scan
from storage.journal import JournalError
from storage.reader import JournalReader

WIDTH_MS = 20_000
COUNT = 90
"""Buckets of a trend line: 90 of 20 s."""
LOOK_BACK = 40_000
AT_ONCE = 20_000
"""Entries that are read at a look at most; the next one goes on."""
_PAGE = 2_000
Line = tuple[float | None, ...]


class Trend:
    """Means of one channel, a bucket each ``WIDTH_MS``; pure."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[float, int]] = {}

    def add(self, at: int, value: float) -> None:
        """A value at ``at`` (epoch ms)."""
        place = at // WIDTH_MS
        total, count = self._sums.get(place, (0.0, 0))
        self._sums[place] = (total + value, count + 1)
        if len(self._sums) > 2 * COUNT:
            newest = max(self._sums)
            self._sums = {n: each for n, each in self._sums.items() if n > newest - COUNT}

    def line(self, now: int) -> Line:
        """The means up to ``now``, oldest first; None where there was no value."""
        last = now // WIDTH_MS
        sums = (self._sums.get(last - COUNT + 1 + n) for n in range(COUNT))
        return tuple(None if each is None else each[0] / each[1] for each in sums)


class Trends:
    """Follows the journal in a folder of data, read-only. Not for several threads."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._journal: JournalReader | None = None
        self._after = 0
        self._trends: dict[str, Trend] = {}
        self._newest = 0

    def look(self) -> Mapping[str, Line]:
        """The lines by channel; the last ones where the journal cannot be read."""
        try:
            self._follow()
        except JournalError:
            # ``Viewer`` reads the same file and says what is wrong with it.
            self.close()
        return {channel: trend.line(self._newest) for channel, trend in self._trends.items()}

    def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            self._journal.close()
        self._journal = None

    def _follow(self) -> None:
        journal = self._journal or JournalReader(self._data)
        self._journal = journal
        last = journal.last
        if last < self._after:
            # Another journal took its place.
            self._after, self._newest, self._trends = 0, 0, {}
        self._after = max(self._after, last - LOOK_BACK)
        end = min(last, self._after + AT_ONCE)
        while self._after < end and (entries := journal.entries(self._after, _PAGE)):
            for number, entry in entries:
                self._after = number
                if isinstance(entry, Scan):
                    self._add(entry)

    def _add(self, scan: Scan) -> None:
        self._newest = max(self._newest, scan.received)
        for channel, value in zip(scan.layout.channels, scan.values, strict=True):
            if value is not None:
                self._trends.setdefault(channel, Trend()).add(scan.at, value)


def path(line: Line, *, width: float, height: float) -> str:
    """``line`` as the ``d`` of an SVG path in a box; broken where there was no value."""
    known = [value for value in line if value is not None]
    if len(known) < 2:  # noqa: PLR2004 # one point is no line
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = width / (len(line) - 1)
    parts, pen = [], "M"
    for n, value in enumerate(line):
        if value is None:
            pen = "M"
            continue
        share = (value - low) / span if high > low else 0.5
        parts.append(f"{pen}{n * step:.1f} {height * (1 - share):.1f}")
        pen = "L"
    return "".join(parts)
