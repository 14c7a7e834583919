"""All rules of a site, expanded and checked: what the engine runs with."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.consistency import Mistake, mistakes
from alerts.policy import Person, Policy
from alerts.rule import Rule
from devices import document, duration
from devices.duration import Duration

PATTERN = frozenset("*?[")


class RuleError(Exception):
    """Rules cannot be used; the text has one line for each mistake."""


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``rules.d`` file: an array of ``[[rule]]``."""

    rule: tuple[Rule, ...] = ()


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in the order of their files, each for exactly one channel, with whom they page."""

    rules: tuple[Rule, ...]
    policies: tuple[Policy, ...] = ()
    channels: tuple[ChannelSpec, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over all of it, in hexadecimal: what a ``Started`` entry names."""
        return sha256(encode(self)).hexdigest()


class Placed(msgspec.Struct, frozen=True):
    """A rule and where it was written, for messages."""

    rule: Rule
    text: str = ""
    name: str = ""
    index: int = 0

    def told(self, mistake: str, field: str = "") -> str:
        """``mistake`` with file, line and rule."""
        where = f"rule {self.rule.id!r}: {mistake}"
        if not self.name:
            return where
        line = document.line_of(self.text, f"rule[{self.index}]", field or None)
        return f"{self.name}:{line}: {where}"


def encode(rulebook: Rulebook) -> bytes:
    """The rulebook as JSON; equal ones give the same bytes."""
    return msgspec.json.encode(rulebook, enc_hook=_written, order="sorted")


def decode(data: bytes) -> Rulebook:
    """The rulebook that ``encode`` wrote.

    Raises:
        RuleError: it cannot be read.
    """
    try:
        return msgspec.json.decode(data, type=Rulebook, dec_hook=_read)
    except msgspec.MsgspecError as error:
        raise RuleError(f"stored rulebook: {error}") from error


def load(
    paths: Sequence[Path],
    *,
    channels: Iterable[ChannelSpec],
    policies: Iterable[Policy],
    people: Iterable[Person] | None = None,
    defaults: Iterable[Placed] = (),
) -> Rulebook:
    """The rules in TOML files (arrays of ``[[rule]]``), expanded over ``channels`` and checked.

    They take the place of those of ``defaults`` (``alerts.defaults``) that have the same id.

    Raises:
        RuleError: all mistakes of all files, one a line, each with file and line.
    """
    placed: list[Placed] = []
    lines: list[str] = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            found = document.parse(text, RuleFile, name=str(path))
        except (OSError, UnicodeDecodeError) as error:
            lines.append(f"{path}: cannot be read: {error}")
        except document.DocumentError as error:
            lines.append(str(error))
        else:
            placed += [Placed(rule, text, str(path), n) for n, rule in enumerate(found.rule)]
    return _built(placed, lines, channels, policies, people, rationale=True, defaults=defaults)


def build(
    rules: Iterable[Rule],
    *,
    channels: Iterable[ChannelSpec],
    policies: Iterable[Policy],
    people: Iterable[Person] | None = None,
    rationale: bool = False,
    text: str = "",
    name: str = "",
) -> Rulebook:
    """The rulebook of rules given as values (a story, a test), expanded and checked.

    With ``rationale`` each rule must say cause, consequence, action and time to respond. ``text``
    is that of the file called ``name`` in which they stand as an array of ``[[rule]]``, if any.

    Raises:
        RuleError: all mistakes, one a line.
    """
    placed = [Placed(rule, text, name, n) for n, rule in enumerate(rules)]
    return _built(placed, [], channels, policies, people, rationale=rationale)


def edited(rulebook: Rulebook, rule: Rule) -> Rulebook:
    """The rulebook with ``rule`` in the place of the one with its id.

    Raises:
        RuleError: the changed rule contradicts itself or another; all mistakes, one a line.
    """
    rules = [rule if old.id == rule.id else old for old in rulebook.rules]
    return build(rules, channels=rulebook.channels, policies=rulebook.policies)


def _built(
    placed: list[Placed],
    lines: list[str],
    channels: Iterable[ChannelSpec],
    policies: Iterable[Policy],
    people: Iterable[Person] | None,
    *,
    rationale: bool,
    defaults: Iterable[Placed] = (),
) -> Rulebook:
    specs = {spec.id: spec for spec in channels}
    chains = {policy.id: policy for policy in policies}
    expanded: list[Placed] = []
    for one in placed:
        found = _expanded(one, specs)
        if not found:
            lines.append(one.told(f"no channel matches {one.rule.channel!r}", "channel"))
        expanded += found
    own = {one.rule.id for one in expanded}
    expanded = [one for one in defaults if one.rule.id not in own] + expanded
    known = None if people is None else frozenset(person.id for person in people)
    rules = tuple(one.rule for one in expanded)
    wrong = mistakes(rules, specs, chains, known, rationale=rationale)
    lines += [_line(mistake, expanded) for mistake in wrong]
    if lines:
        raise RuleError("\n".join(dict.fromkeys(lines)))
    return Rulebook(rules=rules, policies=tuple(chains.values()), channels=tuple(specs.values()))


def _line(mistake: Mistake, expanded: list[Placed]) -> str:
    if mistake.place is None:
        return mistake.text
    return expanded[mistake.place].told(mistake.text, mistake.field)


def _expanded(one: Placed, specs: dict[str, ChannelSpec]) -> list[Placed]:
    """One rule for each channel that the pattern matches; an unknown plain channel stays."""
    rule = one.rule
    if not PATTERN & set(rule.channel):
        device, _, key = rule.channel.partition(".")
        return [replace(one, rule=filled(rule, rule.channel, device, key))]
    matching = [spec for spec in specs.values() if fnmatchcase(spec.id, rule.channel)]
    return [replace(one, rule=filled(rule, spec.id, spec.device, spec.key)) for spec in matching]


def filled(rule: Rule, channel: str, device: str, key: str) -> Rule:
    """The rule for one channel, with its device and key in the places kept for them."""

    def fill(text: str) -> str:
        return text.replace("{device}", device).replace("{key}", key)

    return replace(
        rule,
        id=fill(rule.id),
        channel=channel,
        policy=fill(rule.policy),
        against=tuple(fill(name) for name in rule.against),
        inhibited_by=None if rule.inhibited_by is None else fill(rule.inhibited_by),
        suppress_by=None if rule.suppress_by is None else fill(rule.suppress_by),
        cause=fill(rule.cause),
        consequence=fill(rule.consequence),
        action=fill(rule.action),
    )


def _written(value: object) -> object:
    if isinstance(value, Duration):
        return str(value)
    raise NotImplementedError(type(value))


def _read(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return duration.parse(value)
    raise NotImplementedError(kind)
