"""A CO2 incubator as pure physics: air, wall, gas, water, bottle, door and sterilisation.

Sources are rows of the device facts (section 3.1, "CO2 incubators"); what has none says that it
is a tuned assumption. Gas amounts are kept as vol-% of the chamber at 37 °C.
"""

from enum import Enum
from math import inf

import msgspec

from simulators.decay import pieces, toward
from simulators.noise import measured

CO2_G_PER_L = 16.4 / 8.4
"""BINDER C170: one door opening loses 16.4 g = 8.4 L."""
FULL_BOTTLE_KG = 22.7
"""A 50 lb cylinder."""
KNEE = 9.5 / 50
"""Share of the mass below which no liquid is left and the pressure falls (9.5 of 50 lb)."""
FULL_BAR = 834 / 14.504
"""830 to 838 psig at 70 °F while liquid is present."""
SUPPLY_BAR = 15 / 14.504
"""Thermo 360: the gas is supplied at 15 psig, so a bottle below that gives less."""
LONGEST_STEP_S = 1.0
"""The shortest time constant is the door's 20 s; the gas valve decides once a second."""


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """One model of incubator. Temperatures in °C, gas in vol-%, humidity in %, times in s."""

    volume_l: float = 170.0  # BINDER C170
    temperature_c: float = 37.0
    co2_pct: float = 5.0
    humidity_pct: float = 95.0  # Shel Lab SCO5W
    door_tau_s: float = 20.0  # model suggestion: exchange of about 1/20 s
    leak_tau_s: float = 100 * 3600.0  # BINDER C170, idle: under 2 g per 12 h
    air_tau_s: float = 4 * 60.0  # model suggestion: 4 to 8 min for a forced-air box
    wall_tau_s: float = 120 * 60.0  # model suggestion: 60 to 120 min
    wall_lead_k: float = 1.0  # model suggestion: wall-surface lag of 0.5 to 1.5 K
    heater_k_per_s: float = 190.0 / 7200.0  # assumption: full power would settle 190 K over room
    mixing_tau_s: float = 20.0  # model suggestion: mixing lag 20 to 60 s
    pulse_pct_per_s: float = 0.17  # assumption: 5 vol-% in 30 pulses of 1 s
    pulse_gap_s: float = 5.0  # assumption: Shel Lab SCO6AD is back within 5 min
    pan_tau_s: float = 10 * 60.0  # assumption: 95 % of a loss made good in 30 min (SCO5W)
    sterilise_c: float = 180.0  # BINDER C150: at least 180 °C at the surfaces
    sterilise_hold_s: float = 2 * 3600.0  # assumption: with this a cycle takes about 10 h
    temperature_filter_s: float = 10.0  # assumption
    co2_filter_s: float = 15.0  # model suggestion: sensor filter 10 to 30 s
    humidity_filter_s: float = 20.0  # assumption
    sensor_period_s: float = 2.0  # Senseair S8: a new value every 2 s


class Cycle(Enum):
    """Where a sterilisation stands."""

    NONE = "none"
    HEATING = "heating"
    HOLDING = "holding"
    COOLING = "cooling"


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What people and failures do to the incubator."""

    door_open: bool = False
    heater_works: bool = True
    fan_works: bool = True
    pan_full: bool = True
    sterilise: bool = False
    room_c: float = 22.0
    room_humidity_pct: float = 45.0
    room_co2_pct: float = 0.04


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One instant. ``injected_g`` and ``lost_g`` add up since the start, for the mass balance.

    ``dosed_pct`` is gas that the chamber has but its corners do not yet share; ``expected_pct``
    is what the controller has dosed and its sensor cannot show yet.
    """

    elapsed_s: float = 0.0
    air_c: float = 37.0
    wall_c: float = 37.0
    co2_pct: float = 5.0
    dosed_pct: float = 0.0
    expected_pct: float = 0.0
    valve_wait_s: float = 0.0
    humidity_pct: float = 95.0
    bottle_kg: float = FULL_BOTTLE_KG
    injected_g: float = 0.0
    lost_g: float = 0.0
    cycle: Cycle = Cycle.NONE
    held_s: float = 0.0
    seen_c: float = 37.0
    seen_co2_pct: float = 5.0
    seen_humidity_pct: float = 95.0


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What the incubator's own sensors show."""

    temperature_c: float
    co2_pct: float
    humidity_pct: float
    door_open: bool
    sterilising: bool


