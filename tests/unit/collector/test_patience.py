"""How long a unit is waited for, and what its silence may take of its bus (G4). No clock runs."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import breaker, patience
from collector.patience import Patience

WHOLE_S = 1.0


def after(answers: Iterable[float]) -> Patience:
    known = Patience()
    for took_s in answers:
        known = known.heard(took_s)
    return known


def test_a_unit_that_is_not_known_has_its_whole_timeout() -> None:
    for answers in range(patience.LEARNT):
        assert after([0.01] * answers).question_s(0, WHOLE_S) == WHOLE_S
    assert after([0.01] * patience.LEARNT).question_s(0, WHOLE_S) == patience.LEAST_S


@pytest.mark.parametrize(
    ("slowest_s", "first_s", "second_s"),
    [
        pytest.param(0.01, 0.4, 0.55, id="quick"),
        pytest.param(0.15, 0.45, 0.5, id="a little slow"),
        pytest.param(0.3, 0.9, 0.9, id="slow: waited for in full"),
        pytest.param(0.8, 1.0, 1.0, id="never longer than its timeout"),
    ],
)
def test_the_two_questions_before_it_counts_as_silent(
    slowest_s: float, first_s: float, second_s: float
) -> None:
    known = after([slowest_s] * 20)
    assert known.question_s(0, WHOLE_S) == pytest.approx(first_s)
    assert known.question_s(1, WHOLE_S) == pytest.approx(second_s)


@given(st.lists(st.floats(0.001, 1.0), min_size=8, max_size=60), st.floats(0.01, 5.0))
def test_no_unit_is_given_up_before_the_slowest_of_its_answers(
    answers: list[float], whole_s: float
) -> None:
    known = after(min(took_s, whole_s) for took_s in answers)
    # Sixty answers are forgotten by 6 per cent at most, and three times that is waited for.
    slowest_s = min(max(answers), whole_s)
    for misses in (0, 1):
        assert slowest_s <= known.question_s(misses, whole_s) <= whole_s
    assert slowest_s <= known.look_s(5.0, whole_s) <= whole_s


def test_what_was_slow_once_is_forgotten_by_half_in_seven_hundred_answers() -> None:
    known = after([0.4, *[0.002] * 693])
    assert known.slowest_s == pytest.approx(0.2, rel=0.01)


@given(st.floats(0.001, 0.15), st.floats(0.5, 60.0))
def test_a_newly_dead_unit_costs_its_bus_a_second_and_a_hundredth_from_then_on(
    took_s: float, period_s: float
) -> None:
    known, state = after([took_s] * 20), breaker.HEALTHY
    now_s, cost_s, looks = 0.0, 0.0, list[tuple[float, float]]()
    while now_s < 86_400 and len(looks) < 40:
        if state.is_open:
            wait_s = known.look_s(state.pause_s, WHOLE_S)
            looks.append((now_s, wait_s))
        else:
            wait_s = known.question_s(state.misses, WHOLE_S)
            cost_s += wait_s
        state = breaker.missed(state, now_s + wait_s, least_pause_s=known.pause_s(WHOLE_S))
        now_s = max(now_s + period_s, state.probe_s if state.is_open else 0.0)
    assert cost_s <= 1.0
    assert looks
    spent_s = 0.0
    for at_s, wait_s in looks:
        spent_s += wait_s
        assert spent_s <= patience.SHARE * (at_s + wait_s) + 1e-9
    # And if it is alive but has become slow, it is given all its time within minutes.
    assert any(wait_s >= WHOLE_S and at_s <= 700 for at_s, wait_s in looks)


def test_an_answer_that_took_twice_the_slowest_waited_for_something_else() -> None:
    known = after([0.04] * 20)
    assert not known.is_unusual(0.07)
    assert known.is_unusual(0.09)
    assert not after([0.001] * 20).is_unusual(0.04)
    assert not after([0.001]).is_unusual(0.9)
