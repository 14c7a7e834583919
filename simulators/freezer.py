"""An LN2 freezer as pure physics: liquid, vapour above it, lid, automatic filling, vacuum.

Sources are rows of the device facts (section 3.2, "LN2"); what has none says that it is a tuned
assumption (the facts give no static loss for a large storage freezer). Levels and heights are in
mm above the floor of the tank, volumes in litres of liquid nitrogen.
"""

import msgspec

from simulators.decay import pieces, toward
from simulators.noise import measured

LIQUID_C = -196.0
SHORTED_C = -200.0
"""What a shorted Pt100 reads on a WAGO 750-461/464: colder than the liquid, so it looks healthy."""
LONGEST_STEP_S = 10.0
"""The shortest time constant is the open lid's 3 min; a fill stops within a mm."""
DAY_S = 86_400.0


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """One model of freezer. Start and stop are the KRYOS example, 20 and 23 in."""

    litres_per_mm: float = 0.5  # assumption: 450 L when full (bulk tanks hold 160 to 1000 L)
    height_mm: float = 900.0  # assumption
    start_mm: float = 508.0
    stop_mm: float = 584.0
    static_l_per_day: float = 6.0  # assumption: 1.3 % a day (supply tank: 1.5 % a day)
    use: float = 1.0  # working loss is 2 to 3 times the static one
    lid_open_use: float = 5.0  # assumption
    fill_l_per_min: float = 3.0  # model suggestion: 3 to 15 L/min
    fill_timer_s: float = 60 * 60.0  # TEC 3000: 30 to 240 min
    top_mm: float = 849.0  # a probe about 2 in under the plug (Pomeroy 2019)
    bottom_mm: float = 100.0  # assumption
    gradient_k: float = 65.0  # assumption: top at -170 °C, as with steel racks (-180 to -150)
    racks_tau_s: float = 2 * 3600.0  # assumption: heat that racks and vials hold
    wet_tau_s: float = 10.0  # assumption: a probe that the liquid covers
    dry_tau_s: float = 5 * DAY_S  # vapour-phase storage: a closed lid keeps safe for days
    lid_open_c: float = -50.0  # assumption: what the top of an open tank tends to
    lid_open_tau_s: float = 3 * 60.0  # model suggestion: about 3 min
    lid_closed_tau_s: float = 10 * 60.0  # model suggestion: cold again after 20 to 40 min
    vacuum_ramp_s: float = 4.5 * 3600.0  # Pomeroy 2019: 3 to 6 h
    vacuum_loss: float = 20.0  # model suggestion: evaporation times 5 to 20
    vacuum_gradient: float = 0.3  # assumption: share by which the vapour is steeper at full loss
    sensor_period_s: float = 2.0  # assumption


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What people and failures do. ``reset_fill`` clears the fill-time alarm."""

    lid_open: bool = False
    supply_open: bool = True
    vacuum_sound: bool = True
    automatic_fill: bool = True
    reset_fill: bool = False
    top_shorted: bool = False
    bottom_shorted: bool = False
    room_c: float = 20.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One instant. ``evaporated_l`` and ``filled_l`` add up since the start.

    ``lid_k`` is by how much the open lid has warmed the top over what racks and vapour give.
    """

    elapsed_s: float = 0.0
    level_mm: float = 550.0
    top_c: float = -170.7
    bottom_c: float = LIQUID_C
    lid_k: float = 0.0
    vacuum_lost_s: float = 0.0
    calls_fill: bool = False
    filling: bool = False
    fill_s: float = 0.0
    fill_alarm: bool = False
    evaporated_l: float = 0.0
    filled_l: float = 0.0


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What the freezer's controller shows."""

    level_mm: int
    top_c: float
    bottom_c: float
    lid_open: bool
    filling: bool
    fill_alarm: bool


BULK = Design()


