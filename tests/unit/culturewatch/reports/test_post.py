"""Reports made from a real journal, history and ledger, and handed to a real SMTP server."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.notify.mail import Attached
from alerts.schema import open_store
from batches.batch import Signed
from batches.export import manifest
from batches.ledger import Ledger
from culturewatch.cli import app
from culturewatch.reports import facts, letter, records
from culturewatch.reports.post import post
from culturewatch.reports.schedule import Period, newest
from culturewatch.reports.sent import Sent, State
from culturewatch.site import Site, load
from culturewatch.site_file import ReportTable
from devices.scan import Layout, Scan
from tests.integration.laboratory import serve
from tests.intruder import Intruder
from tests.unit.alerts.mail_server import Postbox, serving, until
from tests.unit.culturewatch.test_backup_commands import RULES, SITE
from tests.unit.storage.archive.week import store

pytestmark = pytest.mark.long

HOUR, DAY = 3_600_000, 86_400_000
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))
MAIL = """
[mail]
host = "127.0.0.1"
port = {port}
sender = "culturewatch@lab.example"
security = "none"

[[report]]
id = "rooms"
kind = "week"
to = ["oncall", "lead"]

[[report]]
id = "inc"
kind = "month"
to = ["oncall"]
device = "inc1"

[[report]]
id = "quiet"
kind = "silenced"
to = ["oncall"]

