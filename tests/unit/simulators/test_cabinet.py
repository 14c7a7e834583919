"""The cabinet against what its designs claim, and against first-order lags worked out by hand."""

import math

import pytest
from msgspec.structs import replace

from simulators.cabinet import (
    REFRIGERATOR,
    ULTRA_COLD,
    Design,
    Inputs,
    State,
    defrosting,
    read,
    settled,
    step,
)

HOUR_S = 3600.0
SHUT = Inputs()
OPEN = Inputs(door_open=True)
DEAD = Inputs(compressor_works=False)


def day_of(design: Design) -> list[float]:
    state, seen = settled(design), []
    for _ in range(2 * 1440):
        state = step(state, SHUT, 60, design)
        seen.append(state.seen_c)
    return seen[1440:]


def hours_to(state: State, inputs: Inputs, design: Design, celsius: float) -> float:
    sign, minutes = (1 if state.seen_c < celsius else -1), 0
    while sign * (celsius - state.seen_c) > 0 and minutes < 60 * 100:
        state = step(state, inputs, 60, design)
        minutes += 1
    return minutes / 60


def test_a_freezer_at_rest_stays_within_its_band() -> None:
    seen = day_of(ULTRA_COLD)
    assert min(seen) > -83
    assert max(seen) < -77


def test_a_refrigerator_at_rest_stays_within_2_to_8_but_for_its_defrosts() -> None:
    seen = day_of(REFRIGERATOR)
    outside = sum(not 2 < celsius < 8 for celsius in seen)
    assert min(seen) > 2
    assert 0 < max(seen) - 8 < 3
    # Three defrosts a day, each some minutes above 8 °C: less than the 30 that a policy forgives.
    assert outside / 3 < 25


def test_a_new_freezer_is_cold_within_9_to_26_hours() -> None:
    warm = State(air_c=22.0, goods_c=22.0, seen_c=22.0)
    assert 9 < hours_to(warm, SHUT, ULTRA_COLD, -80.0) < 26


def test_a_dead_compressor_warms_as_a_first_order_lag() -> None:
    state = settled(ULTRA_COLD)
    # From -80 °C towards 22 °C with 10 h: ln(102 / 72) of them to -50 °C.
    assert hours_to(state, DEAD, ULTRA_COLD, -50.0) == pytest.approx(
        10 * math.log(102 / 72), abs=0.25
    )


def test_a_minute_of_open_door_is_made_good_within_half_an_hour() -> None:
    opened = step(settled(ULTRA_COLD), OPEN, 60, ULTRA_COLD)
    assert -70 < opened.air_c < -45
    assert hours_to(opened, SHUT, ULTRA_COLD, -76.0) < 0.5


def test_what_is_stored_warms_far_less_than_the_air() -> None:
    opened = step(settled(REFRIGERATOR), OPEN, 60, REFRIGERATOR)
    assert opened.air_c > 10
    assert opened.goods_c < 6


def test_it_defrosts_three_times_a_day_and_does_not_cool_meanwhile() -> None:
    assert not defrosting(0.0, REFRIGERATOR)
    assert defrosting(8 * HOUR_S - 60, REFRIGERATOR)
    assert not defrosting(8 * HOUR_S, REFRIGERATOR)
    assert not any(defrosting(minute * 60.0, ULTRA_COLD) for minute in range(1440))
    warm = replace(settled(REFRIGERATOR), elapsed_s=8 * HOUR_S - 120, seen_c=9.0, cooling=True)
    assert not step(warm, SHUT, 20, REFRIGERATOR).cooling


def test_what_is_shown_is_in_tenths_and_repeats_by_its_seed() -> None:
    state = settled(ULTRA_COLD)
    shown = read(state, OPEN, 3, ULTRA_COLD)
    assert shown == read(state, OPEN, 3, ULTRA_COLD)
    assert shown.door_open
    assert shown.temperature_c * 10 == pytest.approx(round(shown.temperature_c * 10))
    assert abs(shown.temperature_c + 80) < 0.5


def test_the_size_of_a_step_does_not_change_the_physics() -> None:
    long = step(settled(ULTRA_COLD), SHUT, HOUR_S, ULTRA_COLD)
    short = settled(ULTRA_COLD)
    for _ in range(180):
        short = step(short, SHUT, 20, ULTRA_COLD)
    assert long.goods_c == pytest.approx(short.goods_c)
    assert long.seen_c == pytest.approx(short.seen_c)


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        step(settled(ULTRA_COLD), SHUT, -1, ULTRA_COLD)
