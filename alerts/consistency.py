"""What rules and policies must not contradict: themselves, each other, or the channels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from alerts.channel import ChannelSpec
from alerts.policy import Policy
from alerts.rule import Rule, Severity

MIN_FLAPPING = 3
LIMITED = frozenset({"high", "low", "count"})
FAR = 1e15
"""No quantity is measured in numbers further from zero than this."""


class Mistake(NamedTuple):
    """``place`` is the rule's place, None for a policy; ``field`` where in it."""

    place: int | None
    field: str
    text: str


def mistakes(
    rules: Sequence[Rule],
    channels: Mapping[str, ChannelSpec],
    policies: Mapping[str, Policy],
    people: frozenset[str] | None,
    *,
    rationale: bool,
) -> Iterator[Mistake]:
    """Everything that is wrong; without ``people`` the names in policies are not checked."""
    for policy in policies.values():
        for text in policy_mistakes(policy, people):
            yield Mistake(None, "", f"policy {policy.id!r}: {text}")
    yield from _identities(rules)
    for index, rule in enumerate(rules):
        if rule.policy and rule.policy not in policies:
            known = ", ".join(policies) or "none"
            text = f"no policy is called {rule.policy!r}; known: {known}"
            yield Mistake(index, "policy", text)
        spec = channels.get(rule.channel)
        if spec is None:
            yield Mistake(index, "channel", f"there is no channel {rule.channel!r}")
        else:
            for field, text in tuple(_ranges(rule, spec)) or _numbers(rule):
                yield Mistake(index, field, text)
        for field, text in (*_shape(rule), *(_rationale(rule) if rationale else ())):
            yield Mistake(index, field, text)
    yield from _inhibitions(rules)
    yield from _suppressions(rules)


def policy_mistakes(policy: Policy, people: frozenset[str] | None) -> Iterator[str]:
    """What is wrong with one policy; without ``people`` the names in it are not checked."""
    if not policy.steps:
        yield "it has no steps, so it tells nobody"
        return
    if not policy.fallback and any(not step.to for step in policy.steps):
        yield "a step names nobody, and there is no fallback: nobody would be told"
    for earlier, later in pairwise(policy.steps):
        if later.after <= earlier.after:
            yield f"a step after {later.after} stands behind one after {earlier.after}"
    if policy.loop_after is not None and policy.loop_after <= policy.steps[-1].after:
        yield f"loop_after {policy.loop_after} is not after its last step"
    named = [person for step in policy.steps for person in step.to]
    for person in dict.fromkeys((*named, *policy.fallback)):
        if people is not None and person not in people:
            yield f"there is no person {person!r}"


