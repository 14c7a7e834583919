"""Messages are acknowledged in the order in which they came, when all before are safe too."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from collector.mqtt_window import Window


@given(st.permutations(range(12)))
def test_acknowledgements_keep_the_order_of_arrival(settled: list[int]) -> None:
    window = Window(12, 1_000)
    acknowledged: list[int] = []
    tickets = [window.admit(partial(acknowledged.append, n), 1) for n in range(12)]
    safe: set[int] = set()
    for number in settled:
        window.settle(tickets[number])
        safe.add(number)
        unsafe = [n for n in range(12) if n not in safe]
        assert acknowledged == list(range(unsafe[0] if unsafe else 12))
    assert len(window) == 0


def test_it_is_full_beyond_its_messages_and_has_room_again_with_an_eighth_free() -> None:
    window = Window(16, 1_000)
    tickets = [window.admit(lambda: None, 1) for _ in range(16)]
    before = window.is_full
    tickets.append(window.admit(lambda: None, 1))
    assert (before, window.is_full) == (False, True)
    for ticket in tickets[:2]:
        window.settle(ticket)
    before = window.has_room
    window.settle(tickets[2])
    assert (before, window.has_room) == (False, True)


def test_it_is_full_beyond_its_bytes() -> None:
    window = Window(100, 1_000)
    large = window.admit(lambda: None, 1_001)
    assert window.is_full
    window.settle(large)
    assert window.has_room


def test_an_eighth_of_its_bytes_must_be_free_too() -> None:
    window = Window(100, 800)
    small, large = window.admit(lambda: None, 50), window.admit(lambda: None, 751)
    window.settle(small)
    before = window.has_room
    window.settle(large)
    assert (before, window.has_room) == (False, True)