C170 = Design()


def step(
    state: State,
    inputs: Inputs,
    dt_s: float,
    design: Design = C170,
    *,
    longest_s: float = LONGEST_STEP_S,
) -> State:
    """The state ``dt_s`` seconds later, while ``inputs`` hold.

    It is found in pieces of ``longest_s`` at most; longer ones are for years in which little
    happens.

    Raises:
        ValueError: ``dt_s`` is negative or not a number.
    """
    for piece_s in pieces(dt_s, longest_s):
        state = _gas(
            _heat(_cycle(state, inputs, piece_s, design), inputs, piece_s, design),
            inputs,
            piece_s,
            design,
        )
        state = _senses(state, inputs, piece_s, design)
    return state


def read(state: State, inputs: Inputs, seed: int, design: Design = C170) -> Readings:
    """What the sensors show now; noise and resolutions are tuned assumptions."""
    index = int(state.elapsed_s / design.sensor_period_s)
    humidity = measured(
        state.seen_humidity_pct, noise=0.2, resolution=0.1, seed=seed + 3, index=index
    )
    return Readings(
        temperature_c=measured(
            state.seen_c, noise=0.01, resolution=0.01, seed=seed + 1, index=index
        ),
        co2_pct=max(
            0.0,
            measured(state.seen_co2_pct, noise=0.01, resolution=0.01, seed=seed + 2, index=index),
        ),
        humidity_pct=min(100.0, max(0.0, humidity)),
        door_open=inputs.door_open,
        sterilising=state.cycle is not Cycle.NONE,
    )


def shelf_c(state: State, inputs: Inputs) -> float:
    """The air at an upper shelf: tenths of a degree off, three times that without the fan."""
    return state.air_c + (0.2 if inputs.fan_works else 0.6)


def co2_g(state: State, design: Design = C170) -> float:
    """Grams of CO2 in the chamber."""
    return (state.co2_pct + state.dosed_pct) * _g_per_pct(design)


def bottle_bar(bottle_kg: float) -> float:
    """Gauge pressure: flat while liquid is present, then falling with the mass left."""
    return FULL_BAR * min(1.0, max(0.0, bottle_kg) / (KNEE * FULL_BOTTLE_KG))


def _g_per_pct(design: Design) -> float:
    return design.volume_l / 100 * CO2_G_PER_L


