"""The freezer against the rows of the device facts, section 3.2."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.freezer import (
    BULK,
    LIQUID_C,
    Inputs,
    State,
    evaporation_l_per_s,
    read,
    step,
)

pytestmark = pytest.mark.long

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
LOW_ALARM_MM = 483.0
"""KRYOS example: low alarm at 19 in."""
SHUT = Inputs()
FAILED = Inputs(vacuum_sound=False, supply_open=False)
DRY_SUPPLY = Inputs(supply_open=False)


def hours_until(state: State, done: Inputs, *, level_mm: float, top_c: float) -> dict[str, float]:
    """When the level fell below, and the top probe rose above, the given limits."""
    seen = {"level": math.inf, "top": math.inf, "bottom": math.inf}
    for quarter in range(1, 4 * 72):
        state = step(state, done, HOUR_S / 4)
        for name, is_so in (
            ("level", state.level_mm < level_mm),
            ("top", state.top_c > top_c),
            ("bottom", state.bottom_c > top_c),
        ):
            if is_so:
                seen[name] = min(seen[name], quarter / 4)
    return seen


def test_a_closed_freezer_loses_twice_its_static_loss() -> None:
    state = step(State(), SHUT, DAY_S)
    assert state.evaporated_l == pytest.approx(2 * BULK.static_l_per_day)
    assert state.level_mm == pytest.approx(550 - 12 / BULK.litres_per_mm)


def test_it_fills_itself_from_20_to_23_inches() -> None:
    state, filled = State(level_mm=509.0), False
    highest = lowest = state.level_mm
    for _ in range(10 * 24 * 12):
        state = step(state, SHUT, HOUR_S / 12)
        filled = filled or state.filling
        highest, lowest = max(highest, state.level_mm), min(lowest, state.level_mm)
    assert filled
    assert not state.fill_alarm
    assert lowest > 506
    assert highest == pytest.approx(584, abs=1.0)


def test_a_fill_takes_minutes_not_hours() -> None:
    state = step(State(level_mm=507.0), SHUT, 60)
    took_s = 60
    while state.filling:
        state = step(state, SHUT, 10)
        took_s += 10
    assert 5 * 60 < took_s < 30 * 60


def test_an_open_lid_stops_the_fill_and_closing_it_resumes() -> None:
    filling = step(State(level_mm=507.0), SHUT, 60)
    assert filling.filling
    held = step(filling, Inputs(lid_open=True), 60)
    assert not held.filling
    assert held.level_mm < filling.level_mm + 1
    assert step(held, SHUT, 10).filling


def test_a_fill_without_supply_ends_in_the_fill_time_alarm_until_reset() -> None:
    state = step(State(level_mm=507.0), DRY_SUPPLY, 59 * 60)
    assert state.filling
    assert not state.fill_alarm
    state = step(state, DRY_SUPPLY, 5 * 60)
    assert state.fill_alarm
    assert not state.filling
    later = step(state, SHUT, HOUR_S)
    assert later.fill_alarm
    assert later.level_mm < state.level_mm
    assert step(later, Inputs(reset_fill=True), 60).filling


def test_lost_vacuum_boils_off_20_times_as_much_after_the_ramp_of_4_and_a_half_hours() -> None:
    sound = evaporation_l_per_s(State(), SHUT)
    state = step(State(), FAILED, 3 * HOUR_S)
    assert 5 < evaporation_l_per_s(state, FAILED) / sound < 20
    state = step(state, FAILED, 3 * HOUR_S)
    assert evaporation_l_per_s(state, FAILED) / sound == pytest.approx(20)


def test_the_level_tells_of_a_lost_vacuum_many_hours_before_the_temperature() -> None:
    seen = hours_until(State(level_mm=515.0), FAILED, level_mm=LOW_ALARM_MM, top_c=-150.0)
    assert 2 < seen["level"] < 6
    assert seen["top"] > seen["level"] + 6
    assert seen["bottom"] > seen["top"] + 6


def test_at_minus_150_at_the_top_there_is_an_hour_left_to_minus_130() -> None:
    alarm = hours_until(State(level_mm=515.0), FAILED, level_mm=0.1, top_c=-150.0)
    glass = hours_until(State(level_mm=515.0), FAILED, level_mm=0.1, top_c=-130.0)
    assert glass["top"] - alarm["top"] >= 1.0


def test_an_emptied_freezer_with_sound_vacuum_keeps_cold_for_days() -> None:
    empty = State(level_mm=0.0, top_c=-170.0, bottom_c=-190.0)
    assert step(empty, DRY_SUPPLY, DAY_S).top_c < -132


def test_an_open_lid_warms_the_top_in_minutes_and_it_is_cold_again_in_40() -> None:
    opened = step(State(), Inputs(lid_open=True), 5 * 60)
    shown = read(opened, Inputs(lid_open=True), seed=1)
    assert shown.lid_open
    assert shown.top_c > -100
    assert shown.bottom_c == pytest.approx(LIQUID_C, abs=0.3)
    assert read(step(opened, SHUT, 15 * 60), SHUT, seed=1).top_c > -160
    assert read(step(opened, SHUT, 40 * 60), SHUT, seed=1).top_c < -165


def test_the_top_settles_between_minus_180_and_minus_150_as_with_steel_racks() -> None:
    assert -180 < step(State(), SHUT, 5 * DAY_S).top_c < -150


def test_a_shorted_pt100_looks_colder_than_the_liquid() -> None:
    shown = read(State(), Inputs(top_shorted=True), seed=1)
    assert shown.top_c == -200.0
    assert shown.bottom_c > -199


def test_a_healthy_probe_never_shows_the_code_of_a_short() -> None:
    shown = [read(State(elapsed_s=2.0 * n), SHUT, seed=5).bottom_c for n in range(2000)]
    assert min(shown) > -197


inputs = st.builds(
    Inputs,
    lid_open=st.booleans(),
    supply_open=st.booleans(),
    vacuum_sound=st.booleans(),
    automatic_fill=st.booleans(),
    reset_fill=st.booleans(),
    room_c=st.floats(5, 35),
)
history = st.lists(st.tuples(inputs, st.floats(0, 12 * HOUR_S)), max_size=6)


@given(history=history, level_mm=st.floats(0, 590))
@settings(deadline=None, max_examples=60)
def test_whatever_is_done_to_it_values_stay_physical_and_no_liquid_appears(
    history: list[tuple[Inputs, float]], level_mm: float
) -> None:
    state = start = State(level_mm=level_mm)
    for done, dt_s in history:
        state = step(state, done, dt_s)
        assert 0 <= state.level_mm <= BULK.height_mm
        assert LIQUID_C - 1e-6 <= state.bottom_c <= 35
        assert LIQUID_C - 1e-6 <= state.top_c + state.lid_k <= 35
        assert not (read(state, done, seed=1).filling and done.lid_open)
    litres = start.level_mm * BULK.litres_per_mm + state.filled_l - state.evaporated_l
    assert state.level_mm * BULK.litres_per_mm == pytest.approx(litres, abs=1e-6)


@given(pieces=st.lists(st.integers(1, 720), min_size=1, max_size=8), failed=st.booleans())
@settings(deadline=None, max_examples=40)
def test_many_small_steps_end_where_one_long_step_ends(pieces: list[int], *, failed: bool) -> None:
    done = FAILED if failed else SHUT
    start = msgspec.structs.replace(State(), level_mm=530.0)
    state = start
    for tens_s in pieces:
        state = step(state, done, 10.0 * tens_s)
    at_once = step(start, done, 10.0 * sum(pieces))
    assert state.level_mm == pytest.approx(at_once.level_mm, abs=1e-6)
    assert state.top_c == pytest.approx(at_once.top_c, abs=1e-6)


def test_one_second_steps_agree_with_long_ones() -> None:
    fine = State(level_mm=515.0)
    for _ in range(6 * 3600):
        fine = step(fine, FAILED, 1.0)
    coarse = step(State(level_mm=515.0), FAILED, 6 * HOUR_S)
    assert fine.level_mm == pytest.approx(coarse.level_mm, abs=0.2)
    assert fine.top_c == pytest.approx(coarse.top_c, abs=0.1)
