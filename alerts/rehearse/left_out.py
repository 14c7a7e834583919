"""What a story may leave out and an engine or an outbox cannot do without."""

from collections.abc import Iterable

from msgspec.structs import replace

from alerts.rehearse.story import Story
from alerts.rule import Rule

NO_FLOOD = 10
"""Alarms within ten minutes of which a person can still read each; more are a flood (ISA-18.2)."""
BUNDLE_MS = 30_000
"""As on a site that says nothing of ``site.bundle``."""


def bundle_ms(story: Story, rules: Iterable[Rule]) -> int:
    """How long pages wait for each other: not at all where its ``rules`` can make no flood."""
    if story.bundle is not None:
        return int(story.bundle)
    return BUNDLE_MS if sum(bool(rule.policy) for rule in rules) > NO_FLOOD else 0


def completed(story: Story) -> Story:
    """``story`` with rules that the engine can judge.

    What keeps an alarm quiet is capped as its shelf is. A time to limit is held against the time
    that there is to respond, and one step of the channel's resolution is a refill.
    """
    steps = {channel.id: channel.resolution for channel in story.channel}
    rules = tuple(_completed(rule, steps.get(rule.channel, 0.0)) for rule in story.rule)
    return replace(story, rule=rules)


def _completed(rule: Rule, step: float) -> Rule:
    if rule.suppress_cap is None:
        rule = replace(rule, suppress_cap=rule.shelve_max)
    if rule.kind != "time-to-limit":
        return rule
    within = rule.respond_within if rule.within is None else rule.within
    return replace(rule, within=within, deadband=rule.deadband or step)