def _cycle(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    cycle, held_s = state.cycle, 0.0
    match cycle:
        case Cycle.NONE if inputs.sterilise:
            cycle = Cycle.HEATING
        case Cycle.HEATING if state.air_c >= design.sterilise_c:
            cycle = Cycle.HOLDING
        case Cycle.HOLDING:
            held_s = state.held_s + dt_s
            if held_s >= design.sterilise_hold_s:
                cycle = Cycle.COOLING
        case Cycle.COOLING if state.air_c <= design.temperature_c + 1.0:
            cycle = Cycle.NONE
    return msgspec.structs.replace(
        state, elapsed_s=state.elapsed_s + dt_s, cycle=cycle, held_s=held_s
    )


def _heat(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    wall_c = toward(
        state.wall_c,
        inputs.room_c + _heater(state, inputs, design) * design.heater_k_per_s * design.wall_tau_s,
        dt_s,
        design.wall_tau_s,
    )
    air_tau_s = design.air_tau_s * (1 if inputs.fan_works else 5)
    air_c = toward(state.air_c, wall_c, dt_s, air_tau_s)
    if inputs.door_open:
        air_c = toward(air_c, inputs.room_c, dt_s, design.door_tau_s)
    return msgspec.structs.replace(state, wall_c=wall_c, air_c=air_c)


def _heater(state: State, inputs: Inputs, design: Design) -> float:
    """Power from 0 to 1: the wall is led a little past the set point while the air is behind."""
    if not inputs.heater_works or state.cycle is Cycle.COOLING:
        return 0.0
    sterilising = state.cycle in (Cycle.HEATING, Cycle.HOLDING)
    set_c = design.sterilise_c + 2.0 if sterilising else design.temperature_c
    lead_k = design.wall_lead_k
    target_c = set_c + min(lead_k, max(-lead_k, 0.5 * (set_c - state.seen_c)))
    needed = (target_c - inputs.room_c) / (design.heater_k_per_s * design.wall_tau_s)
    return min(1.0, max(0.0, needed + 2.0 * (target_c - state.wall_c)))


def _gas(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    before_g = co2_g(state, design)
    pulse_pct, wait_s = _pulse(state, inputs, dt_s, design)
    dosed = state.dosed_pct + pulse_pct
    unmixed = toward(dosed, 0.0, dt_s, design.mixing_tau_s)
    co2 = state.co2_pct + dosed - unmixed
    for tau_s in (design.leak_tau_s, design.door_tau_s if inputs.door_open else inf):
        co2 = toward(co2, inputs.room_co2_pct, dt_s, tau_s)
        unmixed = toward(unmixed, 0.0, dt_s, tau_s)
    pulse_g = pulse_pct * _g_per_pct(design)
    lag_s = design.mixing_tau_s + design.co2_filter_s
    moved = msgspec.structs.replace(
        state,
        co2_pct=co2,
        dosed_pct=unmixed,
        expected_pct=toward(state.expected_pct + pulse_pct, 0.0, dt_s, lag_s),
        valve_wait_s=wait_s,
        bottle_kg=state.bottle_kg - pulse_g / 1000,
        injected_g=state.injected_g + pulse_g,
    )
    return msgspec.structs.replace(
        moved, lost_g=state.lost_g + before_g + pulse_g - co2_g(moved, design)
    )


def _pulse(state: State, inputs: Inputs, dt_s: float, design: Design) -> tuple[float, float]:
    """The gas let in now, in vol-%, and the seconds until the valve may open again.

    Pulses of 0.3 to 1 s when the gas is 0.1 % under the set point (model suggestion). The valve
    stays shut while the door is open or the chamber is sterilised.
    """
    wait_s = max(0.0, state.valve_wait_s - dt_s)
    missing = design.co2_pct - state.seen_co2_pct - state.expected_pct
    idle = inputs.door_open or state.cycle is not Cycle.NONE
    if wait_s > 0 or idle or missing < 0.1:  # noqa: PLR2004 # the 0.1 % of the docstring
        return 0.0, wait_s
    open_s = min(1.0, max(0.3, missing / design.pulse_pct_per_s))
    push = min(1.0, bottle_bar(state.bottle_kg) / SUPPLY_BAR)
    most_pct = max(0.0, state.bottle_kg) * 1000 / _g_per_pct(design)
    return min(open_s * design.pulse_pct_per_s * push, most_pct), design.pulse_gap_s


def _senses(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    dry = not inputs.pan_full or state.cycle is not Cycle.NONE
    humidity = toward(
        state.humidity_pct,
        inputs.room_humidity_pct if dry else design.humidity_pct,
        dt_s,
        design.pan_tau_s,
    )
    if inputs.door_open:
        humidity = toward(humidity, inputs.room_humidity_pct, dt_s, design.door_tau_s)
    return msgspec.structs.replace(
        state,
        humidity_pct=humidity,
        seen_c=toward(state.seen_c, state.air_c, dt_s, design.temperature_filter_s),
        seen_co2_pct=toward(state.seen_co2_pct, state.co2_pct, dt_s, design.co2_filter_s),
        seen_humidity_pct=toward(state.seen_humidity_pct, humidity, dt_s, design.humidity_filter_s),
    )
