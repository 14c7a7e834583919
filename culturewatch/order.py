"""An act on alarms, handed in beside a running core, and what the core said to it."""

import time
import uuid

from alerts.reader import AlarmReader
from alerts.schema import StoreError
from alerts.store import Answer
from culturewatch import paths
from culturewatch.site import Site
from storage.entry import Command
from storage.inbox import Inbox

ANSWER_S = 5.0
_AGAIN_S = 0.1


def order(
    site: Site, verb: str, target: str, *, by: str, arguments: dict[str, str], wait: bool = True
) -> Answer | None:
    """Do ``verb`` on ``target``; the core's answer, None when it has not said one in time.

    Without ``wait`` only what it says at once counts. Without an answer the act is kept all the
    same, and done when a core runs.

    Raises:
        storage.inbox.InboxError: it could not be kept.
    """
    command = Command(
        id=f"cli-{uuid.uuid4()}",
        at=time.time_ns() // 1_000_000,
        by=by,
        verb=verb,
        target=target,
        via="cli",
        arguments={name: text for name, text in arguments.items() if text},
    )
    with Inbox(site.data) as inbox:
        inbox.submit(command)
    ends_s = time.monotonic() + (ANSWER_S if wait else 0.0)
    while (answer := _answer(site, command.id)) is None and time.monotonic() < ends_s:
        # The core looks into its inbox a few times a second; nobody else waits for this process.
        time.sleep(_AGAIN_S)
    return answer


def _answer(site: Site, command: str) -> Answer | None:
    try:
        with AlarmReader(paths.alarms(site.data)) as reader:
            return reader.answer(command)
    except StoreError:
        # It is in the inbox all the same; a core that never ran has no store yet.
        return None
