"""What people order of the alarm engine from a screen: allowed, kept, and answered by the core."""

import asyncio
import logging
import threading
import uuid
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import msgspec

from alerts.reader import AlarmReader
from alerts.schema import StoreError
from alerts.store import Answer
from batches.placement import Refused
from console.acknowledge import one_line
from console.entrance import Entrance, Visitor
from storage.database import DatabaseError
from storage.entry import Command
from storage.inbox import Inbox, InboxError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

ANSWER_S = 5.0
KEEP_S = 8.0
_AGAIN_S = 0.1


class Became(Enum):
    """What came of an order."""

    DONE = "done"
    TAKEN_IN = "taken in; it is done when the core runs"
    REFUSED = "refused"
    NOT_KEPT = "not kept"


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order; ``why`` is the reason of whoever refused it."""

    became: Became
    why: str = ""


class OrderDesk:
    """Takes orders in. Each is judged by the roles that hold now, and denials are kept."""

    def __init__(self, data: Path, entrance: Entrance) -> None:
        self._data = data
        self._entrance = entrance
        self._opening = threading.Lock()
        self._inbox: Inbox | None = None

    def close(self) -> None:
        """Let go of the inbox."""
        if self._inbox is not None:
            self._inbox.close()

    async def order(
        self, visitor: Visitor, verb: str, target: str, arguments: Mapping[str, str]
    ) -> Ordered:
        """Do ``verb`` on ``target`` for ``visitor``; waits a little for what the core says."""
        command = Command(
            id=f"console-{uuid.uuid4()}",
            at=wall_ms(),
            by=visitor.person.id,
            verb=verb,
            target=target,
            via="console",
            arguments={name: one_line(text) for name, text in arguments.items() if text.strip()},
        )
        try:
            async with asyncio.timeout(KEEP_S):
                await asyncio.to_thread(self._submit, command)
        except Refused as error:
            return Ordered(became=Became.REFUSED, why=str(error))
        except TimeoutError:
            return Ordered(
                became=Became.NOT_KEPT,
                why=f"the disk did not take it within {KEEP_S:g} s; look whether it was done",
            )
        except (InboxError, DatabaseError) as error:
            log.exception("%s on %s by %s was not kept", verb, target, command.by)
            return Ordered(became=Became.NOT_KEPT, why=str(error))
        return _ordered(await self._answer(command.id))

    def _submit(self, command: Command) -> None:
        self._entrance.ledger.authorise(f"alarm.{command.verb}", command.target, command.by)
        with self._opening:
            if self._inbox is None:
                self._inbox = Inbox(self._data)
        self._inbox.submit(command)

    async def _answer(self, command: str) -> Answer | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                # The core looks into its inbox a few times a second.
                while (answer := await asyncio.to_thread(self._look, command)) is None:  # noqa: ASYNC110 # another process's file
                    await asyncio.sleep(_AGAIN_S)
                return answer
        except TimeoutError:
            return None

    def _look(self, command: str) -> Answer | None:
        try:
            with AlarmReader(self._data / "alarms.db") as reader:
                return reader.answer(command)
        except StoreError:
            # It is in the inbox all the same; the core may not have made its store yet.
            return None


def _ordered(answer: Answer | None) -> Ordered:
    if answer is None:
        return Ordered(became=Became.TAKEN_IN)
    return Ordered(became=Became.DONE if answer.accepted else Became.REFUSED, why=answer.why)
