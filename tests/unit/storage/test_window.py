"""How lines become batches and how batches are confirmed."""

import asyncio

import pytest

from storage.window import Batch, Window

SOON_S = 2.0


@pytest.fixture
def window() -> Window:
    return Window(10, batch_lines=3, linger_s=60.0, most=2)


def taken(window: Window) -> Batch:
    batch = window.take()
    assert batch
    return batch


async def test_a_batch_goes_out_when_it_is_full(window: Window) -> None:
    await window.add(11, ["a", "b"], since=5)
    await window.add(12, ["c"], since=6)
    batch = taken(window)
    assert (batch.lines, batch.upto, batch.since) == (["a", "b", "c"], 12, 5)
    window.close()


async def test_an_entry_is_never_cut_between_batches(window: Window) -> None:
    await window.add(11, ["a", "b"], since=5)
    await window.add(12, ["c", "d"], since=6)
    batch = taken(window)
    assert (batch.lines, batch.upto) == (["a", "b"], 11)
    window.close()


async def test_a_small_batch_goes_out_when_its_time_is_over() -> None:
    ready = asyncio.Event()
    window = Window(0, batch_lines=100, linger_s=0.01, most=2, on_ready=ready.set)
    await window.add(1, ["a"], since=5)
    assert window.take() is None
    await asyncio.wait_for(ready.wait(), SOON_S)
    assert taken(window).lines == ["a"]


async def test_a_batch_that_is_ended_goes_out_as_it_is(window: Window) -> None:
    window.seal()
    assert window.take() is None
    await window.add(11, ["a"], since=5)
    window.seal()
    assert taken(window).lines == ["a"]


async def test_an_entry_without_lines_is_confirmed_in_its_turn() -> None:
    window = Window(0, batch_lines=100, linger_s=60.0, most=2)
    await window.add(1, [], since=5)
    window.seal()
    window.settle(taken(window))
    assert window.confirmed == 1


async def test_nothing_is_confirmed_past_a_gap(window: Window) -> None:
    await window.add(11, ["a", "b", "c"], since=5)
    await window.add(12, ["d", "e", "f"], since=6)
    first, second = taken(window), taken(window)

    window.settle(second)
    assert (window.confirmed, window.since, window.passed) == (10, 5, None)

    window.settle(first)
    assert (window.confirmed, window.since, window.passed) == (12, None, 6)
    window.close()


async def test_reading_on_waits_until_the_oldest_batch_is_confirmed(window: Window) -> None:
    await window.add(11, ["a", "b", "c"], since=5)
    await window.add(12, ["d", "e", "f"], since=6)
    adding = asyncio.create_task(window.add(13, ["g"], since=7), name="adding")
    first, second = taken(window), taken(window)
    window.settle(second)
    await asyncio.sleep(0)
    assert not adding.done()

    window.settle(first)
    await asyncio.wait_for(adding, SOON_S)
    assert window.since == 7
    window.close()
