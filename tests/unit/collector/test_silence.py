"""A silence is told three periods after the last word, and once each period from then on."""

from hypothesis import given
from hypothesis import strategies as st

from collector.silence import Silence


def test_who_never_speaks_is_told_three_periods_after_the_start() -> None:
    silence = Silence({"tank": 10.0}, start_s=100.0)
    assert silence.due(129.9) == []
    assert silence.due(130.0) == ["tank"]


def test_a_silence_that_lasts_is_told_once_each_period() -> None:
    silence = Silence({"tank": 10.0}, start_s=0.0)
    told = [second for second in range(75) if silence.due(second)]
    assert told == [30, 40, 50, 60, 70]


def test_a_word_ends_the_silence_and_grants_three_periods_again() -> None:
    silence = Silence({"tank": 10.0}, start_s=0.0)
    assert silence.due(30.0) == ["tank"]
    silence.heard("tank", 35.0)
    told = [second for second in range(36, 80) if silence.due(second)]
    assert told == [65, 75]


def test_each_has_a_period_of_its_own() -> None:
    silence = Silence({"slow": 60.0, "fast": 1.0}, start_s=0.0)
    assert silence.due(3.0) == ["fast"]
    assert "slow" not in silence.due(179.0)
    assert "slow" in silence.due(180.0)


def test_after_a_stall_a_silence_is_told_once_and_keeps_its_beat() -> None:
    silence = Silence({"tank": 10.0}, start_s=0.0)
    assert silence.due(97.0) == ["tank"]
    assert silence.due(99.9) == []
    assert silence.due(100.0) == ["tank"]


def test_the_pause_is_until_somebody_may_be_due() -> None:
    assert Silence({}, start_s=0.0).pause_s(0.0) is None
    silence = Silence({"tank": 10.0}, start_s=0.0)
    assert silence.pause_s(12.0) == 18.0
    assert silence.pause_s(31.0) == 0.0


@given(st.lists(st.integers(0, 200), max_size=40), st.integers(1, 20))
def test_it_is_told_exactly_when_nothing_was_heard_for_three_periods(
    heard: list[int], period: int
) -> None:
    silence = Silence({"tank": float(period)}, start_s=0.0)
    last = 0
    for second in range(200):
        if second in heard:
            silence.heard("tank", float(second))
            last = second
        silent = second - last
        expected = silent >= 3 * period and silent % period == 0
        assert bool(silence.due(float(second))) == expected
