"""The rules that are shipped: one file for each kind of equipment, for the channels it has."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from types import MappingProxyType

from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.rulebook import Placed, RuleFile, filled
from devices import document
from devices.duration import Duration


@cache
def names() -> tuple[str, ...]:
    """What sets of default rules are called, in order of the alphabet."""
    shipped = (resources.files("alerts") / "rules").iterdir()
    found = (file.name for file in shipped if file.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in found))


def placed(
    sets: Mapping[str, str],
    channels: Sequence[ChannelSpec],
    behind: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Placed, ...]:
    """The default rules of devices, each for one channel that the device has.

    ``sets`` says which set a device follows, by its id. A rule for a channel that the device has
    not is left out; one that such a rule would keep quiet pages without it. ``behind`` says by
    which device another is reached: while that one is silent, it explains the other's silence.

    Raises:
        KeyError: there is no set of that name.
    """
    found: list[Placed] = []
    of_device: dict[str, list[ChannelSpec]] = {}
    for spec in channels:
        of_device.setdefault(spec.device, []).append(spec)
    for device, name in sets.items():
        fitting = [
            _on(one, spec)
            for one in _read(name)
            for spec in of_device.get(device, ())
            if fnmatchcase(spec.id, one.rule.channel)
        ]
        there = {one.rule.id for one in fitting}
        found += [_alone(one, there) for one in fitting]
    known = {one.rule.id for one in found}
    causes = {
        _silence(device): _silence(by) for device, by in behind.items() if _silence(by) in known
    }
    return tuple(
        replace(one, rule=replace(one.rule, inhibited_by=causes[one.rule.id]))
        if one.rule.id in causes
        else one
        for one in found
    )


def _silence(device: str) -> str:
    """The rule of each set that tells that a device says nothing at all."""
    return f"{device}-silent"


def _on(one: Placed, spec: ChannelSpec) -> Placed:
    return replace(one, rule=filled(one.rule, spec.id, spec.device, spec.key))


def _alone(one: Placed, there: set[str]) -> Placed:
    """The rule without what it names and the device has not."""
    rule = one.rule
    if rule.suppress_by is not None and rule.suppress_by not in there:
        rule = replace(rule, suppress_by=None, suppress_cap=None, suppress_after=Duration(0))
    if rule.inhibited_by is not None and rule.inhibited_by not in there:
        rule = replace(rule, inhibited_by=None)
    return replace(one, rule=rule)


@cache
def _read(name: str) -> tuple[Placed, ...]:
    if name not in names():
        raise KeyError(name)
    file = resources.files("alerts") / "rules" / f"{name}.toml"
    text = file.read_text(encoding="utf-8")
    shown = f"alerts/rules/{name}.toml"
    rules = document.parse(text, RuleFile, name=shown).rule
    return tuple(Placed(rule, text, shown, index) for index, rule in enumerate(rules))
