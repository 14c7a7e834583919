"""A core small enough to die quickly: journal, service, store, outbox, mail.

Arguments: folder, port of the mail server, point to die at (or ``-``), readings to put in first.
It prints ``ready`` when those are in the journal, and runs until it is killed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from alerts.directory import Directory
from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Bounds, Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.service import AlarmService
from alerts.store import AlarmStore
from storage.journal import Journal
from storage.wall import wall_ms
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    PEOPLE,
    POLICY,
    RULE,
)
from tests.unit.alerts.plain_judge import (  # a test's own
    PlainJudge,
    ack,
    sample,
)


def main() -> None:
    folder, port, point, alarms = sys.argv[1:5]

    def at_point(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run(Path(folder), int(port), int(alarms), at_point))


async def run(folder: Path, port: int, alarms: int, at_point: Callable[[str], None]) -> None:
    server = MailServer(host="127.0.0.1", port=port, sender="watch@lab.example", security="none")
    people = Directory(PEOPLE, (POLICY,), {RULE.id: RULE}.get)
    notifiers = {"mail": MailNotifier(server)}
    async with Journal(folder, group_ms=1) as journal, AlarmStore(folder / "alarms.db") as store:
        saved = await store.load()
        outbox = Outbox(
            store,
            notifiers,
            Composer(people, CHANNELS),
            people,
            pace=Pace(lease_ms=150, skew_ms=0),
            bounds=Bounds(idle_s=0.05),
            at_point=at_point,
        )
        service = AlarmService(
            journal,
            PlainJudge(saved.parts, after_ms=10**9),
            store,
            people,
            cursor=saved.cursor,
            committed=lambda _: outbox.wake(),
            at_point=at_point,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(service.run(), name="service")
            await service.caught_up.wait()
            tasks.create_task(outbox.run(), name="outbox")
            for number in range(alarms):
                if number:
                    await asyncio.sleep(0.02)
                    await journal.put(ack(f"c-{saved.cursor}-{number}", wall_ms()))
                    await journal.put(sample(37.0, wall_ms()))
                await journal.put(sample(38.5, wall_ms()))
            sys.stdout.write("ready\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
