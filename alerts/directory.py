"""Whom a message can go to next. Pure: a snapshot of people and policies, no clock, no disk."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from alerts.policy import Person, Policy
from alerts.rule import Rule


class Way(NamedTuple):
    """One person on one of their channels."""

    person: str
    channel: str


class Directory:
    """People and policies of a site. ``rule_of`` gives a rule as it runs, or None."""

    def __init__(
        self,
        people: Iterable[Person],
        policies: Iterable[Policy],
        rule_of: Callable[[str], Rule | None],
    ) -> None:
        self._people = {person.id: person for person in people}
        self._policies = {policy.id: policy for policy in policies}
        self.rule_of = rule_of

    def name(self, person: str) -> str:
        """What others call a person."""
        found = self._people.get(person)
        return (found.name if found else "") or person

    def address(self, way: Way) -> str | None:
        """Where the channel reaches the person; None when that is not known."""
        found = self._people.get(way.person)
        return found.addresses.get(way.channel, "") if found else None

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
            for step in policy.steps:
                yield from step.to
            yield from policy.fallback
