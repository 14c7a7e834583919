"""Sessions of the console, and how often somebody may try."""

import pytest

from console.rate import Rate
from console.sessions import MOST, WHOLE_MS, Sessions

NOW = 1_767_225_600_000
IDLE = 15 * 60_000


def test_who_does_nothing_for_a_while_is_in_no_more() -> None:
    sessions = Sessions(idle_ms=IDLE)
    token = sessions.begin("anna", 7, NOW)
    found = sessions.find(token, NOW + IDLE - 1)
    assert found is not None
    assert (found.person, found.credential) == ("anna", 7)
    assert sessions.find(token, NOW + IDLE) is None


def test_who_does_something_stays_but_not_for_ever() -> None:
    sessions = Sessions(idle_ms=IDLE)
    token = sessions.begin("anna", 7, NOW)
    for at in range(NOW, NOW + WHOLE_MS, IDLE // 2):
        sessions.touch(token, at)
        assert sessions.find(token, at) is not None
    sessions.touch(token, NOW + WHOLE_MS - 1)
    assert sessions.find(token, NOW + WHOLE_MS) is None


def test_what_is_over_is_not_brought_back_by_a_touch() -> None:
    sessions = Sessions(idle_ms=IDLE)
    token = sessions.begin("anna", 7, NOW)
    sessions.touch(token, NOW + IDLE)
    assert sessions.find(token, NOW + IDLE) is None


def test_who_leaves_is_out_and_others_are_not() -> None:
    sessions = Sessions(idle_ms=IDLE)
    one, other = sessions.begin("anna", 7, NOW), sessions.begin("anna", 7, NOW)
    sessions.end(one)
    assert sessions.find(one, NOW) is None
    assert sessions.find(other, NOW) is not None


def test_a_clock_that_was_set_back_lets_nobody_in() -> None:
    sessions = Sessions(idle_ms=IDLE)
    token = sessions.begin("anna", 7, NOW)
    assert sessions.find(token, NOW - 1) is None


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 10_000])
def test_what_was_not_given_out_here_is_nobody(token: str) -> None:
    sessions = Sessions(idle_ms=IDLE)
    sessions.begin("anna", 7, NOW)
    assert sessions.find(token, NOW) is None


def test_there_are_never_more_than_so_many_and_the_one_longest_unused_ends() -> None:
    sessions = Sessions(idle_ms=IDLE)
    tokens = [sessions.begin("anna", 7, NOW + n) for n in range(MOST + 1)]
    now = NOW + MOST + 1
    assert sessions.find(tokens[0], now) is None
    assert all(sessions.find(token, now) is not None for token in tokens[1:])


def test_an_address_has_its_burst_and_then_one_try_at_a_time() -> None:
    now_s = 0.0
    rate = Rate(burst=3, refill_s=6.0, now_s=lambda: now_s)
    assert [rate.allows("a") for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b")
    now_s = 6.0
    assert [rate.allows("a") for _ in range(2)] == [True, False]
