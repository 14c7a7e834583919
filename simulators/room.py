"""The air of a room with nitrogen boiling off in it, and the oxygen monitor on its wall.

With volume V, ventilation Q and nitrogen flow e the well-mixed balance is
``V dO/dt = Q (20.9 - O) - e O``. It gives both rows of the device facts (section 3.2): without
ventilation ``20.9 exp(-0.695 n / V)`` after n litres of liquid, and ``20.9 Q / (Q + e)`` at rest.
"""

import msgspec

from simulators.decay import pieces, toward
from simulators.noise import measured

FRESH_PCT = 20.9
GAS_M3_PER_L = 0.695
"""1 L of liquid becomes 695 to 700 L of gas at 20 °C."""
LONGEST_STEP_S = 10.0


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """One room. All values are tuned assumptions."""

    volume_m3: float = 60.0
    air_changes_per_h: float = 6.0
    filter_s: float = 15.0
    sensor_period_s: float = 2.0


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """``nitrogen_l_per_s`` is liquid that boils off in the room."""

    nitrogen_l_per_s: float = 0.0
    ventilation_works: bool = True
    sensor_fault: bool = False


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One instant: oxygen in vol-% in the room, and as far as the sensor has followed."""

    elapsed_s: float = 0.0
    oxygen_pct: float = FRESH_PCT
    seen_pct: float = FRESH_PCT


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What the monitor shows; a faulty sensor shows no oxygen."""

    oxygen_pct: float | None
    fault: bool


ROOM = Design()


def step(state: State, inputs: Inputs, dt_s: float, design: Design = ROOM) -> State:
    """The state ``dt_s`` seconds later, while ``inputs`` hold.

    Raises:
        ValueError: ``dt_s`` is negative or not a number.
    """
    for piece_s in pieces(dt_s, LONGEST_STEP_S):
        oxygen = _mixed(state.oxygen_pct, inputs, piece_s, design)
        state = State(
            elapsed_s=state.elapsed_s + piece_s,
            oxygen_pct=oxygen,
            seen_pct=toward(state.seen_pct, oxygen, piece_s, design.filter_s),
        )
    return state


def read(state: State, inputs: Inputs, seed: int, design: Design = ROOM) -> Readings:
    """What the monitor shows now; its noise is a tuned assumption."""
    if inputs.sensor_fault:
        return Readings(oxygen_pct=None, fault=True)
    index = int(state.elapsed_s / design.sensor_period_s)
    shown = measured(state.seen_pct, noise=0.03, resolution=0.1, seed=seed, index=index)
    return Readings(oxygen_pct=max(0.0, shown), fault=False)


def _mixed(oxygen_pct: float, inputs: Inputs, dt_s: float, design: Design) -> float:
    fresh = design.volume_m3 * design.air_changes_per_h / 3600 if inputs.ventilation_works else 0.0
    nitrogen = inputs.nitrogen_l_per_s * GAS_M3_PER_L
    if fresh + nitrogen == 0:
        return oxygen_pct
    settles = FRESH_PCT * fresh / (fresh + nitrogen)
    return toward(oxygen_pct, settles, dt_s, design.volume_m3 / (fresh + nitrogen))