[[person]]
id = "lead"
channels = ["inbox"]
addresses = {{ mail = "lead@lab.example" }}
"""
ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")


def laid_out(folder: Path, port: int = 2525, *, served: str = "", readings: bool = True) -> Site:
    """A site in Vienna whose incubator was at 37.0 and 37.5 °C by turns, each hour of ten days."""
    text = SITE.replace('channels = ["inbox"]', 'channels = ["inbox"]\n' + _address("oncall"), 1)
    text = text.replace('endpoint = "one"', 'endpoint = "one"\nperiod = "1h"')
    (folder / "site.toml").write_text(text + MAIL.format(port=port), encoding="utf-8")
    (folder / "hook").write_text("s3cret", encoding="utf-8")
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "a.toml").write_text(RULES, encoding="utf-8")
    serve(folder / "site.toml", served)
    site = load(folder / "site.toml")
    if readings:
        start = wall_ms() // HOUR * HOUR - 62 * DAY
        values = ((start + n * HOUR, 37.0 + n % 2 / 2) for n in range(62 * 24))
        store(site.data, [Scan(LAYOUT, at, at, (value,), bytes(1)) for at, value in values])
    open_store(site.data / "alarms.db").close()
    Ledger(site.ledger_url).open_batch("B-2026-0001", product="x <b>", act=_since(90))
    return site


def _since(days: int) -> Signed:
    return Signed(by="tester", at=wall_ms() - days * DAY, reason="entered <late>")


def _address(name: str) -> str:
    return f'addresses = {{ mail = "{name}@lab.example" }}'


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def of(site: Site, name: str) -> tuple[ReportTable, Period]:
    report = next(one for one in site.file.report if one.id == name)
    return report, newest(report, wall_ms(), site.zone)


def parts(mail: EmailMessage) -> tuple[str, str, list[tuple[str | None, bytes]]]:
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    attached = [(one.get_filename(), one.get_content()) for one in mail.iter_attachments()]
    return plain.get_content(), html.get_content(), attached


async def test_the_week_goes_to_each_person_once_as_text_html_and_pages(
    tmp_path: Path, served: str
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served)
        report, period = of(site, "rooms")
        assert await post(site, report, period, now=wall_ms)
        assert await post(site, report, period, now=wall_ms)
    assert [mail["To"] for mail in postbox.mails] == ["oncall@lab.example", "lead@lab.example"]
    assert postbox.mails[0]["Subject"] == "Laboratory: Week of all rooms"
    plain, html, ((name, pages),) = parts(postbox.mails[0])
    assert "inc1 | temperature | 100.0 % | 37.00 °C | 37.25 °C | 37.50 °C" in plain
    assert "inc1: less than 95 % of the readings are good: carbon dioxide" in plain
    assert '<td style="padding:2px 10px 2px 0;text-align:left;vertical-align:top">37.25 °C' in html
    assert name is not None
    assert name.startswith("week-lab-20")
    assert pages.startswith(b"%PDF-1.7")
    ids = {mail["Message-ID"] for mail in postbox.mails}
    assert len(ids) == 2


async def test_the_month_of_a_device_has_its_log_and_says_what_is_missing(
    tmp_path: Path, served: str
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served)
        ledger = Ledger(site.ledger_url)
        report, period = of(site, "inc")
        act = Signed(by="tester", at=period.start + 3 * DAY, reason="entered <late>")
        await asyncio.to_thread(ledger.place, "B-2026-0001", "inc1", act=act)
        assert await post(site, report, period, now=wall_ms)
    plain, html, attached = parts(postbox.mails[0])
    assert [name.rpartition("-")[2] for name, _ in attached if name is not None][1:] == [
        "log.pdf",
        "excursions.pdf",
    ]
    assert all(content.startswith(b"%PDF-1.7") for _, content in attached)
    (log, excursions) = sorted((site.data / "reports").iterdir(), key=lambda one: one.name[::-1])
    for folder in (log, excursions):
        found = await asyncio.to_thread(CliRunner().invoke, app, ["verify", str(folder)])
        assert found.exit_code == 0, found.output
        assert f"{folder.name}.pdf, seal {manifest.read(folder).seal}" in plain
    assert "Month of inc1" in plain
    assert "B-2026-0001" in plain
    assert "entered <late>" in plain
    assert "entered &lt;late&gt;" in html
    assert "<late>" not in html


async def test_records_of_a_month_are_made_once_and_what_lacks_is_said(
    tmp_path: Path, served: str
) -> None:
    site = await asyncio.to_thread(laid_out, tmp_path, served=served)
    report, period = of(site, "inc")
    first = records.enclosed(site, report, period)
    assert (len(first.files), first.lacking) == (2, ())
    assert records.enclosed(site, report, period) == first
    small = records.enclosed(site, report, period, room=len(first.files[0].content))
    assert small.files == first.files[:1]
    assert "too much for a mail" in small.lacking[0]
    changed = next((site.data / "reports").glob("*-log")) / "record.pdf"
    changed.write_bytes(changed.read_bytes().replace(b"inc1", b"inc2"))
    lacking = records.enclosed(site, report, period)
    assert lacking.files == first.files[1:]
    assert "was changed since" in lacking.lacking[0]
    # A process died after the folder came to be, and before the ledger knew of it.
    listed = changed.with_name("manifest.json")
    listed.write_bytes(listed.read_bytes() + b" ")
    anew = records.enclosed(site, report, period)
    assert (anew.files[0].name.endswith("-log-2.pdf"), anew.lacking) == (True, ())
    weekly, week = of(site, "rooms")
    assert records.enclosed(site, weekly, week) == records.Enclosed()


def size(told: facts.Told, files: tuple[Attached, ...]) -> int:
    words = letter.text(told.listing) + letter.html(told.listing)
    return len(words.encode()) + sum(len(one.content) for one in files)


async def test_a_month_leaves_out_what_its_own_pages_and_words_leave_no_room_for(
    tmp_path: Path, served: str
) -> None:
    site = await asyncio.to_thread(laid_out, tmp_path, served=served)
    report, period = of(site, "inc")
    now = wall_ms()
    own = facts.made(site, report, period, now=now)
    told, files = letter.whole(site, report, own, period, now=now)
    assert len(files) == 3
    assert told.listing.open_items == own.listing.open_items
    records_alone = sum(len(one.content) for one in files[1:])
    for most in (size(told, files) - 1, records_alone):
        less, fewer = letter.whole(site, report, own, period, now=now, most=most)
        assert size(less, fewer) <= most
        assert fewer[1:] == files[1 : len(fewer)]
        assert "too much for a mail" in less.listing.open_items[0]
    # Its own pages go in any case.
    bare, only = letter.whole(site, report, own, period, now=now, most=1)
    assert len(only) == 1
    assert sum("too much for a mail" in item for item in bare.listing.open_items) == 2


async def test_a_month_whose_records_cannot_be_written_is_mailed_and_says_so(
    tmp_path: Path, served: str
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served)
        report, period = of(site, "inc")
        (site.data / "reports").write_text("in the way", encoding="utf-8")
        assert await post(site, report, period, now=wall_ms)
    plain, _, attached = parts(postbox.mails[0])
    assert "! The record of the equipment log could not be made, and is not attached" in plain
    assert "! The record of the excursions could not be made, and is not attached" in plain
    assert len(attached) == 1


async def test_a_record_over_which_the_program_stumbles_silences_neither_the_other_nor_the_report(
    tmp_path: Path, served: str, intruder: Intruder
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served)
        report, period = of(site, "inc")
        await asyncio.to_thread(records.enclosed, site, report, period)
        for folder in (site.data / "reports").iterdir():
            await asyncio.to_thread(shutil.rmtree, folder)
        # No kind of fault that anybody foresaw: what the log said before is no text of ours.
        await asyncio.to_thread(
            intruder.tamper,
            "UPDATE edition SET content = 'x' WHERE subject LIKE :log",
            {"log": "equipment-log/%"},
        )
        assert await post(site, report, period, now=wall_ms)
    plain, _, attached = parts(postbox.mails[0])
    why = "The record of the equipment log could not be made, and is not attached: the process"
    assert f"! {why} of this work ended with 1; the log says why" in plain
    assert [name.rpartition("-")[2] for name, _ in attached if name is not None][1:] == [
        "excursions.pdf"
    ]


async def test_what_is_silenced_has_no_pages(tmp_path: Path, served: str) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served, readings=False)
        report, period = of(site, "quiet")
        assert await post(site, report, period, now=wall_ms)
    plain, _, attached = parts(postbox.mails[0])
    assert "Nothing is silenced." in plain
    assert attached == []


async def test_a_server_that_says_later_is_tried_again_and_one_that_says_no_is_not(
    tmp_path: Path,
    served: str,
) -> None:
    postbox = Postbox()
    postbox.answers = ["451 later"]
    postbox.refused_recipients = {"lead@lab.example": "550 no such mailbox"}
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served)
        report, period = of(site, "rooms")
        assert not await post(site, report, period, now=wall_ms)
        found = Sent(site.data).standing("rooms", period.start)
        assert {name: one.state for name, one in found.items()} == {
            "oncall": State.FAILED,
            "lead": State.REFUSED,
        }
        assert "550 no such mailbox" in found["lead"].text
        assert await post(site, report, period, now=wall_ms)
    assert [mail["To"] for mail in postbox.mails] == ["oncall@lab.example"]


async def test_one_of_which_nobody_knows_whether_it_arrived_is_not_sent_again(
    tmp_path: Path,
    served: str,
) -> None:
    postbox = Postbox()
    postbox.drops = 1
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served, readings=False)
        report, period = of(site, "quiet")
        assert not await post(site, report, period, now=wall_ms)
        assert await post(site, report, period, now=wall_ms)
    assert postbox.asked == 1
    found = Sent(site.data).standing("quiet", period.start)["oncall"]
    assert found.state is State.LOST
    assert "whether it arrived is not known" in found.text


async def test_a_report_that_cannot_be_made_has_failed_and_nothing_is_sent(
    tmp_path: Path, served: str
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served, readings=False)
        (site.data / "alarms.db").unlink()
        report, period = of(site, "quiet")
        assert not await post(site, report, period, now=wall_ms)
    found = Sent(site.data).standing("quiet", period.start)["oncall"]
    assert found.state is State.FAILED
    assert "there is no alarm store yet" in found.text
    assert postbox.asked == 0


def worker(site: Site, name: str) -> "subprocess.Popen[bytes]":
    report, period = of(site, name)
    command = ["report", "post", str(site.path), report.id, *map(str, period)]
    return subprocess.Popen(  # noqa: S603 # put together here
        [sys.executable, "-m", "culturewatch", *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )


async def test_a_process_that_is_killed_while_it_sends_leaves_it_to_nobody(
    tmp_path: Path, served: str
) -> None:
    """And two that are at it at once send it once."""
    postbox = Postbox()
    # Shorter than the patience of who sends, and long enough for the other one to leave.
    postbox.seconds = 12.0
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served, readings=False)
        both = [worker(site, "quiet"), worker(site, "quiet")]
        try:
            await until(lambda: postbox.asked == 1, within_s=40)
            await until(lambda: any(one.poll() is not None for one in both), within_s=40)
            for one in both:
                one.send_signal(signal.SIGKILL)
        finally:
            for one in both:
                await asyncio.to_thread(one.wait)
        report, period = of(site, "quiet")
        sent = Sent(site.data)
        assert sent.standing("quiet", period.start)["oncall"].state is State.SENDING
        assert await post(site, report, period, now=wall_ms)
        assert sent.standing("quiet", period.start)["oncall"].state is State.LOST
        assert postbox.asked == 1


def typed(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_it_is_shown_without_being_sent(tmp_path: Path, served: str) -> None:
    laid_out(tmp_path, served=served)
    code, said = typed("report", "show", "week", "--pdf", "week.pdf")
    assert code == 0
    assert "Week of all rooms" in said
    assert Path("week.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert typed("report", "show", "month", "--device", "inc1", "--json")[1].startswith('{"title"')
    assert typed("report", "show", "quiet")[0] == 0
    for wrong in (["month"], ["week", "--device", "inc1"], ["month", "--device", "x"], ["x"]):
        assert typed("report", "show", *wrong)[0] == 2


async def test_it_is_sent_by_hand_and_then_no_longer_missing(tmp_path: Path, served: str) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(laid_out, tmp_path, port, served=served, readings=False)
        _, period = of(site, "quiet")
        sent = Sent(site.data)
        sent.enter("quiet", period.start, "oncall", State.LOST, at=1, text="nobody knows")
        code, said = await asyncio.to_thread(typed, "report", "send", "quiet", "--to", "oncall")
        assert (code, "quiet was sent to oncall" in said) == (0, True)
        assert sent.standing("quiet", period.start)["oncall"].state is State.SENT
        noted = Ledger(site.ledger_url).trail().lines[-1]
        assert (noted.by, noted.subject) == ("tester", "report quiet")
        assert noted.item == "mail to oncall"
        code, _ = await asyncio.to_thread(typed, "report", "send", "silenced", "--to", "nobody")
        assert code == 2
    assert len(postbox.mails) == 1
