"""A rule with changed fields, as an ``edit`` command writes them."""

from collections.abc import Mapping

import msgspec

from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError, edited
from devices import duration
from devices.duration import Duration

FIXED = frozenset({"id", "channel", "kind", "inhibited_by", "suppress_by"})
"""Fields that make a rule another one, or change its place among the others."""

LISTS = frozenset({"steps"})
"""Fields whose text is JSON."""

LONGEST = 500
"""Characters of such a text: more than steps that rise can have, too few to nest too deeply."""


def changed(rule: Rule, rulebook: Rulebook, edits: Mapping[str, str]) -> Rule:
    """``rule`` with ``edits``, checked within the rulebook.

    Raises:
        RuleError: a field is unknown or fixed, its text means nothing, or the rule would
            contradict itself.
    """
    fixed = sorted(FIXED & set(edits))
    if fixed:
        raise RuleError(f"{', '.join(fixed)} cannot be edited; change its file")
    fields: dict[str, object] = {name: getattr(rule, name) for name in rule.__struct_fields__}
    try:
        for name, text in edits.items():
            fields[name] = _value(name, text)
        after = msgspec.convert(fields, Rule, strict=False, dec_hook=_read)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RuleError(f"rule {rule.id!r}: {error}") from error
    edited(rulebook, after)
    return after


def described(before: Rule, after: Rule) -> dict[str, str]:
    """Field → ``old → new`` for every field that differs."""
    differing = {}
    for name in before.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            differing[name] = f"{_shown(old)} → {_shown(new)}"
    return differing


def _value(name: str, text: str) -> object:
    if name in LISTS:
        if len(text) > LONGEST:
            raise ValueError(f"{name} has {len(text)} characters; {LONGEST} are the most")
        return msgspec.json.decode(text)
    return None if text == "" and name != "policy" else text


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(_kind: type, value: object) -> Duration:
    """The only type of a rule's fields that msgspec does not know is the span."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return duration.parse(value)
    raise ValueError("a span of time is needed here; write 0s for none")