def _identities(rules: Sequence[Rule]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, rule in enumerate(rules):
        if rule.id in first:
            other = rules[first[rule.id]].channel
            text = f"this id stands twice; the other one watches {other}"
            yield Mistake(index, "id", text)
        else:
            first[rule.id] = index


def _numbers(rule: Rule) -> Iterator[tuple[str, str]]:
    numbers = [("limit", rule.limit), ("deadband", rule.deadband)]
    numbers += [("steps", step.limit) for step in rule.steps]
    for field, number in numbers:
        if number is not None and not (isfinite(number) and abs(number) <= FAR):
            yield field, f"{number:g} is no value that anything measures"


def _ranges(rule: Rule, spec: ChannelSpec) -> Iterator[tuple[str, str]]:
    if 0 < rule.on_delay < spec.period_ms and rule.kind == "silence":
        text = f"on_delay {rule.on_delay} is shorter than the channel's period, {spec.period_ms} ms"
        yield "on_delay", text
    if spec.range is None or rule.kind not in LIMITED | {"discrete"}:
        return
    low, high = spec.range
    limits = [("limit", rule.limit), *(("steps", step.limit) for step in rule.steps)]
    for field, limit in limits:
        if limit is not None and not low <= limit <= high:
            yield field, f"limit {limit:g} is outside what {spec.id} measures, {low:g} to {high:g}"
    if rule.limit is None or rule.kind == "discrete":
        return
    clears = rule.limit + rule.deadband if rule.kind == "low" else rule.limit - rule.deadband
    if low <= rule.limit <= high and not low <= clears <= high:
        yield "deadband", f"it clears at {clears:g}, which {spec.id} never reaches"


def _shape(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.id:
        yield "id", "it needs an id"
    if rule.kind in LIMITED and rule.limit is None:
        yield "limit", f"a {rule.kind} rule needs a limit"
    if rule.deadband < 0:
        yield "deadband", f"a deadband is not negative; got {rule.deadband:g}"
    if rule.re_alarm is not None and rule.re_alarm == 0:
        yield "re_alarm", "re_alarm is a time greater than nothing; leave it out for never"
    if rule.good_after < 1:
        yield "good_after", f"good_after is at least 1; got {rule.good_after}"
    if (rule.flapping is None) != (rule.flapping_window is None):
        yield "flapping", "flapping and flapping_window go together"
    if rule.flapping is not None and rule.flapping < MIN_FLAPPING:
        yield "flapping", f"flapping is at least {MIN_FLAPPING} activations; got {rule.flapping}"
    yield from _count(rule)
    yield from _steps(rule)


def _count(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.kind == "count" and rule.count is None:
        yield "kind", "a count rule needs count and window"
    if (rule.count is None) != (rule.window is None):
        yield "count", "count and window go together"
    if rule.count is not None and rule.count < 1:
        yield "count", f"count is at least 1; got {rule.count}"
    if rule.window is not None and rule.window == 0:
        yield "window", "a window of no length counts nothing"


def _steps(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.steps:
        return
    if rule.kind not in LIMITED:
        yield "steps", f"a {rule.kind} rule has no steps"
        return
    if rule.limit is None:
        return
    sign = -1 if rule.kind == "low" else 1
    way = "falling" if sign < 0 else "rising"
    ladder = [(rule.limit, rule.severity), *((s.limit, s.severity) for s in rule.steps)]
    for (limit, severity), (further, worse) in pairwise(ladder):
        if sign * (further - limit) <= 0:
            yield "steps", f"limits of steps go on {way}; {further:g} stands behind {limit:g}"
        if Severity[worse.upper()] <= Severity[severity.upper()]:
            yield "steps", f"severities of steps rise; {worse} stands behind {severity}"


def _rationale(rule: Rule) -> Iterator[tuple[str, str]]:
    texts = {"cause": rule.cause, "consequence": rule.consequence, "action": rule.action}
    missing = [field for field, text in texts.items() if not text.strip()]
    if rule.respond_within is None:
        missing.append("respond_within")
    if missing:
        what = ", ".join(missing)
        yield "", f"it must say {what}; an alarm that nobody can act on is not one"


def _inhibitions(rules: Sequence[Rule]) -> Iterator[Mistake]:
    above = {rule.id: rule.inhibited_by for rule in rules}
    told: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.inhibited_by is None:
            continue
        if rule.inhibited_by not in above:
            text = f"inhibited_by names {rule.inhibited_by!r}, and there is no such rule"
            yield Mistake(index, "inhibited_by", text)
        way = _circle(rule.id, above)
        if way and not told & set(way):
            told |= set(way)
            text = f"rules inhibit each other in a circle: {' → '.join(way)}"
            yield Mistake(index, "inhibited_by", text)


def _suppressions(rules: Sequence[Rule]) -> Iterator[Mistake]:
    by_id = {rule.id: rule for rule in rules}
    for index, rule in enumerate(rules):
        if rule.suppress_by is None:
            continue
        cause = by_id.get(rule.suppress_by)
        if cause is None:
            text = f"suppress_by names {rule.suppress_by!r}, and there is no such rule"
            yield Mistake(index, "suppress_by", text)
        elif cause.id == rule.id:
            yield Mistake(index, "suppress_by", "a rule does not suppress itself")
        elif rule.suppress_cap is None:
            text = "suppress_by goes with suppress_cap: nothing is kept quiet without end"
            yield Mistake(index, "suppress_by", text)
        elif cause.on_delay > rule.suppress_cap:
            text = (
                f"{cause.id} pages only after {cause.on_delay}, when suppress_cap "
                f"{rule.suppress_cap} is over: nobody would have been told why it is quiet"
            )
            yield Mistake(index, "suppress_cap", text)


def _circle(start: str, above: Mapping[str, str | None]) -> list[str]:
    way = [start]
    while (cause := above.get(way[-1])) is not None:
        way.append(cause)
        if cause == start:
            return way
        if cause in way[:-1]:
            return []
    return []
