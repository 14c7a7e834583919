"""Asks providers what became of pages, where they do not tell by themselves; stops repeats."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

import msgspec

from alerts.notify.notifier import PermanentError, Receipts, TemporaryError, Word
from alerts.policy import Person
from alerts.schema import StoreError
from alerts.store import AlarmStore
from storage.entry import Command, Receipt
from storage.inbox import Act, InboxError, OtherActError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

_REMEMBERED = 10_000
_ASKED_AT_ONCE = 8


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often each page is asked about, for how long, and how many at most."""

    every_s: float = 5.0
    longest_ms: int = 3 * 3_600_000 + 300_000
    most: int = 200


class Open(NamedTuple):
    """A page that a provider took. ``over`` says why nobody needs it any more."""

    row: int
    channel: str
    person: str
    rule: str
    occurrence: int
    severity: str
    provider_id: str
    arrived: int
    over: str

    @property
    def message(self) -> str:
        """The id that it was handed over with, as of ``alerts.page``."""
        return f"page-{self.row}-{self.arrived}"


_OPEN = """
SELECT id, channel, person, rule, occurrence, severity, provider_id, arrived, over FROM outbox
WHERE state IN ('accepted', 'delivered') AND notice = 'page' AND provider_id != ''
  AND channel IN (SELECT value FROM json_each(?)) AND handed >= ? ORDER BY id DESC
"""


class Inquiry:
    """Polls the channels that have receipts; what it hears goes through the inbox.

    ``submit`` keeps an act on disk, as ``storage.inbox.Inbox.submit``.
    """

    def __init__(
        self,
        store: AlarmStore,
        channels: Mapping[str, Receipts],
        people: Iterable[Person],
        submit: Callable[[Act], None],
        *,
        patience: Patience = Patience(),  # noqa: B008 # frozen
        now: Callable[[], int] = wall_ms,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._store = store
        self._channels = channels
        self._people = tuple(people)
        self._submit = submit
        self._patience = patience
        self._now = now
        self._on_trouble = on_trouble
        self._finished: dict[str, None] = {}
        self._kept: dict[str, None] = {}
        self._failing = False

    async def run(self) -> None:
        """Ask until cancelled; without a channel to ask there is nothing to do."""
        while True:
            if self._channels:
                await self._round()
            await asyncio.sleep(self._patience.every_s)

    async def _round(self) -> None:
        try:
            pages = await self._store.write(self._open)
        except StoreError as error:
            self._say(f"providers cannot be asked about pages: {error}")
            return
        slots = asyncio.Semaphore(_ASKED_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            asking = [
                tasks.create_task(self._ask(page, slots), name=f"receipt of page-{page.row}")
                for page in pages
            ]
        troubles = [trouble for task in asking if (trouble := task.result())]
        if troubles:
            self._say(troubles[0])
        elif self._failing:
            self._failing = False
            self._on_trouble("providers tell again what became of pages")

    def _open(self, db: sqlite3.Connection) -> list[Open]:
        channels = msgspec.json.encode(sorted(self._channels)).decode()
        since = self._now() - self._patience.longest_ms
        rows = map(Open._make, db.execute(_OPEN, (channels, since)))
        asked = (page for page in rows if page.provider_id not in self._finished)
        return list(islice(asked, self._patience.most))

    async def _ask(self, page: Open, slots: asyncio.Semaphore) -> str:
        """Hear or stop one; what went wrong, if anything."""
        provider = self._channels[page.channel]
        try:
            async with slots:
                if page.over:
                    await provider.cancel(page.provider_id)
                    log.info("page-%d by %s was called off: %s", page.row, page.channel, page.over)
                    _remember(self._finished, page.provider_id)
                    return ""
                word = await provider.poll(page.provider_id)
            await self._take(page, word)
            if word.over:
                _remember(self._finished, page.provider_id)
        except PermanentError as error:
            self._on_trouble(f"page-{page.row} is not asked about again: {error}")
            _remember(self._finished, page.provider_id)
        except (TemporaryError, InboxError) as error:
            return str(error)
        return ""

    async def _take(self, page: Open, word: Word) -> None:
        if word.delivered is not None:
            await self._keep(self._receipt(page, delivered=word.delivered))
        if word.acknowledged_at is None:
            return
        by = self._who(page, word.acknowledged_by)
        if by is None:
            self._on_trouble(
                f"{page.rule} was acknowledged by {page.channel} by somebody who is no [[person]] "
                "of this site; it stays unacknowledged: see who has that address"
            )
            return
        await self._keep(self._acknowledgement(page, by, word.acknowledged_at))

    def _who(self, page: Open, address: str) -> Person | None:
        """Whose address that is; of several who share it, the one who was paged."""
        found = [p for p in self._people if p.addresses.get(page.channel) == address]
        return next((p for p in found if p.id == page.person), found[0] if found else None)

    async def _keep(self, act: Act) -> None:
        if act.id in self._kept:
            return
        try:
            await asyncio.to_thread(self._submit, act)
        except OtherActError:
            # Heard before; what was kept then counts.
            log.debug("%s was said again", act.id)
        _remember(self._kept, act.id)

    def _receipt(self, page: Open, *, delivered: bool) -> Receipt:
        result = "delivered" if delivered else "not-delivered"
        return Receipt(
            id=f"{page.channel}-{page.provider_id}-{result}",
            at=self._now(),
            provider=page.channel,
            message=page.message,
            provider_id=page.provider_id,
            delivered=delivered,
            note="" if delivered else "never will be",
        )

    def _acknowledgement(self, page: Open, by: Person, at: int) -> Command:
        when = datetime.fromtimestamp(at / 1_000, UTC)
        arguments = {
            "occurrence": str(page.occurrence),
            "severity": page.severity,
            "note": f"in {page.channel} at {when:%Y-%m-%d %H:%M:%S} UTC",
        }
        return Command(
            id=f"{page.channel}-{page.provider_id}-ack",
            at=self._now(),
            by=by.id,
            verb="ack",
            target=page.rule,
            via=page.channel,
            arguments=arguments,
        )

    def _say(self, trouble: str) -> None:
        if not self._failing:
            self._failing = True
            self._on_trouble(trouble)


def _remember(names: dict[str, None], name: str) -> None:
    names[name] = None
    while len(names) > _REMEMBERED:
        del names[next(iter(names))]
