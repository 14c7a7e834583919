"""A core that mails a report that is due, and is killed and started again."""

import asyncio
from functools import partial
from pathlib import Path

from culturewatch.reports.sent import NOBODY, Sent, State
from culturewatch.site import Site, load
from tests.integration.laboratory import core, lay_out, logged, until
from tests.unit.alerts.mail_server import Postbox, serving

MAIL = """
[mail]
host = "127.0.0.1"
port = {port}
sender = "culturewatch@lab.example"
security = "none"

[[person]]
id = "lead"
channels = ["inbox"]
addresses = {{ mail = "lead@lab.example" }}

[[report]]
id = "rooms"
kind = "week"
to = ["lead"]

[[report]]
id = "inc"
kind = "month"
device = "inc1"
to = ["lead"]
"""


def has_logged(site: Site, count: int) -> bool:
    return len(logged(site)) >= count


async def test_a_report_that_is_due_goes_once_though_the_core_is_killed(tmp_path: Path) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        site = await asyncio.to_thread(lay_out, tmp_path / "site")
        with site.path.open("a", encoding="utf-8") as file:
            file.write(MAIL.format(port=port))
        site = load(site.path)
        # They were there long ago, so that the newest of each is due.
        for report in ("rooms", "inc"):
            Sent(site.data).enter(report, 0, NOBODY, State.BEGUN, at=0)
        for start in range(2):
            with core(site, f"core-{start}") as running:
                await until(lambda: len(postbox.mails) == 2, within_s=90, why=lambda: running.said)
                # Long enough for a look of the part that sends reports: it looks first.
                enough = len(logged(site)) + 3
                await until(partial(has_logged, site, enough), why=lambda: running.said)
                running.kill()
    week, month = postbox.mails
    assert str(week["Subject"]).startswith("Test bench: Week of all rooms")
    assert next(week.iter_attachments()).get_content_type() == "application/pdf"
    # Its records were made by processes of the one that the core has it sent by.
    assert [str(one.get_filename()).rpartition("-")[2] for one in month.iter_attachments()][1:] == [
        "log.pdf",
        "excursions.pdf",
    ]
