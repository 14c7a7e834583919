"""The incubator against the rows of the device facts, section 3.1."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.incubator import (
    C170,
    FULL_BAR,
    FULL_BOTTLE_KG,
    Cycle,
    Inputs,
    State,
    bottle_bar,
    co2_g,
    read,
    shelf_c,
    step,
)

HOUR_S = 3600.0
OPEN = Inputs(door_open=True)
SHUT = Inputs()
EMPTY = State(bottle_kg=0.0)


def after_opening(open_s: float) -> State:
    return step(State(), OPEN, open_s)


def seconds_until_co2(state: State, pct: float, *, within_s: float) -> float:
    for waited_s in range(1, int(within_s) + 1):
        state = step(state, SHUT, 1.0)
        if state.co2_pct >= pct:
            return waited_s
    return math.inf


def test_one_door_opening_loses_the_16_grams_of_the_binder_c170() -> None:
    assert after_opening(90).lost_g == pytest.approx(16.4, rel=0.02)


def test_a_closed_chamber_loses_less_than_2_g_in_12_h_and_stays_at_5_percent() -> None:
    state = step(State(), SHUT, 12 * HOUR_S)
    assert 1.0 < state.lost_g < 2.0
    assert state.co2_pct == pytest.approx(5.0, abs=0.15)


def test_co2_is_back_within_5_min_of_the_door_closing_and_does_not_overshoot() -> None:
    opened = after_opening(60)
    assert opened.co2_pct < 0.5
    assert 60 < seconds_until_co2(opened, 4.9, within_s=600) < 300
    settled = [step(opened, SHUT, later_s) for later_s in range(100, 1200, 50)]
    assert max(state.co2_pct for state in settled) < 5.15


def test_the_air_is_back_10_min_after_a_door_that_stood_open_for_30_s() -> None:
    opened = after_opening(30)
    assert opened.air_c < 28
    assert step(opened, SHUT, 3 * 60).air_c < 36.5
    recovering = [step(opened, SHUT, 60.0 * minute) for minute in range(10, 60, 5)]
    assert all(36.5 < state.air_c < 38.0 for state in recovering)


def test_humidity_falls_at_once_and_needs_about_half_an_hour() -> None:
    opened = after_opening(60)
    assert opened.humidity_pct < 50
    assert step(opened, SHUT, 10 * 60).humidity_pct < 85
    assert step(opened, SHUT, 35 * 60).humidity_pct > 92


def test_without_gas_an_opening_is_for_good() -> None:
    state = step(step(EMPTY, OPEN, 60), SHUT, HOUR_S)
    assert state.injected_g == 0
    assert state.co2_pct < 0.5


def test_a_new_bottle_brings_the_gas_back() -> None:
    starved = step(step(EMPTY, OPEN, 60), SHUT, HOUR_S)
    changed = msgspec.structs.replace(starved, bottle_kg=FULL_BOTTLE_KG)
    assert step(changed, SHUT, 300).co2_pct == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize(
    ("share", "expected_bar"),
    [(1.0, FULL_BAR), (0.5, FULL_BAR), (0.2, FULL_BAR), (0.095, FULL_BAR / 2), (0.0, 0.0)],
)
def test_bottle_pressure_tells_nothing_until_19_percent_are_left(
    share: float, expected_bar: float
) -> None:
    assert bottle_bar(share * FULL_BOTTLE_KG) == pytest.approx(expected_bar)


def test_a_full_bottle_stands_at_834_psi() -> None:
    assert pytest.approx(57.5, abs=0.1) == FULL_BAR


def test_a_dead_heater_lets_the_chamber_fall_to_the_room_with_the_walls_time_constant() -> None:
    dead = Inputs(heater_works=False, room_c=22.0)
    after = step(State(), dead, C170.wall_tau_s)
    assert after.wall_c == pytest.approx(22 + 15 / math.e, abs=0.05)
    assert step(State(), dead, 12 * HOUR_S).air_c == pytest.approx(22.0, abs=0.1)


def test_a_dead_fan_slows_the_air_and_spreads_the_shelves() -> None:
    still = Inputs(fan_works=False)
    opened = after_opening(30)
    assert step(opened, still, 300).air_c < step(opened, SHUT, 300).air_c - 3
    assert shelf_c(opened, still) - opened.air_c == pytest.approx(
        3 * (shelf_c(opened, SHUT) - opened.air_c)
    )


def test_sterilisation_holds_180_degrees_and_ends_by_itself_within_12_h() -> None:
    state = step(State(), Inputs(sterilise=True), 1.0)
    hottest, held_s, took_s = 0.0, 0.0, 0.0
    while state.cycle is not Cycle.NONE and took_s < 24 * HOUR_S:
        state = step(state, SHUT, 60.0)
        took_s += 60.0
        hottest = max(hottest, state.air_c)
        held_s += 60.0 if state.air_c >= 180 else 0.0
    assert held_s >= 30 * 60
    assert hottest < 190
    assert 6 * HOUR_S < took_s < 12 * HOUR_S
    assert step(state, SHUT, 2 * HOUR_S).air_c == pytest.approx(37.0, abs=0.2)


def test_the_sterilisation_state_and_the_door_are_shown() -> None:
    running = step(State(), Inputs(sterilise=True), 1.0)
    assert read(running, SHUT, seed=1).sterilising
    assert read(State(), OPEN, seed=1).door_open
    assert not read(State(), SHUT, seed=1).sterilising


def test_the_same_seed_reads_the_same_and_another_one_differs() -> None:
    shown = [read(State(elapsed_s=at), SHUT, seed=1) for at in range(0, 40, 2)]
    assert shown == [read(State(elapsed_s=at), SHUT, seed=1) for at in range(0, 40, 2)]
    assert shown != [read(State(elapsed_s=at), SHUT, seed=2) for at in range(0, 40, 2)]


def test_readings_are_noisy_about_the_truth() -> None:
    shown = [read(State(elapsed_s=2.0 * n), SHUT, seed=7) for n in range(500)]
    mean = sum(one.temperature_c for one in shown) / len(shown)
    assert mean == pytest.approx(37.0, abs=0.005)
    assert len({round(one.temperature_c, 2) for one in shown}) > 3


inputs = st.builds(
    Inputs,
    door_open=st.booleans(),
    heater_works=st.booleans(),
    fan_works=st.booleans(),
    pan_full=st.booleans(),
    sterilise=st.booleans(),
    room_c=st.floats(10, 35),
    room_humidity_pct=st.floats(0, 100),
)
history = st.lists(st.tuples(inputs, st.floats(0, 600)), max_size=8)


@given(history=history, bottle_kg=st.floats(0, FULL_BOTTLE_KG))
@settings(deadline=None, max_examples=60)
def test_whatever_is_done_to_it_values_stay_physical_and_no_gas_appears(
    history: list[tuple[Inputs, float]], bottle_kg: float
) -> None:
    state = start = State(bottle_kg=bottle_kg)
    for done, dt_s in history:
        state = step(state, done, dt_s)
        assert 9 < state.air_c < 200
        assert 9 < state.wall_c < 230
        assert 0 <= state.co2_pct < 10
        assert 0 <= state.humidity_pct <= 100
        assert 0 <= state.bottle_kg <= bottle_kg
        shown = read(state, done, seed=3)
        assert shown.co2_pct >= 0
        assert 0 <= shown.humidity_pct <= 100
    assert (start.bottle_kg - state.bottle_kg) * 1000 == pytest.approx(state.injected_g, abs=1e-6)
    balance_g = co2_g(start) + state.injected_g - state.lost_g
    assert co2_g(state) == pytest.approx(balance_g, abs=1e-6)


@given(pieces=st.lists(st.integers(1, 300), min_size=1, max_size=10), door_open=st.booleans())
@settings(deadline=None, max_examples=40)
def test_many_small_steps_end_where_one_long_step_ends(
    pieces: list[int], *, door_open: bool
) -> None:
    done = Inputs(door_open=door_open)
    opened = after_opening(20)
    state = opened
    for piece_s in pieces:
        state = step(state, done, float(piece_s))
    at_once = step(opened, done, float(sum(pieces)))
    assert state.air_c == pytest.approx(at_once.air_c, abs=1e-6)
    assert state.co2_pct == pytest.approx(at_once.co2_pct, abs=1e-6)
    assert state.humidity_pct == pytest.approx(at_once.humidity_pct, abs=1e-6)


def test_quarter_second_steps_change_nothing_that_a_sensor_shows() -> None:
    fine = after_opening(30)
    for _ in range(4 * 600):
        fine = step(fine, SHUT, 0.25)
    coarse = step(after_opening(30), SHUT, 600)
    assert fine.air_c == pytest.approx(coarse.air_c, abs=0.05)
    assert fine.co2_pct == pytest.approx(coarse.co2_pct, abs=0.1)
    assert fine.humidity_pct == pytest.approx(coarse.humidity_pct, abs=0.05)


@pytest.mark.parametrize("dt_s", [-1.0, math.nan])
def test_time_does_not_run_backwards(dt_s: float) -> None:
    with pytest.raises(ValueError, match="time does not run backwards"):
        step(State(), SHUT, dt_s)
