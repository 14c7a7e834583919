"""Lists of pages as people get them: what stands in them, and that none is lost on the way."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from alerts.delivery import Delivery
from alerts.notice import Notice
from alerts.notify.notifier import Message
from alerts.pace import Pace
from alerts.page import Composer
from alerts.reader import AlarmReader
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    Desk,
    Provider,
    page,
)
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own
from tests.unit.alerts.table import Table

pytestmark = pytest.mark.long


ROOT = Path(__file__).parents[3]
BRISK = Pace(bundle_ms=150, lease_ms=30_000, again_ms=100, skew_ms=0)


async def test_the_list_says_what_to_do_first_and_each_alarm_in_a_line(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}, pace=BRISK):
        await desk.say(page("B", rule="other", channel="inc9.temperature"))
        await until(lambda: len(mail.took) == 1)
        await desk.say(page("B", severity="high", rule="third", channel="inc3.temperature"))
        await desk.say(page("B"))
        await until(lambda: len(mail.took) == 2)
        await desk.rest()
    listed = mail.took[1]
    assert (listed.kind, listed.severity, listed.rule) == ("summary", "critical", "")
    assert listed.subject == "CRITICAL 2 ALARMS: 1 critical, 1 high"
    assert listed.text == (
        "CRITICAL 2 ALARMS: 1 critical, 1 high\n"
        "\n"
        "Do first: close the door; move the plates to inc2 (inc1-temp-high) within 30m\n"
        "critical (1): since 12:00:00 inc1.temperature 38.10 °C (limit ≥ 38.00 °C)\n"
        "high (1): since 12:00:00 inc3.temperature 38.1\n"
        "\n"
        "Acknowledge: culturewatch alarm ack RULE, for each of them\n"
    )
    with AlarmReader(desk.path) as reader:
        shown = [(row.notice, row.rule) for row in reader.pages(in_summaries=False)]
        assert shown == [(Notice.SUMMARY, ""), (Notice.PAGE, "other")]
        summary = reader.pages(in_summaries=False)[0]
        seen = reader.listed(summary.row, summary.arrived, "B")
        assert [(one.rule, one.severity) for one in seen] == [
            ("inc1-temp-high", "critical"),
            ("third", "high"),
        ]
        assert reader.listed(summary.row, summary.arrived + 1, "B") == ()
        assert reader.listed(summary.row, summary.arrived, "C") == ()


async def test_batches_at_risk_stand_once_and_a_long_list_of_them_is_cut(desk: Desk) -> None:
    def at_risk(device: str) -> list[str]:
        return [f"batch {n} of patient {n}" for n in range(60 if device == "inc1" else 1)]

    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    message: Message = Composer(desk.directory, CHANNELS, at_risk=at_risk).compose(taken)
    assert message.text.count("batch 0 of patient 0") == 1
    assert "batch 39" in message.text
    assert "batch 40" not in message.text
    assert "and 20 more: see the console" in message.text


@asynccontextmanager
async def child(
    folder: Path, port: int, point: str, time: int, pages: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = (str(folder), str(port), point, str(time), str(pages))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.alerts.flood_child", *arguments), cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def settled(folder: Path) -> bool:
    with AlarmReader(folder / "alarms.db") as reader:
        states = {row.state for row in reader.pages(limit=100)}
    return bool(states) and not {Delivery.QUEUED, Delivery.CLAIMED} & states


@pytest.mark.parametrize(
    ("point", "before", "after"),
    [
        # Mails that list the three which waited, when the process is dead, and in the end: True is
        # one that says that it may be a repeat.
        pytest.param("after-claim", [], [True], id="after-claim"),
        pytest.param("after-accept", [False], [False, True], id="after-accept"),
        pytest.param("after-record", [False], [False], id="after-record"),
    ],
)
async def test_a_list_survives_a_kill(
    tmp_path: Path, point: str, before: list[bool], after: list[bool]
) -> None:
    postbox = Postbox()

    def lists() -> list[bool]:
        subjects = [str(mail["Subject"]) for mail in postbox.mails]
        return [s.startswith("(repeat?)") for s in subjects if "3 ALARMS" in s]

    async with serving(postbox) as port:
        async with child(tmp_path, port, point, time=2, pages=4) as process:
            assert await asyncio.wait_for(process.wait(), 20) == -9
        assert lists() == before
        async with child(tmp_path, port, "-", time=0, pages=0):
            await until(lambda: settled(tmp_path), within_s=20)
        assert lists() == after
    with closing(sqlite3.connect(tmp_path / "alarms.db")) as db:
        rows = db.execute("SELECT rule, state FROM outbox WHERE notice = 'page'").fetchall()
    assert sorted(rows) == [(f"r{n}", "accepted") for n in range(4)]


async def test_somebody_with_many_pages_hears_of_each_exactly_once(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}, pace=BRISK):
        await desk.say(*[page("B", rule=f"r{n}") for n in range(40)])
        await until(lambda: len(mail.took) == 2)
        await desk.rest()
    assert [message.kind for message in mail.took] == ["page", "summary"]
    rows = desk.rows()
    assert {row.state for row in rows} == {Delivery.DELIVERED}
    assert sorted(row.rule for row in rows if row.rule) == sorted(f"r{n}" for n in range(40))
