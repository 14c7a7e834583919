"""SIGKILL at the named points between "judged" and "recorded": nothing lost, at most one extra."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.delivery import Delivery
from alerts.reader import AlarmReader, SentPage
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def child(
    folder: Path, port: int, point: str = "-", alarms: int = 0
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.unit.alerts.crash_child",
        str(folder),
        str(port),
        point,
        str(alarms),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def pages(folder: Path) -> list[SentPage]:
    with AlarmReader(folder / "alarms.db") as reader:
        return reader.pages(limit=10_000)


def all_sent(folder: Path) -> bool:
    states = [page.state for page in pages(folder)]
    return bool(states) and not {Delivery.QUEUED, Delivery.CLAIMED} & set(states)


@pytest.mark.parametrize(
    ("point", "before", "after"),
    [
        # What the mail server has when the process is dead, and when the next one is done.
        pytest.param("after-commit", [], [False], id="after-commit"),
        pytest.param("after-claim", [], [True], id="after-claim"),
        pytest.param("after-accept", [False], [False, True], id="after-accept"),
        pytest.param("after-record", [False], [False], id="after-record"),
    ],
)
async def test_a_page_survives_a_kill(
    tmp_path: Path, point: str, before: list[bool], after: list[bool]
) -> None:
    # Scenarios 70 and 71: True is a mail that says that it may be a repeat.
    postbox = Postbox()

    def marks() -> list[bool]:
        return [str(mail["Subject"]).startswith("(repeat?)") for mail in postbox.mails]

    async with serving(postbox) as port:
        async with child(tmp_path, port, point, alarms=1) as process:
            assert await asyncio.wait_for(process.wait(), 20) == -9
        assert marks() == before
        async with child(tmp_path, port):
            await until(lambda: all_sent(tmp_path), within_s=20)
        assert marks() == after
    assert [page.state for page in pages(tmp_path)] == [Delivery.ACCEPTED]


@pytest.mark.long
async def test_kills_at_any_moment_lose_no_page_and_repeat_only_what_they_mark(
    tmp_path: Path,
) -> None:
    kills, alarms = 6, 12
    postbox = Postbox()
    async with serving(postbox) as port:
        for number in range(kills):
            async with child(tmp_path, port, alarms=alarms):
                # Each dies a little later into its sending than the one before.
                await postbox.reach(len(postbox.mails) + 1 + number)
        async with child(tmp_path, port):
            await until(lambda: all_sent(tmp_path), within_s=20)
    rows = pages(tmp_path)
    handed = [row for row in rows if row.handed is not None]
    sent = {f"<page-{row.row}-{row.arrived}@culturewatch>" for row in handed}
    arrived = [str(mail["Message-ID"]) for mail in postbox.mails]
    assert sent <= set(arrived)
    repeated = [mail for mail in postbox.mails if str(mail["Subject"]).startswith("(repeat?)")]
    extra = len(arrived) - len(set(arrived))
    assert extra <= len(repeated) <= 4 * kills
    unsent = [row for row in rows if row.handed is None]
    assert {row.state for row in unsent} <= {Delivery.CANCELLED}
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert reader.verify_history() is None
