"""What alarm rules were in force when, and what became of the clock: as the journal tells.

The limits of a batch without a protocol are those of the rules that ran while it stood there,
not those of today.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from alerts.engine.definition import changed
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError
from alerts.transition import Transition, What
from batches.episode import device_of
from batches.placement import Interval
from batches.survey import limits_of
from storage.entry import ClockStep, Command, Note, Started, Stopped


class RulesSince(msgspec.Struct, frozen=True, kw_only=True):
    """The rules from ``since`` (epoch ms, UTC) on, and why they are others than before.

    ``digest`` names the rulebook that the core ran with, ``software`` its version. ``rules`` are
    None where that rulebook was not kept: then nobody can say what the limits were.
    """

    since: int
    digest: str
    software: str
    why: str
    rules: tuple[Rule, ...] | None

    def on(self, devices: Collection[str]) -> "RulesSince":
        """The same with the rules on ``devices`` alone."""
        if self.rules is None:
            return self
        mine = tuple(rule for rule in self.rules if device_of(rule.channel) in devices)
        return msgspec.structs.replace(self, rules=mine)


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """The core began (``software`` is its version) or ended at ``at``, epoch ms, UTC."""

    at: int
    what: str
    software: str = ""


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, in the order of time. Without ``rules`` those of the setting always held."""

    rules: tuple[RulesSince, ...] = ()
    clock: tuple[ClockStep, ...] = ()
    runs: tuple[Ran, ...] = ()

    def over(self, span: Interval) -> "InForce":
        """What concerns ``span``: the rules that held in it, steps and runs within it."""
        first = self.at(span.start)
        return InForce(
            rules=tuple(
                each for each in self.rules if each is first or span.start < each.since < span.end
            ),
            clock=tuple(s for s in self.clock if span.start <= s.at < span.end),
            runs=tuple(r for r in self.runs if span.start <= r.at < span.end),
        )

    def cuts(self, device: str, keys: Sequence[str], span: Interval) -> list[Interval]:
        """``span`` in pieces, cut where the limits on ``keys`` of ``device`` changed."""
        pieces: list[Interval] = []
        start, before = span.start, self._limits(self.at(span.start), device, keys)
        # By the clock, which may have been set back between two of them.
        for since in sorted({e.since for e in self.rules if span.start < e.since < span.end}):
            limits = self._limits(self.at(since), device, keys)
            if limits != before:
                pieces.append(Interval(start, since))
                start, before = since, limits
        return [*pieces, Interval(start, span.end)]

    def at(self, at: int) -> RulesSince | None:
        """What held at ``at``; the first rules also before they were first run with."""
        found = self.rules[0] if self.rules else None
        for each in self.rules:
            if each.since <= at:
                found = each
        return found

    def _limits(self, each: RulesSince | None, device: str, keys: Sequence[str]) -> object:
        if each is None or each.rules is None:
            return None
        return [limits_of(each.rules, f"{device}.{key}") for key in keys]


def in_force(
    notes: Iterable[Note], history: Iterable[Transition], rulebook_of: Callable[[str], Rulebook]
) -> InForce:
    """What was in force, told by the notes of the journal in the order of their entry.

    Args:
        notes: what stands in the journal beside scans.
        history: the alarm history, which says what edits were taken.
        rulebook_of: the rulebook of a digest; raises ``RuleError`` where it was not kept.
    """
    taken = {each.command for each in history if each.what in {What.EDITED, What.REMOVED}}
    past = _Past(rulebook_of, taken - {""})
    for note in notes:
        past.take(note)
    return InForce(rules=tuple(past.rules), clock=tuple(past.clock), runs=tuple(past.runs))


class _Past:
    """Follows the notes; edits hold until the rulebook gives the rule anew."""

    def __init__(self, rulebook_of: Callable[[str], Rulebook], taken: set[str]) -> None:
        self._rulebook_of = rulebook_of
        self._taken = taken
        self._book: Rulebook | None = None
        self._digest = self._software = ""
        self._edits: dict[str, dict[str, str]] = {}
        self._removed: set[str] = set()
        self.rules: list[RulesSince] = []
        self.clock: list[ClockStep] = []
        self.runs: list[Ran] = []

    def take(self, note: Note) -> None:
        match note:
            case Started():
                what = "the configuration was read anew" if note.reloaded else "the core started"
                self.runs.append(Ran(at=note.at, what=what, software=note.version))
                self._start(note)
            case Stopped():
                self.runs.append(Ran(at=note.at, what=f"the core stopped: {note.reason}"))
            case ClockStep():
                self.clock.append(note)
            case Command() if note.id in self._taken:
                self._edit(note)
            case _:
                pass

    def _start(self, note: Started) -> None:
        if note.configuration == self._digest:
            return
        manner = "the core read them anew" if note.reloaded else "the core started with them"
        before, why = self._book, manner
        try:
            self._book = self._rulebook_of(note.configuration)
        except RuleError as error:
            self._book, why = None, f"the core started with rules that were not kept: {error}"
        self._forget(before)
        self._digest, self._software = note.configuration, note.version
        self._note(note.at, why)

    def _forget(self, before: Rulebook | None) -> None:
        """A rule that the files give anew is what they say: its edits are over."""
        old = {} if before is None else {rule.id: rule for rule in before.rules}
        new = {} if self._book is None else {rule.id: rule for rule in self._book.rules}
        same = {rule for rule in new if old.get(rule) == new[rule]}
        self._edits = {rule: fields for rule, fields in self._edits.items() if rule in same}
        self._removed &= same

    def _edit(self, command: Command) -> None:
        fields = {name: text for name, text in command.arguments.items() if name != "note"}
        if command.verb == "remove":
            self._removed.add(command.target)
        else:
            self._edits[command.target] = {**self._edits.get(command.target, {}), **fields}
        said = command.arguments.get("note", "")
        why = f"{command.target} was {'removed' if command.verb == 'remove' else 'edited'}"
        self._note(command.at, f"{why} by {command.by}" + (f": {said}" if said else ""))

    def _note(self, at: int, why: str) -> None:
        rules = None if self._book is None else tuple(self._ruled(self._book))
        self.rules.append(
            RulesSince(since=at, digest=self._digest, software=self._software, why=why, rules=rules)
        )

    def _ruled(self, book: Rulebook) -> Iterable[Rule]:
        for rule in book.rules:
            if rule.id in self._removed:
                continue
            try:
                yield changed(rule, book, self._edits.get(rule.id, {}))
            except RuleError:
                # The rules around it changed so that the edit no longer fits: the file counts.
                yield rule
