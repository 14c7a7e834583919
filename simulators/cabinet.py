"""A cabinet cooled by a compressor as pure physics: air, contents, door, defrost.

The device facts have no rows for such cabinets; what has no source named beside it is a tuned
assumption. ``ULTRA_COLD`` is a -80 °C freezer, which is defrosted by hand, ``REFRIGERATOR`` one
for 2 to 8 °C that defrosts itself.
"""

import msgspec

from simulators.decay import pieces, toward
from simulators.noise import measured

LONGEST_STEP_S = 20.0
"""A fifth of the shortest time constant; the thermostat decides as often."""


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """One model of cabinet. Temperatures in °C, their differences in K, times in s.

    ``cold_c`` is what a compressor that never stops would bring the contents to. ``defrost_s``
    without ``defrost_every_s`` means nothing.
    """

    set_c: float
    band_k: float
    cold_c: float
    warm_tau_s: float
    air_tau_s: float
    lead_k: float
    door_tau_s: float
    door_goods_tau_s: float
    filter_s: float
    defrost_every_s: float = 0.0
    defrost_s: float = 0.0
    defrost_k: float = 0.0
    noise_k: float = 0.05
    resolution_k: float = 0.1
    sensor_period_s: float = 2.0


ULTRA_COLD = Design(
    set_c=-80.0,
    band_k=2.0,
    # With these two it is cold 15 h after it was plugged in; 9 to 26 h were measured (University
    # of California, Riverside, 2016, as told by Biocompare, "Buying and Maintaining an Ultralow
    # Freezer").
    cold_c=-110.0,
    # -80 to -50 °C in 3.6 h. A user tells of -40 °C in one to two (Histonet list, March 2013).
    warm_tau_s=10 * 3600.0,
    air_tau_s=300.0,
    lead_k=1.0,
    door_tau_s=240.0,
    door_goods_tau_s=4 * 3600.0,
    filter_s=60.0,
)
REFRIGERATOR = Design(
    set_c=5.0,
    band_k=1.0,
    cold_c=-25.0,
    warm_tau_s=6 * 3600.0,
    air_tau_s=180.0,
    lead_k=1.0,
    door_tau_s=90.0,
    door_goods_tau_s=90 * 60.0,
    filter_s=60.0,
    # That air warms in a defrost while vials hardly do: NIST IR 7656 (2009).
    defrost_every_s=8 * 3600.0,
    defrost_s=20 * 60.0,
    defrost_k=3.0,
)


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What people and failures do to the cabinet."""

    door_open: bool = False
    compressor_works: bool = True
    room_c: float = 22.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One instant. ``goods_c`` is what contents and walls have."""

    elapsed_s: float = 0.0
    air_c: float
    goods_c: float
    seen_c: float
    cooling: bool = False


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe in the air and the door's contact show."""

    temperature_c: float
    door_open: bool


def settled(design: Design) -> State:
    """A cabinet that has long been at its set point."""
    return State(air_c=design.set_c, goods_c=design.set_c, seen_c=design.set_c)


def step(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    """The state ``dt_s`` seconds later, while ``inputs`` hold.

    Raises:
        ValueError: ``dt_s`` is negative or not a number.
    """
    for piece_s in pieces(dt_s, LONGEST_STEP_S):
        state = _piece(state, inputs, piece_s, design)
    return state


def read(state: State, inputs: Inputs, seed: int, design: Design) -> Readings:
    """What is shown now."""
    return Readings(
        temperature_c=measured(
            state.seen_c,
            noise=design.noise_k,
            resolution=design.resolution_k,
            seed=seed + 1,
            index=int(state.elapsed_s / design.sensor_period_s),
        ),
        door_open=inputs.door_open,
    )


def defrosting(elapsed_s: float, design: Design) -> bool:
    """Whether it defrosts itself at this time."""
    every_s = design.defrost_every_s
    return every_s > 0 and elapsed_s % every_s >= every_s - design.defrost_s


def _piece(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    heats = defrosting(state.elapsed_s, design)
    cooling = _thermostat(state, design) and inputs.compressor_works and not heats
    goods_c = toward(
        state.goods_c, design.cold_c if cooling else inputs.room_c, dt_s, design.warm_tau_s
    )
    lead_k = -design.lead_k if cooling else (design.defrost_k if heats else 0.0)
    air_c = toward(state.air_c, goods_c + lead_k, dt_s, design.air_tau_s)
    if inputs.door_open:
        air_c = toward(air_c, inputs.room_c, dt_s, design.door_tau_s)
        goods_c = toward(goods_c, inputs.room_c, dt_s, design.door_goods_tau_s)
    return State(
        elapsed_s=state.elapsed_s + dt_s,
        air_c=air_c,
        goods_c=goods_c,
        seen_c=toward(state.seen_c, air_c, dt_s, design.filter_s),
        cooling=cooling,
    )


def _thermostat(state: State, design: Design) -> bool:
    """On above the band, off below it, as it was within."""
    if state.seen_c >= design.set_c + design.band_k:
        return True
    return state.cooling and state.seen_c > design.set_c - design.band_k
