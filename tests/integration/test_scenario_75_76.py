"""Scenarios 75 and 76: two instances on one store, and two that know nothing of each other.

Two cores never come to share a store: the second refuses to start on the folder (test_core.py).
These are senders alone, so that a lease is what keeps them apart.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from alerts.reader import AlarmReader
from alerts.transition import What
from storage.wall import wall_ms
from tests.unit.alerts.desk import opened, page  # a test's own
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own
from tests.unit.alerts.test_real_engine import core  # a test's own

ROOT = Path(__file__).parents[2]
PAGES = 40


@asynccontextmanager
async def sender(
    folder: Path, port: int, *, skew: int = 0, lease: int = 30_000
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.sender_child",
        *map(str, (folder, port, skew, lease)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def ids(postbox: Postbox) -> Counter[str]:
    return Counter(str(mail["Message-ID"]) for mail in postbox.mails)


@pytest.mark.slow
@pytest.mark.parametrize("skew", [30_000, -30_000])
async def test_75_two_senders_whose_clocks_are_half_a_minute_apart_send_each_row_once(
    tmp_path: Path, skew: int
) -> None:
    postbox = Postbox()
    # Long enough that each sees the other's rows under way, and the rows that it handed over.
    postbox.seconds = 0.2
    async with serving(postbox) as port, AsyncExitStack() as stack:
        async with opened(tmp_path) as desk:
            for occurrence in range(1, PAGES + 1):
                await desk.say(page("B", occurrence=occurrence))
        for apart in (0, skew):
            await stack.enter_async_context(sender(tmp_path, port, skew=apart))
        await postbox.reach(PAGES, within_s=30)
        await until(lambda: is_settled(tmp_path), within_s=10)
    assert len(ids(postbox)) == len(postbox.mails) == PAGES


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0, 30_000, -30_000])
async def test_75_when_the_one_that_holds_the_lease_is_killed_the_other_takes_over_within_it(
    tmp_path: Path, skew: int
) -> None:
    lease_ms = 2_000
    postbox = Postbox()
    postbox.seconds = 3_600.0
    async with serving(postbox) as port:
        async with opened(tmp_path) as desk:
            await desk.say(page("B"))
        async with sender(tmp_path, port, lease=lease_ms) as holder:
            await until(lambda: postbox.asked == 1, within_s=10)
            async with sender(tmp_path, port, lease=lease_ms, skew=skew):
                postbox.seconds = 0.0
                holder.kill()
                began = time.monotonic()
                await postbox.reach(1)
                took_s = time.monotonic() - began
    assert took_s < lease_ms / 1_000 + 1
    # One that is not answered is asked again once, and that one is marked.
    assert postbox.asked == 2
    assert [str(mail["Subject"]).startswith("(repeat?)") for mail in postbox.mails] == [True]


def is_settled(folder: Path) -> bool:
    with AlarmReader(folder / "alarms.db") as reader:
        return {row.state.value for row in reader.pages(limit=1_000)} == {"accepted"}


@pytest.mark.slow
async def test_76_two_instances_with_own_stores_page_twice_rather_than_not_and_agree_afterwards(
    tmp_path: Path,
) -> None:
    postbox = Postbox()
    folders = (tmp_path / "one", tmp_path / "other")
    warm = wall_ms()
    async with serving(postbox) as port, AsyncExitStack() as stack:
        for folder in folders:
            folder.mkdir()
        first = await stack.enter_async_context(core(folders[0], port))
        async with core(folders[1], port) as other:
            for journal in (first, other):
                await journal.put(sample(37.0, warm - 1_000))
                await journal.put(sample(38.5, warm))
            # Cut from each other both judge, and both page whoever is on call.
            await until(lambda: postbox_of(postbox, "a") >= 2, within_s=20)
        # One of them is gone; what it would have told, the other tells.
        await first.put(sample(37.0, wall_ms()))
        await first.put(sample(38.5, later := wall_ms()))
        assert later > warm
        await until(lambda: occurrences(folders[0]) == [(1, warm), (1, later)], within_s=20)
    # Both know one occurrence, which began with the same reading.
    assert occurrences(folders[1]) == [(1, warm)]


def postbox_of(postbox: Postbox, person: str) -> int:
    return sum(str(mail["To"]).startswith(person) for mail in postbox.mails)


def occurrences(folder: Path) -> list[tuple[int | None, int | None]]:
    """Number and beginning of each activation."""
    with AlarmReader(folder / "alarms.db") as reader:
        return [(one.occurrence, one.since) for one in reader.told() if one.what is What.SET]
