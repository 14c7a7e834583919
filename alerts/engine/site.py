"""A rulebook set up to work: a monitor for each rule, a watch for each device."""

from alerts.engine.alarm import Phase
from alerts.engine.monitor import Monitor
from alerts.engine.parts import definition
from alerts.engine.watch import Channel, Watch
from alerts.policy import Policy
from alerts.rulebook import Rulebook

ONE_FAULT = frozenset({"silence", "out-of-range"})
"""Kinds that tell of the same fault: a probe that gives nothing of use."""


class Site:
    """Monitors in the order in which they are worked off: causes before consequences."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.policies: dict[str, Policy] = {policy.id: policy for policy in rulebook.policies}
        self.monitors = self._monitors(rulebook)
        self.watches = _watches(rulebook, self.monitors)
        self.of_channel = {c.spec.id: (w, c) for w in self.watches.values() for c in w.channels}
        for monitor in self.monitors.values():
            monitor.siblings = self._siblings(monitor)
            monitor.channel = self.of_channel[monitor.spec.id][1]

    def _monitors(self, rulebook: Rulebook) -> dict[str, Monitor]:
        specs = {spec.id: spec for spec in rulebook.channels}
        places = {rule_id: place for place, rule_id in enumerate(_ranked(rulebook))}
        monitors = {}
        for rule in rulebook.rules:
            policy = self.policies.get(rule.policy)
            others = tuple(specs[name] for name in rule.against)
            monitor = Monitor(rule, specs[rule.channel], policy, places[rule.id], others=others)
            monitor.definition = definition(rule)
            monitors[rule.id] = monitor
        for monitor in monitors.values():
            if monitor.rule.inhibited_by is not None:
                monitor.cause = monitors[monitor.rule.inhibited_by]
                monitor.cause.consequences.append(monitor)
            if monitor.rule.suppress_by is not None:
                monitor.suppressor = monitors[monitor.rule.suppress_by]
                monitor.suppressor.suppresses.append(monitor)
        return monitors

    def _siblings(self, monitor: Monitor) -> tuple[Monitor, ...]:
        """The other rules on how the samples of the same channel come: one fault, one alarm."""
        if monitor.rule.kind not in ONE_FAULT:
            return ()
        _, channel = self.of_channel[monitor.spec.id]
        return tuple(m for m in channel.monitors if m.rule.kind in ONE_FAULT and m is not monitor)


def explanation(monitor: Monitor) -> str:
    """The id of the active alarm under which this one is to be listed, empty for none."""
    cause = monitor.cause
    if cause is not None and cause.alarm.active and not cause.removed:
        return cause.rule.id
    for sibling in monitor.siblings:
        if sibling.alarm.active and not sibling.alarm.under:
            return sibling.rule.id
    return ""


def explained(monitor: Monitor) -> tuple[Monitor, ...]:
    """The alarms that are listed under this one."""
    below = (*monitor.consequences, *monitor.siblings)
    return tuple(m for m in below if m.alarm.under == monitor.rule.id)


def newly_explained(monitor: Monitor) -> tuple[Monitor, ...]:
    """The alarms that an alarm which just became active explains from now on."""
    open_ = [m for m in monitor.consequences if m.alarm.phase is Phase.U and not m.alarm.under]
    return tuple(open_)


def _ranked(rulebook: Rulebook) -> list[str]:
    """Rule ids in file order, but each behind the rule that inhibits it."""
    above = {rule.id: rule.inhibited_by for rule in rulebook.rules}
    ranked: dict[str, None] = {}
    for rule in rulebook.rules:
        chain: list[str] = []
        name: str | None = rule.id
        while name is not None and name not in ranked:
            chain.append(name)
            name = above[name]
        ranked.update(dict.fromkeys(reversed(chain)))
    return list(ranked)


def _watches(rulebook: Rulebook, monitors: dict[str, Monitor]) -> dict[str, Watch]:
    specs = {spec.id: spec for spec in rulebook.channels}
    by_channel: dict[str, list[Monitor]] = {}
    listeners: dict[str, list[tuple[Monitor, int]]] = {}
    for rule in rulebook.rules:
        by_channel.setdefault(rule.channel, []).append(monitors[rule.id])
        for place, name in enumerate(rule.against, start=1):
            by_channel.setdefault(name, [])
            listeners.setdefault(name, []).append((monitors[rule.id], place))
    by_device: dict[str, list[Channel]] = {}
    for channel_id, rules in by_channel.items():
        spec = specs[channel_id]
        rules.sort(key=lambda monitor: monitor.order)
        channel = Channel(spec, rules, listeners.get(channel_id))
        by_device.setdefault(spec.device, []).append(channel)
    first = -len(by_device)
    return {
        device: Watch(device, channels, first + place)
        for place, (device, channels) in enumerate(by_device.items())
    }