def step(
    state: State,
    inputs: Inputs,
    dt_s: float,
    design: Design = BULK,
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
        state = _liquid(_valve(state, inputs, piece_s, design), inputs, piece_s, design)
        state = _vapour(state, inputs, piece_s, design)
    return state


def read(state: State, inputs: Inputs, seed: int, design: Design = BULK) -> Readings:
    """What the controller shows now; noise and resolutions are tuned assumptions."""
    index = int(state.elapsed_s / design.sensor_period_s)
    level = measured(state.level_mm, noise=0.4, resolution=1, seed=seed + 1, index=index)
    return Readings(
        level_mm=max(0, round(level)),
        top_c=_probe(state.top_c + state.lid_k, seed + 2, index, shorted=inputs.top_shorted),
        bottom_c=_probe(state.bottom_c, seed + 3, index, shorted=inputs.bottom_shorted),
        lid_open=inputs.lid_open,
        # The lid switch cuts the valve at once, not at the controller's next step.
        filling=state.filling and not inputs.lid_open,
        fill_alarm=state.fill_alarm,
    )


def evaporation_l_per_s(state: State, inputs: Inputs, design: Design = BULK) -> float:
    """Litres of liquid that boil off a second: static loss, use, lid and lost vacuum."""
    if state.level_mm <= 0:
        return 0.0
    use = design.lid_open_use if inputs.lid_open else design.use
    return design.static_l_per_day / DAY_S * (1 + use) * _loss(state, design)


def _loss(state: State, design: Design) -> float:
    return 1 + (design.vacuum_loss - 1) * min(1.0, state.vacuum_lost_s / design.vacuum_ramp_s)


def _probe(celsius: float, seed: int, index: int, *, shorted: bool) -> float:
    if shorted:
        return SHORTED_C
    return measured(celsius, noise=0.05, resolution=0.1, seed=seed, index=index)


def _valve(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    """The controller: calls for liquid at start, is content at stop, gives up after its timer.

    An open lid shuts the valve and filling goes on when it is closed (TEC 3000). The controller
    does not know whether the supply gives anything.
    """
    alarm = state.fill_alarm and not inputs.reset_fill
    calls = state.calls_fill or state.level_mm <= design.start_mm
    calls = calls and state.level_mm < design.stop_mm and inputs.automatic_fill and not alarm
    filling = calls and not inputs.lid_open
    fill_s = (state.fill_s + dt_s if filling else state.fill_s) if calls else 0.0
    if fill_s > design.fill_timer_s:
        alarm, calls, filling, fill_s = True, False, False, 0.0
    return msgspec.structs.replace(
        state,
        elapsed_s=state.elapsed_s + dt_s,
        vacuum_lost_s=0.0 if inputs.vacuum_sound else state.vacuum_lost_s + dt_s,
        calls_fill=calls,
        filling=filling,
        fill_s=fill_s,
        fill_alarm=alarm,
    )


def _liquid(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    litres = state.level_mm * design.litres_per_mm
    boiled = min(litres, evaporation_l_per_s(state, inputs, design) * dt_s)
    filled = 0.0
    if state.filling and inputs.supply_open:
        room_l = design.stop_mm * design.litres_per_mm - litres + boiled
        filled = min(design.fill_l_per_min / 60 * dt_s, max(0.0, room_l))
    return msgspec.structs.replace(
        state,
        level_mm=max(0.0, litres - boiled + filled) / design.litres_per_mm,
        evaporated_l=state.evaporated_l + boiled,
        filled_l=state.filled_l + filled,
    )


def _vapour(state: State, inputs: Inputs, dt_s: float, design: Design) -> State:
    lid_k = toward(state.lid_k, 0.0, dt_s, design.lid_closed_tau_s)
    if inputs.lid_open:
        most_k = max(0.0, design.lid_open_c - state.top_c)
        lid_k = toward(state.lid_k, most_k, dt_s, design.lid_open_tau_s)
    return msgspec.structs.replace(
        state,
        lid_k=lid_k,
        top_c=_settling(state.top_c, _pull(design.top_mm, state, inputs, design), dt_s),
        bottom_c=_settling(state.bottom_c, _pull(design.bottom_mm, state, inputs, design), dt_s),
    )


def _settling(celsius: float, pull: tuple[float, float], dt_s: float) -> float:
    target_c, tau_s = pull
    return toward(celsius, target_c, dt_s, tau_s)


def _pull(height_mm: float, state: State, inputs: Inputs, design: Design) -> tuple[float, float]:
    """Where the temperature at a height tends, and how fast (s).

    Linear above the liquid, which holds the racks cold; what is in the liquid follows at once.
    """
    if state.level_mm <= 0:
        return inputs.room_c, design.dry_tau_s / _loss(state, design)
    if height_mm <= state.level_mm:
        return LIQUID_C, design.wet_tau_s
    lost = (_loss(state, design) - 1) / (design.vacuum_loss - 1)
    column = (height_mm - state.level_mm) / design.height_mm
    settles_c = LIQUID_C + design.gradient_k * column * (1 + design.vacuum_gradient * lost)
    return settles_c, design.racks_tau_s
