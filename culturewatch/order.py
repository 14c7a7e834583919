"""An act on alarms, handed in beside a running core, and what the core said to it."""

import time
import uuid
from collections.abc import Mapping

from alerts.reader import AlarmReader
from alerts.schema import StoreError
from alerts.store import Answer
from culturewatch import paths
from culturewatch.site import Site
from storage.entry import Command
from storage.inbox import Inbox
from storage.wall import wall_ms

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
    return order_each(site, verb, {target: arguments}, by=by, wait=wait)[target]


def order_each(
    site: Site, verb: str, targets: Mapping[str, dict[str, str]], *, by: str, wait: bool = True
) -> dict[str, Answer | None]:
    """As ``order``, for each of ``targets`` with its arguments: as many acts, kept one by one."""
    at = wall_ms()
    commands = {
        target: Command(
            id=f"cli-{uuid.uuid4()}",
            at=at,
            by=by,
            verb=verb,
            target=target,
            via="cli",
            arguments={name: text for name, text in arguments.items() if text},
        )
        for target, arguments in targets.items()
    }
    with Inbox(site.data) as inbox:
        for command in commands.values():
            inbox.submit(command)
    ends_s = time.monotonic() + (ANSWER_S if wait else 0.0)
    answers = _answers(site, commands)
    while None in answers.values() and time.monotonic() < ends_s:
        # The core looks into its inbox a few times a second; nobody else waits for this process.
        time.sleep(_AGAIN_S)
        answers = _answers(site, commands)
    return answers


def _answers(site: Site, commands: Mapping[str, Command]) -> dict[str, Answer | None]:
    try:
        with AlarmReader(paths.alarms(site.data)) as reader:
            return {target: reader.answer(command.id) for target, command in commands.items()}
    except StoreError:
        # They are in the inbox all the same; a core that never ran has no store yet.
        return dict.fromkeys(commands)
