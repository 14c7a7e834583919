"""A sender small enough to die quickly, with pages for one person that go together.

Arguments: folder, port of the mail server, point to die at (or ``-``), its how manieth time, pages
to put in first. The pages are in one commit, and the sender runs until it is killed.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Bounds
from alerts.pace import Pace
from tests.unit.alerts.desk import opened, page  # a test's own

PACE = Pace(lease_ms=150, bundle_ms=200, skew_ms=0)


async def main(folder: Path, port: int, point: str, time: int, pages: int) -> None:
    reached = 0

    def at_point(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached == time:
            os.kill(os.getpid(), signal.SIGKILL)

    server = MailServer(host="127.0.0.1", port=port, sender="watch@lab.example", security="none")
    async with opened(folder) as desk:
        if pages:
            await desk.say(*[page("B", rule=f"r{n}", channel=f"d{n}.x") for n in range(pages)])
        ways = {"mail": MailNotifier(server)}
        async with desk.sending(ways, pace=PACE, bounds=Bounds(idle_s=0.05), at_point=at_point):
            await asyncio.Event().wait()


if __name__ == "__main__":
    folder, port, point, time, pages = sys.argv[1:6]
    asyncio.run(main(Path(folder), int(port), point, int(time), int(pages)))
