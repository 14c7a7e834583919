"""Stored readings under rules that never ran: which alarms they would have given."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.rule import Rule, Severity
from alerts.rulebook import Rulebook
from alerts.transition import Transition, What
from devices.duration import Duration
from devices.scan import Scan
from storage.entry import ClockStep, Command, Entry, Started, Tick

OF_THE_PLANT = frozenset({"done", "due", "rota", "suppress", "out_of_service", "in_service"})
"""Commands that tell of the plant and of who is there, whatever the rules are."""

DAY_MS = 24 * 3_600_000
LEARNT = 29
"""Windows after which a rule with a base line of its own has learnt it."""

MODEL = "whoever is paged"


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm from its SET to its return. Times are epoch milliseconds, UTC.

    ``since`` is when its condition began, ``start`` when it was announced, ``end`` when it
    returned, None while it has not. ``severity`` is its worst; ``pages`` counts one a person.
    """

    rule: str
    channel: str
    since: int
    start: int
    end: int | None = None
    severity: str = ""
    pages: int = 0

    def overlaps(self, other: "Activation") -> bool:
        """Whether there was an instant in both, from where their conditions began."""
        ends, others = self.end, other.end
        return (others is None or self.since <= others) and (ends is None or other.since <= ends)


class Trial:
    """An engine that is given what the journal says of the plant, and nothing of its own alarms.

    Readings, starts, stops and steps of the clock are taken as they stand. Ticks are not: these
    rules have timers of their own, which are met in time as long as a core ran, and at its next
    start where none did. Of the commands those are taken that tell of the plant (``done``, ``due``,
    ``rota``, ``suppress``, ``out_of_service``, ``in_service``). What people did to single alarms
    (``ack``, ``unack``, ``reset``, ``shelve``, ``unshelve``) and to rules (``edit``, ``remove``)
    is not: other rules have other alarms. In its place whoever is paged acknowledges at once, and
    what is latched is reset as soon as it is gone. So the pages counted are first calls and calls
    for what got worse or did not get better, not escalation, which depends on people.
    """

    def __init__(self, book: Rulebook) -> None:
        self._engine = Engine(book)
        self._latching = {rule.id for rule in book.rules if rule.latching}
        self._seq = 0
        self._open: dict[str, Activation] = {}

    def take(self, entry: Entry) -> Iterator[Activation]:
        """Take one entry of the journal; each alarm that began, changed, ended or was void.

        An alarm is told anew with each change of it, and is the one of its rule that began last.
        A void one, which later samples disprove, is told with its end before its beginning.
        """
        if isinstance(entry, Tick):
            return
        if not isinstance(entry, Started):
            yield from self.wait(_before(entry))
        if isinstance(entry, Command) and entry.verb not in OF_THE_PLANT:
            return
        yield from self._follow(entry)

    def wait(self, until: int) -> Iterator[Activation]:
        """Let time go on to ``until`` (epoch ms), without readings."""
        while (due := self._engine.next_due()) is not None and due < until:
            yield from self._follow(Tick(due))

    def _follow(self, entry: Entry) -> Iterator[Activation]:
        told = list(self._advance(entry))
        for one in told:
            found = self._note(one)
            if found is not None:
                yield found
            # What an order brings about stands behind what it follows from.
            if one.what in {What.SET, What.QUEUED}:
                told += self._order("ack", one)
            elif one.what is What.CLEAR and one.rule in self._latching:
                told += self._order("reset", one)

    def _advance(self, entry: Entry) -> tuple[Transition, ...]:
        self._seq += 1
        return self._engine.advance(self._seq, entry)

    def _order(self, verb: str, about: Transition) -> tuple[Transition, ...]:
        name = f"{verb}-{self._seq}"
        return self._advance(
            Command(id=name, at=about.at, by=MODEL, verb=verb, target=about.rule, via="trial")
        )

    def _note(self, one: Transition) -> Activation | None:
        if one.what is What.SET:
            self._open[one.rule] = Activation(
                rule=one.rule,
                channel=one.channel,
                since=one.at if one.since is None else one.since,
                start=one.at,
                severity=one.severity,
            )
            return self._open[one.rule]
        open_ = self._open.get(one.rule)
        if open_ is None:
            return None
        if one.what in {What.CLEAR, What.VOID}:
            del self._open[one.rule]
            return replace(open_, end=one.at if one.what is What.CLEAR else open_.since - 1)
        changed = open_
        if one.what is What.QUEUED:
            changed = replace(open_, pages=open_.pages + 1)
        elif one.what is What.SEV_UP:
            changed = replace(open_, severity=_worse(open_.severity, one.severity))
        if changed is open_:
            return None
        self._open[one.rule] = changed
        return changed


def warm_up(book: Rulebook) -> int:
    """How long before a period its readings are to be taken, in ms, so that nothing starts anew.

    At least a day: then delays run, windows are full and base lines are learnt.
    """
    return max((_memory(rule) for rule in book.rules), default=0) + DAY_MS


def _memory(rule: Rule) -> int:
    window = int(rule.window or 0) * (LEARNT if rule.kind == "evaporation" else 1)
    spans = (
        rule.on_delay,
        rule.off_delay,
        rule.suppress_cap,
        rule.suppress_after,
        rule.flapping_window,
        rule.repeat_gap,
    )
    return window + sum(int(span or Duration(0)) for span in spans)


def _before(entry: Entry) -> int:
    """By the clock as it went until then, when an entry came."""
    if isinstance(entry, Scan):
        return entry.received
    return entry.at - entry.step if isinstance(entry, ClockStep) else entry.at


def _worse(one: str, other: str) -> str:
    return max(one, other, key=lambda word: Severity[word.upper()] if word else 0)
