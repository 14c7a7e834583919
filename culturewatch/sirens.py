"""The sirens and lamps of a site, and who is told when one of them does not obey."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

from alerts.directory import Way
from alerts.engine.view import AlarmView
from alerts.notice import Notice
from alerts.notify.notifier import Message
from alerts.notify.siren import Coil, Siren, sounds
from alerts.rule import Severity
from culturewatch.everybody import Everybody, Owed
from culturewatch.site_file import Annunciator
from storage.wall import wall_ms

log = logging.getLogger(__name__)

FAILING_S = 15.0
"""How long a relay may not obey before people are told: it may just have been restarted."""
AGAIN_S = 6 * 3600.0
RETRY_S = 15.0
LOOK_S = 1.0


class Watched:
    """One siren, and what people were told of it."""

    def __init__(self, declared: Annunciator, siren: Siren) -> None:
        self.name = declared.id
        self.siren = siren
        self.told_s: float | None = None
        self.heard_of = False
        self.owed: Owed | None = None

    def word(self, now_s: float) -> bool | None:
        """Whether to tell that it fails (True) or that it obeys again (False), or nothing."""
        since_s = self.siren.failing_s
        if since_s is None:
            was, self.told_s = self.told_s, None
            return None if was is None else False
        again = self.told_s is None or now_s - self.told_s >= AGAIN_S
        if now_s - since_s < FAILING_S or not again:
            return None
        self.told_s = now_s
        return True


class Sirens:
    """Keeps every declared coil as the open alarms want it."""

    def __init__(
        self,
        declared: Iterable[Annunciator],
        alarms: Callable[[], Iterable[AlarmView]],
        everybody: Everybody,
        *,
        site: str,
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._everybody = everybody
        self._site = site
        self._on_trouble = on_trouble
        self._watched = [Watched(one, Siren(_coil(one), _wanted(one, alarms))) for one in declared]

    async def run(self) -> None:
        """Sound and be quiet until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for one in self._watched:
                tasks.create_task(one.siren.run(), name=f"siren {one.name}")
                tasks.create_task(self._watch(one), name=f"watch siren {one.name}")

    async def _watch(self, one: Watched) -> None:
        while True:
            self._hear(one)
            now_s = time.monotonic()
            failing = one.word(now_s)
            if failing is not None:
                one.owed = self._owed(one, now_s, failing=failing)
            if one.owed is not None and now_s >= one.owed.due_s:
                one.owed = await self._everybody.tell(one.owed)
            await asyncio.sleep(LOOK_S)

    def _hear(self, one: Watched) -> None:
        """Both edges are lines at once, also of what is too short for people."""
        trouble = one.siren.trouble
        if trouble and not one.heard_of:
            self._on_trouble(f"the siren {one.name} does not obey: {trouble}")
        elif one.heard_of and not trouble:
            self._on_trouble(f"the siren {one.name} obeys again")
        one.heard_of = bool(trouble)

    def _owed(self, one: Watched, now_s: float, *, failing: bool) -> Owed:
        head = "does not obey" if failing else "obeys again"
        at = wall_ms()
        return Owed(
            about=f"siren {one.name} {head}",
            message_of=partial(self._message, one.name, one.siren.trouble, at),
            people=self._everybody.people,
            due_s=now_s,
            pause_s=RETRY_S,
        )

    def _message(self, name: str, trouble: str, at: int, way: Way) -> Message:
        if trouble:
            subject = f"HIGH siren {name} does not obey"
            facts = [
                f"Why: {trouble}",
                "If nothing is done: people in the rooms hear no alarm; pages go as always",
                "Do now: look at the relay, its power and its network; until then stay reachable",
            ]
        else:
            subject, facts = f"All clear: siren {name} obeys again", ["To do: nothing more"]
        return Message(
            id=f"siren-{name}-{at}-{way.person}",
            kind=(Notice.PAGE if trouble else Notice.ALL_CLEAR).value,
            person=way.person,
            address=self._everybody.address(way),
            subject=subject,
            text="\n".join([subject, f"Site: {self._site}", *facts]) + "\n",
            severity="high" if trouble else "",
        )


def _coil(declared: Annunciator) -> Coil:
    return Coil(host=declared.host, port=declared.port, unit=declared.unit, address=declared.coil)


def _wanted(declared: Annunciator, alarms: Callable[[], Iterable[AlarmView]]) -> Callable[[], bool]:
    severity = Severity[declared.severity.upper()]
    return lambda: sounds(alarms(), at_least=severity, silence=declared.silence)
