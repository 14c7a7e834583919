"""A sender of pages over a store that others may have open: folder, mail port, skew and lease (ms).

It says ``ready``, and sends until it is killed. Its clock is ``skew`` ms ahead.
"""

import asyncio
import sys
from pathlib import Path

from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Bounds, Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.store import AlarmStore
from storage.wall import wall_ms
from tests.unit.alerts.desk import CHANNELS, directory  # a test's own


async def run(folder: Path, port: int, skew: int, lease: int) -> None:
    server = MailServer(host="127.0.0.1", port=port, sender="w@lab.example", security="none")
    people = directory()
    async with AlarmStore(folder / "alarms.db") as store:
        outbox = Outbox(
            store,
            {"mail": MailNotifier(server)},
            Composer(people, CHANNELS),
            people,
            pace=Pace(lease_ms=lease),
            bounds=Bounds(idle_s=0.05, per_channel=4),
            now=lambda: wall_ms() + skew,
        )
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await outbox.run()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
