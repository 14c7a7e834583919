"""Pages straight from memory, for the time in which the disk takes nothing."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

import msgspec

from alerts.directory import Directory, Way
from alerts.dispatch import Claim
from alerts.notice import Notice
from alerts.notify.notifier import Notifier, PermanentError, TemporaryError
from alerts.page import Composer
from alerts.store import Caused
from alerts.transition import What

log = logging.getLogger(__name__)

_Key = tuple[int, bytes]
_BOUND_S = 10.0
_MAX_WAITING = 1_000


class Emergency:
    """Sends each page once, on the first way that takes it, and remembers which.

    What no way takes is tried again every ``again_s`` until the disk has it: greylisting passes.
    Without a disk nothing can be claimed or repeated: a page is marked as a possible repeat.
    """

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        composer: Composer,
        directory: Directory,
        *,
        again_s: float = 30.0,
        bound_s: float = _BOUND_S,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._notifiers = notifiers
        self._composer = composer
        self._directory = directory
        self._again_s = again_s
        self._bound_s = bound_s
        self._on_trouble = on_trouble
        self._waiting: deque[Caused] = deque(maxlen=_MAX_WAITING)
        self._missed: deque[Caused] = deque(maxlen=_MAX_WAITING)
        self._given = asyncio.Event()
        self._handed: dict[_Key, Way] = {}

    def take(self, caused: Sequence[Caused]) -> None:
        """Send the pages among ``caused``, which could not be stored."""
        self._waiting.extend(c for c in caused if c.transition.what is What.QUEUED)
        self._given.set()

    def handed(self, caused: Caused) -> Way | None:
        """On which way a page went out, for the store when it can be written again."""
        if caused.transition.what is not What.QUEUED:
            return None
        return self._handed.get(_key(caused))

    def stored(self, caused: Sequence[Caused]) -> None:
        """These are on disk, where the outbox has them. Not earlier: a commit may be undone."""
        if not (self._handed or self._waiting or self._missed):
            return
        keys = {_key(one) for one in caused}
        for pages in (self._waiting, self._missed):
            left = [page for page in pages if _key(page) not in keys]
            pages.clear()
            pages.extend(left)
        for key in keys:
            self._handed.pop(key, None)

    async def run(self) -> None:
        """Send what is given until cancelled, to each person one after the other."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._again_s if self._missed else None):
                    await self._given.wait()
            self._given.clear()
            self._waiting.extend(self._missed)
            self._missed.clear()
            while self._waiting:
                async with asyncio.TaskGroup() as tasks:
                    for person in dict.fromkeys(one.transition.to for one in self._waiting):
                        name = f"pages from memory to {person}"
                        tasks.create_task(self._pages_to(person), name=name)

    async def _pages_to(self, person: str) -> None:
        while own := next((one for one in self._waiting if one.transition.to == person), None):
            self._waiting.remove(own)
            await self._page(own)

    async def _page(self, caused: Caused) -> None:
        transition = caused.transition
        tried: set[Way] = set()
        way: Way | None = self._directory.first(transition.to)
        while way is not None:
            tried.add(way)
            other = self._directory.next_way(transition.rule, transition.to, tried)
            # The last that is left may be a slow one.
            bound_s = self._bound_s * (2 if other is None else 1)
            if await self._sent(caused, way, within_s=bound_s):
                self._handed[_key(caused)] = way
                return
            way = other
        self._missed.append(caused)
        self._on_trouble(
            f"NOBODY COULD BE REACHED about {transition.rule}, and the disk takes nothing"
        )

    async def _sent(self, caused: Caused, way: Way, *, within_s: float) -> bool:
        notifier = self._notifiers.get(way.channel)
        if notifier is None:
            return False
        message = self._composer.compose(_as_claim(caused, way))
        try:
            async with asyncio.timeout(within_s):
                await notifier.send(message)
        except (TemporaryError, PermanentError, TimeoutError) as error:
            self._on_trouble(f"page from memory to {way.person} by {way.channel}: {error}")
            return False
        return True


def _key(caused: Caused) -> _Key:
    """One entry may page the same person about several alarms."""
    return caused.seq, msgspec.json.encode(caused.transition)


def _as_claim(caused: Caused, way: Way) -> Claim:
    transition = caused.transition
    return Claim(
        row=0,
        attempt=f"memory-{caused.seq}-{sha256(_key(caused)[1]).hexdigest()[:16]}",
        notice=Notice.PAGE,
        rule=transition.rule,
        occurrence=transition.occurrence or 0,
        severity=transition.severity,
        way=way,
        tries=1,
        may_repeat=True,
        arrived=caused.arrived,
        why="the disk takes nothing; this was sent from memory",
        told_before=(),
        transition=transition,
    )
