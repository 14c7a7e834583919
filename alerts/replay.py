"""The journal again, each entry under the rules that ran then: what the history has to be."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain

import msgspec

from alerts.engine.engine import Engine
from alerts.engine.memory import rulebook_of as rulebook_in
from alerts.engine.parts import RULEBOOK
from alerts.engine.view import AlarmView
from alerts.history import spelling
from alerts.policy import Policy
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.transition import Transition
from storage.entry import Entry, Started

RulebookOf = Callable[[str], Rulebook]
"""The rulebook that ran under a digest; raises ``RuleError`` where it was not kept."""

Row = tuple[int, int, str]
"""Of the history: number, sequence number of the entry behind it, spelling."""


def digest_in(parts: Mapping[str, bytes], first: Rulebook) -> str:
    """The digest of the rulebook among stored ``parts``; that of ``first`` where there is none."""
    stored = parts.get(RULEBOOK)
    return first.digest if stored is None else sha256(stored).hexdigest()


class Replay:
    """An engine that changes its rulebook where the journal says that a run with another began.

    It gives what the cores gave that wrote the journal, however often they were killed, and
    whatever they had not committed then: a core judges what its predecessor left in the same way.
    Each ``Started`` entry names the digest of the rulebook from it on. What stands before the
    first one is judged by ``first``, without it by nothing.
    """

    def __init__(
        self,
        rulebook_of: RulebookOf,
        parts: Mapping[str, bytes] | None = None,
        *,
        first: Rulebook | None = None,
    ) -> None:
        """Start fresh, or where ``parts``, as stored, left off.

        Raises:
            alerts.engine.parts.StateError: a part cannot be read.
            RuleError: the rulebook among them cannot be read.
        """
        self._rulebook_of = rulebook_of
        self._stored = dict(parts or {})
        self._changed: dict[str, bytes | None] = {}
        self._engine: Engine | None = None
        self.digest = ""
        book = rulebook_in(self._stored) or first
        if book is not None:
            self._engine = Engine(book, self._stored)
            self.digest = digest_in(self._stored, book)

    def advance(self, seq: int, entry: Entry) -> tuple[Transition, ...]:
        """Take the journal's entry ``seq``; what happened because of it, in order.

        Raises:
            RuleError: a run began with rules that were not kept.
        """
        if isinstance(entry, Started) and entry.configuration != self.digest:
            self._begin(entry.configuration)
        return () if self._engine is None else self._engine.advance(seq, entry)

    def next_due(self) -> int | None:
        """When the next timer is due, epoch ms."""
        return None if self._engine is None else self._engine.next_due()

    def changed(self) -> dict[str, bytes | None]:
        """Parts of the state that changed since the last call, as of ``Engine``."""
        self._collect()
        changed, self._changed = self._changed, {}
        return dict(sorted(changed.items()))

    def dump(self) -> dict[str, bytes]:
        """The whole state."""
        return {} if self._engine is None else self._engine.dump()

    def on_call(self, policy: Policy, step: int) -> tuple[str, ...]:
        """The people of a step, as the rota has them now."""
        if self._engine is None:
            return policy.steps[step].to
        return self._engine.on_call(policy, step)

    def rule(self, rule_id: str) -> Rule:
        """The rule as it runs now, edits included.

        Raises:
            KeyError: there is none.
        """
        if self._engine is None:
            raise KeyError(rule_id)
        return self._engine.rule(rule_id)

    def view(self, rule_id: str) -> AlarmView:
        """Where one alarm stands.

        Raises:
            KeyError: there is none.
        """
        if self._engine is None:
            raise KeyError(rule_id)
        return self._engine.view(rule_id)

    def views(self) -> tuple[AlarmView, ...]:
        """Where all alarms stand."""
        return () if self._engine is None else self._engine.views()

    def _begin(self, digest: str) -> None:
        book = self._rulebook_of(digest)
        # What a core stores is what it finds; a dump also has what was never touched.
        self._collect()
        self._engine = Engine(book, self._stored)
        self.digest = digest

    def _collect(self) -> None:
        if self._engine is None:
            return
        parts = self._engine.changed()
        self._changed |= parts
        for key, part in parts.items():
            if part is None:
                self._stored.pop(key, None)
            else:
                self._stored[key] = part


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first row at which the history is not what the journal gives.

    ``kept`` is what the history says, ``replayed`` what the journal gives; empty for nothing.
    """

    row: int
    seq: int
    kept: str
    replayed: str

    def __str__(self) -> str:
        kept = self.kept or "nothing"
        given = self.replayed or "nothing"
        return (
            f"row {self.row} is not what entry {self.seq} of the journal gives: the history says "
            f"{kept}, replayed it is {given}"
        )


def difference(
    entries: Iterable[tuple[int, Entry]], rows: Iterable[Row], rulebook_of: RulebookOf
) -> Difference | None:
    """Where the history ``rows`` first differs from what ``entries`` give, or nothing.

    ``entries`` are those of the journal from its first up to the one that the history has come
    to, in order. Both are read once, side by side; neither is held.

    Raises:
        RuleError: a run began with rules that were not kept.
    """
    kept = iter(rows)
    for number, (seq, body) in enumerate(_replayed(entries, rulebook_of), start=1):
        row = next(kept, None)
        if row is None:
            return Difference(row=number, seq=seq, kept="", replayed=body)
        if row[1:] != (seq, body):
            return Difference(row=row[0], seq=min(row[1], seq), kept=row[2], replayed=body)
    row = next(kept, None)
    if row is not None:
        return Difference(row=row[0], seq=row[1], kept=row[2], replayed="")
    return None


def _replayed(
    entries: Iterable[tuple[int, Entry]], rulebook_of: RulebookOf
) -> Iterator[tuple[int, str]]:
    coming = iter(entries)
    early: list[tuple[int, Entry]] = []
    for logged in coming:
        early.append(logged)
        if isinstance(logged[1], Started):
            break
    else:
        return
    # What a journal held before any core ran was judged by the first one.
    replay = Replay(rulebook_of, first=rulebook_of(logged[1].configuration))
    for seq, entry in chain(early, coming):
        for transition in replay.advance(seq, entry):
            yield seq, spelling(seq, transition)
