"""What a token's person does about alarms or the site: into the inbox, as from everywhere else."""

import asyncio
import time
import uuid
from pathlib import Path

from alerts.reader import AlarmReader
from alerts.schema import StoreError
from alerts.store import Answer
from batches.ledger import Ledger
from console.acknowledge import one_line
from storage.entry import Command
from storage.inbox import Inbox
from storage.wall import wall_ms

ANSWER_S = 5.0
_AGAIN_S = 0.1
VIA = "api"


def check_may(ledger_url: str, verb: str, target: str, *, by: str) -> None:
    """Find out whether ``by`` may do ``verb`` on ``target``.

    Raises:
        batches.authority.Denied: the person may not, or works here no more.
        storage.database.DatabaseError: nobody can tell whether they may.
    """
    ledger = Ledger(ledger_url)
    if ledger.has_people():
        ledger.authorise(f"alarm.{verb}", target, by)


def act(
    data: Path, ledger_url: str, verb: str, target: str, *, by: str, arguments: dict[str, str]
) -> Answer | None:
    """Do ``verb`` on ``target`` in the name of ``by``; None when it is kept and not yet answered.

    Raises:
        batches.authority.Denied: the person may not, or works here no more.
        storage.database.DatabaseError: nobody can tell whether they may.
        storage.inbox.InboxError: it could not be kept.
    """
    check_may(ledger_url, verb, target, by=by)
    command = Command(
        id=f"{VIA}-{uuid.uuid4()}",
        at=wall_ms(),
        by=by,
        verb=verb,
        target=target,
        via=VIA,
        arguments={name: one_line(text) for name, text in arguments.items() if text},
    )
    with Inbox(data) as inbox:
        inbox.submit(command)
    return _answer(data / "alarms.db", command.id)


def _answer(alarms: Path, command: str) -> Answer | None:
    ends_s = time.monotonic() + ANSWER_S
    while time.monotonic() < ends_s:
        try:
            with AlarmReader(alarms) as reader:
                if (answer := reader.answer(command)) is not None:
                    return answer
        except StoreError:
            # It is in the inbox all the same; a core that never ran has no store yet.
            return None
        time.sleep(_AGAIN_S)
    return None


async def act_in_thread(
    data: Path, ledger_url: str, verb: str, target: str, *, by: str, arguments: dict[str, str]
) -> Answer | None:
    """As ``act``, beside the loop."""
    return await asyncio.to_thread(act, data, ledger_url, verb, target, by=by, arguments=arguments)
