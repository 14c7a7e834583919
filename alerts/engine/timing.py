"""Which kinds of rules judge time or the coming of samples, and the delays of each."""

from alerts.channel import ChannelSpec
from alerts.engine.filter import Delays
from alerts.rule import Rule

PERIODS = 3
"""A channel is silent after so many periods without a sample, where no rule says otherwise."""

OF_TIME = frozenset({"overdue", "calibration-due"})
"""Kinds that wait for something to be done."""

NO_VALUES = frozenset({"silence", "out-of-range", "spike", "disagreement"}) | OF_TIME
"""Kinds that judge how samples come, not what they say of the process."""


def delays_of(rule: Rule, spec: ChannelSpec, sign: int) -> Delays:
    """How long its condition must hold, and be over, on a channel; ``sign`` as in its limits."""
    on: int | None = int(rule.on_delay)
    if rule.kind == "silence" or rule.kind in OF_TIME:
        on = 0
    elif rule.count is not None and rule.kind in {"count", "spike"} and not on:
        on = None
    return Delays(
        on=on,
        off=int(rule.off_delay),
        needed=rule.count,
        window=None if rule.window is None else int(rule.window),
        sign=sign,
        bridge=PERIODS * spec.period_ms,
    )
