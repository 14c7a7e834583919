"""Which batch goes out next, and how far all was sent."""

import asyncio
from collections.abc import Callable

import pytest

from storage.lineup import Lineup
from storage.window import Batch, Window

SOON_S = 2.0


def window(after: int, on_ready: Callable[[], None]) -> Window:
    return Window(after, batch_lines=2, linger_s=60.0, most=4, on_ready=on_ready)


@pytest.fixture
def lineup() -> Lineup:
    return Lineup(0, window)


async def add(window: Window, *seqs: int) -> None:
    for seq in seqs:
        await window.add(seq, [f"line {seq}"], since=seq * 10)


async def next_of(lineup: Lineup) -> tuple[Window, Batch]:
    return await asyncio.wait_for(lineup.take(), SOON_S)


def ages(lineup: Lineup) -> tuple[int | None, int | None]:
    return lineup.since, lineup.live.since


async def test_the_newest_stretch_goes_first(lineup: Lineup) -> None:
    older = lineup.live
    await add(older, 1, 2, 3, 4)
    lineup.part(100)
    await add(lineup.live, 101, 102)
    uptos = [(await next_of(lineup))[1].upto for _ in range(3)]
    assert uptos == [102, 2, 4]
    lineup.close()


async def test_who_sends_live_readings_alone_takes_nothing_of_a_backlog(lineup: Lineup) -> None:
    await add(lineup.live, 1, 2)
    lineup.part(100)
    taking = asyncio.create_task(lineup.take(live=True), name="taking")
    await asyncio.sleep(0)
    assert not taking.done()
    await add(lineup.live, 101, 102)
    assert (await asyncio.wait_for(taking, SOON_S))[1].upto == 102
    lineup.close()


async def test_all_is_whole_once_the_backlog_was_sent(lineup: Lineup) -> None:
    older = lineup.live
    await add(older, 1, 2)
    lineup.part(4)
    await add(lineup.live, 5, 6)
    waiting = asyncio.create_task(lineup.whole_after(2), name="waiting")
    for _ in range(2):
        lineup.settle(*await next_of(lineup))
    assert lineup.behind.whole == 2
    assert not waiting.done()
    await add(older, 3, 4)
    lineup.settle(*await next_of(lineup))
    assert await asyncio.wait_for(waiting, SOON_S) == 6
    lineup.close()


async def test_the_age_is_that_of_the_backlog_also_between_its_batches(lineup: Lineup) -> None:
    older = lineup.live
    await add(older, 1, 2)
    lineup.part(4)
    await add(lineup.live, 5)
    assert ages(lineup) == (10, 50)
    lineup.settle(*await next_of(lineup))
    assert older.since is None
    assert ages(lineup) == (10, 50)
    await add(older, 3, 4)
    lineup.settle(*await next_of(lineup))
    assert ages(lineup) == (50, 50)
    lineup.close()
