"""Excursions by a policy of three numbers, with Vaisala's example for 2-8 degC done by hand."""

import pytest

from batches.excursion import Crossing, Excursion, Limits
from batches.exposure import measure
from batches.placement import Interval
from batches.policy import Allowed, Policy, Standing, Verdict, judge
from devices.duration import Duration

MIN = 60_000
HOUR = 60 * MIN
FRIDGE = Policy(
    limits=Limits(low=2.0, high=8.0),
    allowed=Allowed(
        longest=Duration(30 * MIN), low=0.0, high=15.0, times=1, per=Duration(24 * HOUR)
    ),
    coverage=90.0,
)


def warm(start: int, length: int, worst: float = 9.0) -> Excursion:
    end = start + length
    line = Crossing(start=start, end=end, area=0.0)
    return Excursion(start=start, end=end, side="high", worst=worst, area=0.0, line=line)


@pytest.mark.parametrize(
    ("excursion", "standing"),
    [
        pytest.param(warm(0, 30 * MIN), Standing.ALLOWED, id="as long as allowed"),
        pytest.param(warm(0, 30 * MIN + 1), Standing.TOO_LONG, id="a millisecond longer"),
        pytest.param(warm(0, MIN, 15.0), Standing.ALLOWED, id="as far as allowed"),
        pytest.param(warm(0, MIN, 15.001), Standing.TOO_FAR, id="a milli-degree further"),
        pytest.param(warm(0, MIN, -0.001), Standing.TOO_FAR, id="too cold"),
    ],
)
def test_range_and_duration_are_judged_at_their_edges(
    excursion: Excursion, standing: Standing
) -> None:
    assert [j.standing for j in judge(FRIDGE, [excursion], [])] == [standing]


@pytest.mark.parametrize(
    ("again", "standing"),
    [(24 * HOUR, Standing.ALLOWED), (24 * HOUR - 1, Standing.TOO_OFTEN)],
)
def test_only_one_excursion_may_begin_within_24_h(again: int, standing: Standing) -> None:
    first, second = warm(0, MIN), warm(again, MIN)
    judged = judge(FRIDGE, [first, second], [])
    assert [j.standing for j in judged] == [Standing.ALLOWED, standing]


def test_beside_a_gap_nobody_knows_how_long_it_was() -> None:
    each = warm(10 * MIN, MIN)
    for gap in (Interval(9 * MIN, 10 * MIN), Interval(11 * MIN, 12 * MIN)):
        assert judge(FRIDGE, [each], [gap])[0].standing is Standing.UNSURE
    assert judge(FRIDGE, [each], [Interval(0, MIN)])[0].standing is Standing.ALLOWED


def test_without_a_policy_no_excursion_is_allowed() -> None:
    plain = Policy(limits=FRIDGE.limits)
    assert judge(plain, [warm(0, 1)], [])[0].standing is Standing.NOT_ALLOWED


def test_pieces_without_a_time_in_limits_between_them_are_one_excursion() -> None:
    cold = Excursion(
        start=20 * MIN,
        end=40 * MIN,
        side="low",
        worst=1.0,
        area=0.0,
        line=Crossing(start=20 * MIN, end=40 * MIN, area=0.0),
    )
    judged = judge(FRIDGE, [warm(0, 20 * MIN), cold, warm(24 * HOUR, MIN)], [])
    assert [each.standing for each in judged] == [
        Standing.TOO_LONG,
        Standing.TOO_LONG,
        Standing.ALLOWED,
    ]
    assert [each.whole for each in judged] == [Interval(0, 40 * MIN)] * 2 + [None]
    # Nor may one of them be further out than is allowed, nor count as another one.
    far = judge(FRIDGE, [warm(0, 20 * MIN, 15.001), cold], [])
    assert [each.standing for each in far] == [Standing.TOO_FAR] * 2
    short = judge(FRIDGE, [warm(10 * MIN, 10 * MIN), cold], [])
    assert [each.standing for each in short] == [Standing.ALLOWED] * 2


def readings(*values: float | None) -> list[tuple[int, float | None]]:
    return [(n * MIN, value) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        pytest.param([5.0] * 10, Verdict.IN, id="in"),
        pytest.param([5.0] * 4 + [9.0] * 2 + [5.0] * 4, Verdict.IN, id="an allowed excursion"),
        pytest.param([5.0] * 9 + [None], Verdict.IN, id="as much known as required"),
        pytest.param([5.0] * 8 + [None] * 2, Verdict.UNKNOWN, id="less known than required"),
        pytest.param([5.0] * 8 + [9.0, None], Verdict.UNKNOWN, id="warm before a gap"),
        pytest.param([None] * 9 + [16.0], Verdict.OUT, id="out whatever the rest was"),
        pytest.param([None] * 10, Verdict.UNKNOWN, id="nothing known"),
    ],
)
def test_the_verdict_has_three_values(values: list[float | None], verdict: Verdict) -> None:
    found = measure(readings(*values), start=0, end=10 * MIN, period=MIN, policy=FRIDGE)
    assert found.verdict is verdict


def test_the_time_of_a_tolerated_gap_is_unknown_and_not_in() -> None:
    found = measure(readings(*[5.0] * 9, None), start=0, end=10 * MIN, period=MIN, policy=FRIDGE)
    assert (found.verdict, found.in_ms, found.unknown_ms) == (Verdict.IN, 9 * MIN, MIN)
