"""The room's oxygen against the formulas of the device facts, section 3.2."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.room import Design, Inputs, State, read, step

SMALL = Design(volume_m3=30.0)
STILL = Inputs(ventilation_works=False, nitrogen_l_per_s=10 / 600)


def test_10_litres_in_30_cubic_metres_leave_16_6_percent() -> None:
    assert step(State(), STILL, 600, SMALL).oxygen_pct == pytest.approx(16.6, abs=0.05)


def test_the_exact_law_is_an_exponential_of_the_litres() -> None:
    expected = 20.9 * math.exp(-0.695 * 10 / 30)
    assert step(State(), STILL, 600, SMALL).oxygen_pct == pytest.approx(expected, rel=1e-9)


def test_ventilation_settles_where_inflow_and_nitrogen_balance() -> None:
    # Q = 30 m3 x 6/h = 180 m3/h; e = 36 L/h of liquid x 0.695 = 25.02 m3/h.
    settled = step(State(), Inputs(nitrogen_l_per_s=36 / 3600), 6 * 3600, SMALL)
    assert settled.oxygen_pct == pytest.approx(20.9 * 180 / (180 + 25.02), abs=0.001)


def test_without_nitrogen_the_air_stays_fresh() -> None:
    still = Inputs(ventilation_works=False)
    assert step(State(), still, 86_400).oxygen_pct == pytest.approx(20.9)


def test_a_faulty_sensor_has_no_oxygen_to_show() -> None:
    shown = read(State(), Inputs(sensor_fault=True), seed=1)
    assert shown.oxygen_pct is None
    assert shown.fault


def test_the_sensor_follows_with_a_lag() -> None:
    poor = State(oxygen_pct=16.0)
    still = Inputs(ventilation_works=False)
    assert step(poor, still, 5).seen_pct > 19
    assert step(poor, still, 120).seen_pct == pytest.approx(16.0, abs=0.1)


@given(
    flow=st.floats(0, 1),
    dt_s=st.floats(0, 7200),
    start=st.floats(0, 20.9),
    ventilated=st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_oxygen_stays_between_none_and_fresh_air(
    flow: float, dt_s: float, start: float, *, ventilated: bool
) -> None:
    inputs = Inputs(nitrogen_l_per_s=flow, ventilation_works=ventilated)
    state = step(State(oxygen_pct=start, seen_pct=start), inputs, dt_s)
    assert 0 <= state.oxygen_pct <= 20.9 + 1e-9
    assert 0 <= state.seen_pct <= 20.9 + 1e-9
