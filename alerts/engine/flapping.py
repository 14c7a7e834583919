"""An alarm that comes and goes: one page stands for all, until it has calmed down."""

import msgspec
from msgspec.structs import replace

from alerts.rule import Rule


class Flapping(msgspec.Struct, frozen=True, array_like=True):
    """``pulses`` are the newest activations (steady ms), as many as make it flapping.

    ``due`` is when it is over unless another one comes, None while it is not flapping. ``told``
    are the people who heard of it, in ``occurrence``.
    """

    pulses: tuple[int, ...] = ()
    due: int | None = None
    told: tuple[str, ...] = ()
    occurrence: int = 0


def pulsed(state: Flapping, rule: Rule, now: int) -> Flapping:
    """With one more activation; one that keeps it going puts its end off."""
    needed, window = rule.flapping, rule.flapping_window
    if needed is None or window is None:
        return state
    pulses = (*(at for at in state.pulses if at > now - window), now)[-needed:]
    after = replace(state, pulses=pulses)
    return after if state.due is None else replace(after, due=_end(after, rule))


def begins(state: Flapping, rule: Rule) -> bool:
    """Whether the newest activation is the one too many."""
    return rule.flapping is not None and state.due is None and len(state.pulses) >= rule.flapping


def begun(state: Flapping, rule: Rule, occurrence: int) -> Flapping:
    """Flapping from now on; ``occurrence`` is the one whose page says so."""
    return replace(state, due=_end(state, rule), told=(), occurrence=occurrence)


def over(state: Flapping) -> Flapping:
    """Calmed down; the activations stay counted."""
    return Flapping(pulses=state.pulses)


def _end(state: Flapping, rule: Rule) -> int | None:
    """When fewer than half as many activations lie within the window."""
    if rule.flapping is None or rule.flapping_window is None:
        return None
    half = min(len(state.pulses), (rule.flapping + 1) // 2)
    return state.pulses[-half] + int(rule.flapping_window)
