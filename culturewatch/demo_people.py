"""The people of the demonstration: one enters batches, one is on call and acknowledges."""

import asyncio
import logging
import re
from pathlib import Path

import httpx
import msgspec

from alerts.notify.notifier import Message
from batches.batch import Signed
from batches.ledger import Ledger, wall_clock_ms
from culturewatch import paths
from culturewatch.site import Site

log = logging.getLogger(__name__)

ON_CALL, OPERATOR = "oncall", "demo"
CULTURE = "B-2026-0001"
THINKS_S = 3.0
LOOKS_EVERY_S = 0.5
_HIDDEN = re.compile(r"<input[^>]*type=\"hidden\"[^>]*>")
_ATTRIBUTE = re.compile(r"(name|value)=\"([^\"]*)\"")
_read = msgspec.json.Decoder(Message).decode


def enter_batches(site: Site) -> None:
    """Open three batches and put each where the story will trouble it."""
    ledger = _ledger(site)
    act = Signed(by=OPERATOR, at=wall_clock_ms())
    for batch, device, product, position in (
        (CULTURE, "inc1", "Fibroblasts, passage 2", "shelf 1"),
        ("B-2026-0002", "inc2", "Fibroblasts, passage 0", "shelf 2"),
        ("B-2026-0003", "ln2a", "Vials of passage 3", "rack 4"),
    ):
        ledger.open_batch(batch, product=product, act=act)
        ledger.place(batch, device, position=position, act=act)


def move_culture(site: Site) -> None:
    """Take the culture out of the incubator whose door stood open."""
    act = Signed(by=OPERATOR, reason="door of incubator 1 stood open")
    _ledger(site).move(CULTURE, "inc3", position="shelf 1", act=act)


class OnCall:
    """Reads the inbox, thinks a little, opens the link and presses the button."""

    def __init__(self, site: Site) -> None:
        self._inbox = paths.inbox(site.data)
        self._read = 0

    async def run(self) -> None:
        """Answer pages until cancelled."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            while True:
                for message in self._new():
                    if message.link and message.person == ON_CALL:
                        await asyncio.sleep(THINKS_S)
                        await self._acknowledge(client, message)
                await asyncio.sleep(LOOKS_EVERY_S)

    def _new(self) -> list[Message]:
        lines = _lines(self._inbox)
        fresh, self._read = lines[self._read :], len(lines)
        return [_read(line) for line in fresh]

    async def _acknowledge(self, client: httpx.AsyncClient, message: Message) -> None:
        try:
            page = await client.get(message.link)
            fields = [dict(_ATTRIBUTE.findall(tag)) for tag in _HIDDEN.findall(page.text)]
            form = {field["name"]: field.get("value", "") for field in fields}
            answer = await client.post(
                message.link,
                data=form | {"note": "I am on my way"},
                headers={"Origin": message.link.partition("/ack/")[0]},
            )
        except httpx.HTTPError as error:
            log.warning("the link of %s could not be opened: %s", message.id, error)
            return
        if not answer.is_success:
            log.warning("%s was not acknowledged: %d", message.id, answer.status_code)


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().split(b"\n") if line]
    except FileNotFoundError:
        return []


def _ledger(site: Site) -> Ledger:
    return Ledger(paths.ledger_url(site.data), devices=[device.id for device in site.devices])
