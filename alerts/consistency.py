"""What rules and policies must not contradict: themselves, each other, or the channels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from alerts.channel import ChannelSpec
from alerts.policy import ROTA_MARK, Policy
from alerts.rule import Rule, Severity
from devices.duration import Duration

MIN_FLAPPING = 3
FAR = 1e15
"""No quantity is measured in numbers further from zero than this."""

LIMITED = frozenset({"high", "low", "count"})
"""Kinds whose limit is one of the channel's value."""

NEED_LIMIT = LIMITED | {"rate", "time-to-limit", "evaporation", "difference"}
NEED_LIMIT |= {"disagreement", "spike"}
NEED_WINDOW = frozenset({"rate", "time-to-limit", "evaporation", "stuck"})
FEWEST_SAMPLES = 12
"""So many samples make a slope."""

NEED_BAND = frozenset({"time-to-limit", "evaporation"})
"""Kinds in which the deadband tells a refill from noise."""

LEAST_LIMIT = {"evaporation": 1, "spike": 0, "difference": 0, "disagreement": 0}
OTHERS = {"difference": (1, 1), "disagreement": (2, 6), "high": (0, 6), "low": (0, 6)}
"""How many other channels a kind may look at, the fewest and the most."""


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
        for field, text in _named(rule, channels, policies):
            yield Mistake(index, field, text)
        for text in _others(rule, channels):
            yield Mistake(index, "against", text)
        for field, text in (*_shape(rule), *(_rationale(rule) if rationale else ())):
            yield Mistake(index, field, text)
    yield from _inhibitions(rules)
    yield from _suppressions(rules)


def _named(
    rule: Rule, channels: Mapping[str, ChannelSpec], policies: Mapping[str, Policy]
) -> Iterator[tuple[str, str]]:
    """What is wrong with what the rule names."""
    if rule.policy and rule.policy not in policies:
        known = ", ".join(policies) or "none"
        yield "policy", f"no policy is called {rule.policy!r}; known: {known}"
    spec = channels.get(rule.channel)
    if spec is None:
        yield "channel", f"there is no channel {rule.channel!r}"
    else:
        yield from tuple(_ranges(rule, spec)) or _numbers(rule)


def _others(rule: Rule, channels: Mapping[str, ChannelSpec]) -> Iterator[str]:
    own = channels.get(rule.channel)
    for name in rule.against:
        other = channels.get(name)
        if other is None:
            yield f"there is no channel {name!r}"
        elif own is not None and other.quantity != own.quantity:
            yield f"{name} measures {other.quantity}, {own.id} {own.quantity}"
    if len({rule.channel, *rule.against}) <= len(rule.against):
        yield "each channel stands once, and not the rule's own"
    fewest, most = OTHERS.get(rule.kind, (0, 0))
    if not fewest <= len(rule.against) <= most:
        many = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        yield f"{rule.kind} rules look at {many} other channels"


def policy_mistakes(policy: Policy, people: frozenset[str] | None) -> Iterator[str]:
    """What is wrong with one policy; without ``people`` the names in it are not checked."""
    if not policy.steps:
        yield "it has no steps, so it tells nobody"
        return
    if not policy.fallback and any(not step.to for step in policy.steps):
        yield "a step names nobody, and there is no fallback: nobody would be told"
    yield from _gaps(policy)
    for earlier, later in pairwise(policy.steps):
        if later.after <= earlier.after:
            yield f"a step after {later.after} stands behind one after {earlier.after}"
    if policy.loop_after is not None and policy.loop_after <= policy.steps[-1].after:
        yield f"loop_after {policy.loop_after} is not after its last step"
    named = [person for step in policy.steps for person in step.people]
    named += [name for name in policy.fallback if not name.startswith(ROTA_MARK)]
    for person in dict.fromkeys(named):
        if people is not None and person not in people:
            yield f"there is no person {person!r}"


def _gaps(policy: Policy) -> Iterator[str]:
    """Where nobody would be told while a rota has nobody on call."""
    if not policy.fallback and any(step.rotas and not step.people for step in policy.steps):
        yield "a step names a rota alone, and there is no fallback: in a gap nobody would be told"
    if any(name.startswith(ROTA_MARK) for name in policy.fallback):
        yield "a fallback names people: a rota may have a gap"


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
    sloping = rule.kind in NEED_WINDOW and rule.kind != "stuck"
    if sloping and rule.window is not None and rule.window < FEWEST_SAMPLES * spec.period_ms:
        least = Duration(FEWEST_SAMPLES * spec.period_ms)
        yield "window", f"{rule.window} is too short for a slope of {spec.id}; at least {least}"
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
    if rule.kind in NEED_LIMIT and rule.limit is None:
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
    yield from _measure(rule)
    yield from _count(rule)
    yield from _steps(rule)


def _measure(rule: Rule) -> Iterator[tuple[str, str]]:
    """What kinds need that judge something else than the value."""
    if rule.kind in NEED_WINDOW and not rule.window:
        yield "window", f"{rule.kind} rules need the window over which they look"
    if rule.kind in NEED_BAND and rule.deadband == 0:
        yield "deadband", f"{rule.kind} rules need a deadband, to tell a refill from noise"
    least = LEAST_LIMIT.get(rule.kind)
    if least is not None and rule.limit is not None and rule.limit <= least:
        yield "limit", f"the limit of {rule.kind} rules is greater than {least}"
    if rule.kind == "rate" and rule.limit == 0:
        yield "limit", "a rate of 0 is no limit; negative for falling, positive for rising"
    for field, kinds in (("within", ("time-to-limit",)), ("every", ("overdue", "calibration-due"))):
        given = getattr(rule, field)
        if (rule.kind in kinds) != bool(given):
            kind = rule.kind if rule.kind in kinds else kinds[0]
            yield field, f"{field} goes with {kind} rules, as a time greater than nothing"


def _count(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.kind == "count" and rule.count is None:
        yield "kind", "a count rule needs count and window"
    if rule.kind not in NEED_WINDOW and (rule.count is None) != (rule.window is None):
        yield "count", "count and window go together"
    if rule.count is not None and rule.count < 1:
        yield "count", f"count is at least 1; got {rule.count}"
    if rule.window is not None and rule.window == 0:
        yield "window", "a window of no length counts nothing"


def _steps(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.steps:
        return
    if rule.kind not in LIMITED | {"calibration-due"} or rule.against:
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
