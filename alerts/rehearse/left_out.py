"""What the rules of a story may leave out and an engine cannot do without."""

from msgspec.structs import replace

from alerts.rehearse.story import Story
from alerts.rule import Rule


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
