"""How much of a chart's time is known: what was said holds until the next word, not for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.coverage import Grid, held, held_of_day, is_unknown

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
SECOND = 1_000


def known(samples: list[tuple[int, bool]], grid: Grid, period: int = SECOND) -> list[int]:
    at = np.array([each[0] for each in samples], np.int64)
    good = np.array([each[1] for each in samples], np.bool_)
    told: list[int] = held(at, good, grid, period).tolist()
    return told


def test_a_steady_channel_is_known_all_the_time() -> None:
    grid = Grid(0, 5_000, 4, 20_000)
    assert known([(n * SECOND, True) for n in range(20)], grid) == [5_000] * 4


def test_the_time_of_a_value_that_is_not_good_is_not_known() -> None:
    grid = Grid(0, 5_000, 2, 10_000)
    samples = [(n * SECOND, n not in {2, 6, 7, 8, 9}) for n in range(10)]
    assert known(samples, grid) == [4_000, 1_000]


def test_after_three_periods_without_a_word_a_value_holds_for_one() -> None:
    grid = Grid(0, 10_000, 3, 30_000)
    steady = [(n * SECOND, True) for n in range(8)]
    assert known([*steady, (10_000, True)], grid) == [10_000, 1_000, 0]
    assert known([*steady, (25_000, True), (28_000, True)], grid) == [8_000, 0, 5_000]


def test_a_device_that_was_read_more_seldom_once_is_not_unknown() -> None:
    grid = Grid(0, 120_000, 5, 600_000)
    assert known([(n * 60_000, True) for n in range(10)], grid) == [120_000] * 5


def test_what_begins_later_is_unknown_before_it_began() -> None:
    grid = Grid(0, 10_000, 3, 30_000)
    assert known([(n * SECOND, True) for n in range(15, 30)], grid) == [0, 5_000, 10_000]
    assert known([], grid) == [0, 0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 299), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 30),
    st.integers(1, 20),
)
def test_no_bucket_is_known_for_longer_than_it_lasts_and_all_of_them_as_one_would_count(
    samples: list[tuple[int, bool]], size: int, period: int
) -> None:
    samples.sort(key=lambda each: each[0])
    grid = Grid(0, -(-300 // size), size, 300)
    told = known(samples, grid, period)
    assert all(0 <= each <= due for each, due in zip(told, grid.due().tolist(), strict=True))
    apart = np.diff([at for at, _ in samples])
    usual = max(period, int(np.median(apart))) if len(apart) else period
    instants = set()
    for n, (at, good) in enumerate(samples):
        until = samples[n + 1][0] if n + 1 < len(samples) else 300
        until = until if until - at <= 3 * usual else at + usual
        begin = 0 if n == 0 and at < 2 * usual else at
        instants |= set(range(begin, until)) if good else set()
    counted = [
        sum(n * grid.width <= each < (n + 1) * grid.width for each in instants) for n in range(size)
    ]
    assert told == counted


def test_buckets_that_were_not_due_yet_are_not_waited_for() -> None:
    assert Grid(0, 10, 4, 25).due().tolist() == [10, 10, 5, 0]


@pytest.mark.parametrize(
    ("known_ms", "judged", "longest", "held_ms"),
    [
        pytest.param(DAY_MS - 10_000, 8_640, 10_000, DAY_MS, id="all of it"),
        pytest.param(DAY_MS // 2, 4_320, 10_000, DAY_MS // 2 + 10_000, id="half was not good"),
        pytest.param(DAY_MS - 10_000, 5_760, 8 * HOUR_MS, 16 * HOUR_MS, id="eight hours silent"),
        pytest.param(23 * HOUR_MS, 24, HOUR_MS, DAY_MS, id="each hour"),
        pytest.param(23 * HOUR_MS, 23, 2 * HOUR_MS, DAY_MS, id="each hour, but one"),
        pytest.param(DAY_MS - 20_000, 4_320, 20_000, DAY_MS, id="each 20 s"),
        pytest.param(DAY_MS - 35_000, 3_456, 35_000, DAY_MS, id="each 25 s, at times 35 s"),
        pytest.param(DAY_MS - 10_000, 4_320, 1_810_000, DAY_MS // 2, id="24 times half an hour"),
        pytest.param(DAY_MS - 10_000, 7_740, 1_810_000, 77_400_000, id="5 times half an hour"),
        pytest.param(DAY_MS - 60_000, 4_320, 70_000, DAY_MS // 2, id="every other minute"),
        pytest.param(DAY_MS - 50_000, 3_703, 50_000, 37_030_000, id="each third is awaited long"),
        pytest.param(16 * HOUR_MS, 6, 8 * HOUR_MS, 60_000, id="three pairs"),
        pytest.param(8 * HOUR_MS, 2, 8 * HOUR_MS, 20_000, id="two, eight hours apart"),
        pytest.param(8 * HOUR_MS + 20_000, 4, 8 * HOUR_MS, 40_000, id="four, and a silence"),
        pytest.param(0, 1, 0, 10_000, id="a single one"),
        pytest.param(0, 0, 0, 0, id="none"),
    ],
)
def test_a_sealed_day_is_known_but_for_what_was_not_good_and_its_silences(
    known_ms: int, judged: int, longest: int, held_ms: int
) -> None:
    found = held_of_day(known_ms, judged, longest, 10_000)
    assert found == pytest.approx(held_ms, abs=20_000)


@given(st.data(), st.integers(9, 300), st.integers(1, 60_000))
def test_a_sealed_day_is_as_known_as_its_samples_say_however_often_it_fell_silent(
    data: st.DataObject, gaps: int, period: int
) -> None:
    long = st.integers(3 * period + 1, 500 * period)
    silences = data.draw(st.lists(long, max_size=gaps // 4))
    apart = data.draw(st.permutations([*silences, *[period] * (gaps - len(silences))]))
    at = np.concatenate(([0], np.cumsum(np.array(apart, np.int64))))
    end = int(at[-1]) + period
    (told,) = held(at, np.ones(len(at), np.bool_), Grid(0, end, 1, end), period).tolist()
    assert held_of_day(int(at[-1]), len(at), max(apart), period) == told


def test_more_than_a_tenth_of_the_time_makes_a_bucket_unknown() -> None:
    assert is_unknown(np.array([1.0, 0.9, 0.89, 0.0, np.nan])).tolist() == [
        *(False, False, True, True),
        False,
    ]
