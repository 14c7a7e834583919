"""The mean kinetic temperature, against the worked cases of USP <1160>'s formula."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.exposure import measure
from batches.kinetic import KineticMean


@pytest.mark.parametrize(
    ("weighted", "expected"),
    [
        pytest.param([(25.0, 1)] * 10, 25.000000, id="mkt1"),
        pytest.param([(20.0, 1), (30.0, 1)], 26.259887, id="mkt2"),
        pytest.param([(15.0, 1), (20.0, 1), (25.0, 1), (30.0, 1)], 24.104053, id="mkt3"),
        pytest.param([(5.0, 23), (15.0, 1)], 5.763546, id="mkt5"),
        pytest.param([(5.0, 20), (15.0, 4)], 7.704628, id="mkt6"),
        pytest.param([(5.0, 19_479_016), (15.0, 4_520_984)], 8.0, id="mkt6, at its limit"),
        pytest.param([(-190.0, 23), (-130.0, 1)], -136.229059, id="mkt9"),
    ],
)
def test_the_mean_kinetic_temperature_is_that_of_the_worked_case(
    weighted: list[tuple[float, int]], expected: float
) -> None:
    mean = KineticMean()
    for celsius, weight in weighted:
        mean.add(celsius, weight)
    assert mean.celsius() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("delta_h", "expected"),
    [(42.0, 25.618762), (60.0, 25.907469), (100.0, 26.500549), (125.0, 26.829923)],
)
def test_another_activation_energy_gives_another_temperature_mkt11(
    delta_h: float, expected: float
) -> None:
    mean = KineticMean(delta_h)
    mean.add(20.0, 1)
    mean.add(30.0, 1)
    assert mean.celsius() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("celsius", [-273.15, -300.0, nan, inf, -inf])
def test_what_is_no_temperature_is_refused(celsius: float) -> None:
    with pytest.raises(ValueError, match="not a temperature"):
        KineticMean().add(celsius, 1)


@given(st.lists(st.tuples(st.floats(-273.14, 1000.0), st.integers(1, 10**12)), min_size=1))
def test_no_temperature_underflows(weighted: list[tuple[float, int]]) -> None:
    mean = KineticMean()
    for celsius, weight in weighted:
        mean.add(celsius, weight)
    temperatures = [celsius for celsius, _ in weighted]
    assert min(temperatures) - 1e-9 <= mean.celsius() <= max(temperatures) + 1e-9


def test_a_negative_weight_and_a_meaningless_energy_are_refused() -> None:
    with pytest.raises(ValueError, match="not a temperature and a time"):
        KineticMean().add(20.0, -1)
    with pytest.raises(ValueError, match="activation energy"):
        KineticMean(0.0)


def test_a_temperature_near_absolute_zero_does_not_underflow() -> None:
    mean = KineticMean()
    mean.add(-272.0, 10)
    mean.add(-271.0, 10)
    assert -272.0 < mean.celsius() <= -271.0


def test_at_the_cold_of_nitrogen_the_kinetic_mean_only_informs_mkt9() -> None:
    cold = measure([(0, -190.0), (23, -130.0)], start=0, end=24, period=23, kinetic=True)
    assert cold.kinetic == pytest.approx(-136.229059, abs=1e-6)
    assert cold.kinetic_only_informs
    assert not measure([(0, 5.0)], start=0, end=1, period=1, kinetic=True).kinetic_only_informs


@given(st.lists(st.tuples(st.floats(-196, 150), st.integers(1, 10**9)), min_size=1), st.randoms())
def test_the_kinetic_mean_does_not_depend_on_order_or_on_cutting(
    weighted: list[tuple[float, int]], random: object
) -> None:
    forward, shuffled = KineticMean(), KineticMean()
    for celsius, weight in weighted:
        forward.add(celsius, weight)
    pieces = [(c, w // 2) for c, w in weighted] + [(c, w - w // 2) for c, w in weighted]
    random.shuffle(pieces)  # type: ignore[attr-defined] # hypothesis gives a Random
    for celsius, weight in pieces:
        shuffled.add(celsius, weight)
    assert shuffled.celsius() == pytest.approx(forward.celsius(), abs=1e-9)
