"""The beat: while this site collects, judges and pages, it says so to somebody elsewhere.

Who is watched cannot report its own death, so it beats only while all three are fresh, and whoever
gets the beat (``culturewatch watchdog``, or any receiver of a POST) pages when it stops.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from alerts.notify.http import HttpClient, host_of, open_http
from alerts.notify.notifier import PermanentError, TemporaryError
from alerts.notify.webhook import SIGNATURE, TIMESTAMP, signature
from culturewatch.blindness import BLIND_MS
from storage.wall import wall_ms

log = logging.getLogger(__name__)

ENGINE_S = 20.0
"""How long the engine may take over an entry of the journal, its commit included."""
OUTBOX_S = 30.0
"""How long the sender may take to look for pages once."""
POST_S = 10.0
LEAST_GROWTH_S = 60.0
PERIODS = 4
"""Silent devices too give entries, after three periods; a journal that stands still hears none."""


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to see: ``turned_s`` is when the sender last looked (monotonic seconds).

    ``last`` is the journal's newest entry, ``waiting_ms`` how long its oldest waits for the disk,
    ``cursor`` the newest one whose outcome is kept, ``unsound`` what the auditor has to say.
    """

    last: int
    waiting_ms: int
    cursor: int
    turned_s: float | None
    unsound: str


class Pulse:
    """Whether journal, engine and outbox are fresh. ``period_s`` is that of the quickest device."""

    def __init__(self, *, period_s: float, now_s: float) -> None:
        self._growth_s = max(LEAST_GROWTH_S, PERIODS * period_s)
        self._grew = (-1, now_s)
        self._to_take = (0, now_s)

    def missing(self, signs: Signs, now_s: float) -> dict[str, str]:
        """What is not fresh at ``now_s`` (monotonic seconds), and why; empty when all is well."""
        if signs.last != self._grew[0]:
            self._grew = (signs.last, now_s)
        if signs.cursor >= self._to_take[0]:
            self._to_take = (signs.last, now_s)
        found = {
            "journal": self._journal(signs, now_s),
            "engine": self._engine(signs, now_s),
            "outbox": self._outbox(signs, now_s),
        }
        return {part: why for part, why in found.items() if why}

    def _journal(self, signs: Signs, now_s: float) -> str:
        if signs.waiting_ms >= BLIND_MS:
            return f"readings wait for the disk for {signs.waiting_ms / 1000:.0f} s"
        still_s = now_s - self._grew[1]
        return f"nothing came for {still_s:.0f} s" if still_s > self._growth_s else ""

    def _engine(self, signs: Signs, now_s: float) -> str:
        behind_s = now_s - self._to_take[1]
        if signs.cursor >= self._to_take[0] or behind_s <= ENGINE_S:
            return ""
        return f"has not taken entry {self._to_take[0]} for {behind_s:.0f} s"

    def _outbox(self, signs: Signs, now_s: float) -> str:
        if signs.turned_s is None:
            return "has not begun to send"
        still_s = now_s - signs.turned_s
        return f"has not looked for {still_s:.0f} s" if still_s > OUTBOX_S else signs.unsound


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted. ``at`` is epoch ms; ``sequence`` counts from 1 within one ``run``.

    ``run`` is the start of the core, epoch ms. The parts are true: else there is no beat.
    """

    site: str
    at: int
    run: int
    sequence: int
    every_ms: int
    journal: bool = True
    engine: bool = True
    outbox: bool = True


class Heart:
    """Posts a signed beat to ``url`` each ``every_ms`` while ``signs`` are fresh."""

    def __init__(
        self,
        signs: Callable[[], Signs],
        pulse: Pulse,
        *,
        site: str,
        url: str,
        every_ms: int,
        secret: str = "",
        on_trouble: Callable[[str], None] = log.warning,
    ) -> None:
        self._signs = signs
        self._pulse = pulse
        self._site = site
        self._url = url
        self._every_ms = every_ms
        self._secret = secret.encode()
        self._on_trouble = on_trouble
        self._run = wall_ms()
        self._sequence = 0
        self._trouble = ""

    async def run(self) -> None:
        """Beat until cancelled. A beat that is missed is not made up for."""
        async with open_http(timeout_s=POST_S) as http:
            while True:
                began_s = time.monotonic()
                missing = self._pulse.missing(self._signs(), began_s)
                if missing:
                    parts = "; ".join(f"{part}: {why}" for part, why in missing.items())
                    self._tell(f"no beat is sent, so that the watcher elsewhere pages: {parts}")
                else:
                    body, headers = self._beat()
                    why = await _posted(http, self._url, body, headers)
                    host = host_of(self._url)
                    self._tell(why and f"no beat reaches {host}: {why}; look at the network")
                took_s = time.monotonic() - began_s
                await asyncio.sleep(max(0.0, self._every_ms / 1000 - took_s))

    def _beat(self) -> tuple[bytes, dict[str, str]]:
        self._sequence += 1
        at = wall_ms()
        beat = Beat(
            site=self._site,
            at=at,
            run=self._run,
            sequence=self._sequence,
            every_ms=self._every_ms,
        )
        body = msgspec.json.encode(beat)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            timestamp = str(at // 1000)
            headers |= {TIMESTAMP: timestamp, SIGNATURE: signature(self._secret, timestamp, body)}
        return body, headers

    def _tell(self, trouble: str) -> None:
        """Say when beats stop and when they go again, each once."""
        kind, before = trouble.partition(":")[0], self._trouble
        self._trouble = kind
        if kind and kind != before:
            self._on_trouble(trouble)
        elif before and not kind:
            self._on_trouble("beats are sent again")


async def _posted(http: HttpClient, url: str, body: bytes, headers: dict[str, str]) -> str:
    """Why a beat was not taken, empty when the answer was 2xx."""
    try:
        answer = await http.post(url, body, who="the receiver", headers=headers, read=False)
    except (TemporaryError, PermanentError) as error:
        return str(error)
    return "" if answer.good else f"it answered {answer.status}"
