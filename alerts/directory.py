"""Whom a message can go to next. Pure: a snapshot of people and policies, no clock, no disk."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.policy import Person, Policy
from alerts.rota.wall import quiet_until
from alerts.rule import Rule, Severity


class Way(NamedTuple):
    """One person on one of their channels."""

    person: str
    channel: str


class Directory:
    """People and policies of a site. ``rule_of`` gives a rule as it runs, or None.

    ``on_call`` gives the people of a step as the rota has them now; quiet hours without a zone
    of their own are those of ``zone``.
    """

    def __init__(
        self,
        people: Iterable[Person],
        policies: Iterable[Policy],
        rule_of: Callable[[str], Rule | None],
        *,
        on_call: Callable[[Policy, int], tuple[str, ...]] = lambda policy, n: (
            policy.steps[n].people
        ),
        zone: tzinfo = UTC,
    ) -> None:
        self._people = {person.id: person for person in people}
        self._policies = {policy.id: policy for policy in policies}
        self._on_call = on_call
        self._zone = zone
        self.rule_of = rule_of

    def name(self, person: str) -> str:
        """What others call a person."""
        found = self._people.get(person)
        return (found.name if found else "") or person

    def address(self, way: Way) -> str | None:
        """Where the channel reaches the person; None when that is not known."""
        found = self._people.get(way.person)
        return found.addresses.get(way.channel, "") if found else None

    def everybody(self) -> tuple[str, ...]:
        """All whom a policy names now, those on call among them, each once."""
        named = (person for policy in self._policies.values() for person in self._named_in(policy))
        return tuple(dict.fromkeys(named))

    def quiet_until(self, person: str, severity: str, now: int) -> int | None:
        """When a message of this severity may reach the person; None when it may now.

        ``now`` and the answer are epoch ms.
        """
        found = self._people.get(person)
        quiet = found.quiet if found else None
        if quiet is None or not severity or not _is_below(severity, quiet.below):
            return None
        return quiet_until(quiet, now, ZoneInfo(quiet.zone) if quiet.zone else self._zone)

    def first(self, person: str) -> Way:
        """Where a message to a person goes first; without a channel it fails, and is followed."""
        return next(self._own(person), Way(person, ""))

    def next_channel(self, person: str, tried: Collection[Way]) -> Way | None:
        """The person's next channel that was not tried."""
        return next((way for way in self._own(person) if way not in tried), None)

    def next_way(self, rule: str, person: str, tried: Collection[Way]) -> Way | None:
        """The person's next channel, else the first of somebody else the policy names.

        Others come in the order of the steps, then of the fallback.
        """
        own = self.next_channel(person, tried)
        if own is not None:
            return own
        people = {way.person for way in tried} | {person}
        others = (other for other in self._named_by(rule) if other not in people)
        return next((way for other in others if (way := next(self._own(other), None))), None)

    def _own(self, person: str) -> Iterator[Way]:
        found = self._people.get(person)
        return (Way(person, channel) for channel in (found.channels if found else ()))

    def _named_by(self, rule: str) -> Iterator[str]:
        found = self.rule_of(rule)
        policy = self._policies.get(found.policy) if found else None
        if policy is not None:
            yield from self._named_in(policy)

    def _named_in(self, policy: Policy) -> Iterator[str]:
        for number in range(len(policy.steps)):
            yield from self._on_call(policy, number)
        yield from policy.fallback


def _is_below(severity: str, bound: str) -> bool:
    return Severity[severity.upper()] < Severity[bound.upper()]
