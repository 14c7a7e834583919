"""The words of a message that stands for many pages. Pure."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from alerts.rule import Severity

AT_RISK_SHOWN = 40
"""Lines on batches: somebody reads them at night, on a phone; the console has all."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a summary showed of one alarm; ``row`` is the page's own row of the outbox."""

    row: int
    rule: str
    occurrence: int
    severity: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm of a summary. ``since`` is epoch ms, ``said`` one line: since, device, value."""

    severity: str
    since: int
    said: str
    rule: str
    place: str = ""
    action: str = ""
    within: str = ""
    at_risk: tuple[str, ...] = ()


class Summary:
    """What to tell of ``lines``, of which there is at least one."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = sorted(lines, key=lambda line: (-_rank(line.severity), line.since))

    @property
    def title(self) -> str:
        """How many, how grave, and which is first."""
        counts = Counter(line.severity for line in self._lines)
        how = ", ".join(f"{count} {severity}" for severity, count in counts.items())
        number = len(self._lines)
        return f"{self._lines[0].severity.upper()} {number} ALARM{'S' if number > 1 else ''}: {how}"

    def facts(self) -> list[tuple[str, str]]:
        """Names and texts: what to do first, each alarm in a line, what is at risk."""
        first = self._lines[0]
        begin = f"{first.action or 'look'} ({_where(first)})"
        facts = [("Do first", begin + (f" within {first.within}" if first.within else ""))]
        for severity in dict.fromkeys(line.severity for line in self._lines):
            alike = [line for line in self._lines if line.severity == severity]
            listed = "\n".join(_one(line) for line in alike)
            facts.append((f"{severity} ({len(alike)})", listed))
        at_risk = list(dict.fromkeys(batch for line in self._lines for batch in line.at_risk))
        if len(at_risk) > AT_RISK_SHOWN:
            more = len(at_risk) - AT_RISK_SHOWN
            at_risk = [*at_risk[:AT_RISK_SHOWN], f"and {more} more: see the console"]
        if at_risk:
            facts.append(("At risk", "\n".join(at_risk)))
        return facts


def _one(line: Line) -> str:
    return f"{line.said}; {line.place}" if line.place else line.said


def _where(line: Line) -> str:
    return f"{line.rule}, {line.place}" if line.place else line.rule


def _rank(severity: str) -> int:
    return int(Severity[severity.upper()]) if severity else 0
