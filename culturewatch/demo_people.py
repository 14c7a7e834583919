"""The people of the demonstration: one enters batches, one is on call and acknowledges."""

import asyncio
import logging
import re
import secrets
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

from alerts.notify.notifier import Message
from batches.batch import Signed
from batches.enlisting import OneTime
from batches.ledger import Ledger
from batches.password import Passwords
from batches.people import People
from batches.person import SOFTWARE, Role
from culturewatch import paths
from culturewatch.site import Site
from storage.wall import wall_ms

log = logging.getLogger(__name__)

ADMIN, ON_CALL, OPERATOR, QA = "admin", "oncall", "demo", "quality"
CULTURE = "B-2026-0001"
THINKS_S = 3.0
LOOKS_EVERY_S = 0.5
PATIENCE_S = 10.0
_HIDDEN = re.compile(r"<input[^>]*type=\"hidden\"[^>]*>")
_ATTRIBUTE = re.compile(r"(name|value)=\"([^\"]*)\"")
_read = msgspec.json.Decoder(Message).decode


def enter_batches(site: Site) -> None:
    """Open three batches and put each where the story will trouble it."""
    ledger = _ledger(site)
    act = Signed(by=OPERATOR, at=wall_ms())
    for batch, device, product, position in (
        (CULTURE, "inc1", "Fibroblasts, passage 2", "shelf 1"),
        ("B-2026-0002", "inc2", "Fibroblasts, passage 0", "shelf 2"),
        ("B-2026-0003", "ln2a", "Vials of passage 3", "rack 4"),
    ):
        ledger.open_batch(batch, product=product, act=act)
        ledger.place(batch, device, position=position, act=act)


def enter_people(site: Site) -> str:
    """Enter the people of the demonstration; the password of all of them, made anew each time."""
    ledger, password = _ledger(site), secrets.token_urlsafe(12)
    people = People(ledger, Passwords(paths.passwords(site.data)))
    desk = OneTime(paths.bootstrap(site.data))
    token = people.bootstrap(desk, act=Signed(by=SOFTWARE, reason="demonstration"))
    people.begin(desk, token, ADMIN, name="Admin", password=password, by=ADMIN)
    for person, name, roles in (
        (OPERATOR, "Operator", (Role.OPERATOR, Role.SUPERVISOR)),
        (ON_CALL, "On call", (Role.ON_CALL,)),
        (QA, "Quality", (Role.QA,)),
    ):
        first = secrets.token_urlsafe(12)
        people.add(person, name=name, roles=roles, password=first, act=Signed(by=ADMIN))
        people.change_password(person, first, password)
    return password


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
        while True:
            for message in self._new():
                if message.link and message.person == ON_CALL:
                    await asyncio.sleep(THINKS_S)
                    await asyncio.to_thread(press, message)
            await asyncio.sleep(LOOKS_EVERY_S)

    def _new(self) -> list[Message]:
        lines = _lines(self._inbox)
        fresh, self._read = lines[self._read :], len(lines)
        return [_read(line) for line in fresh]


def press(message: Message) -> None:
    """Open the link of a page and press its button, as a browser does."""
    browser = build_opener(ProxyHandler({}))
    try:
        with browser.open(message.link, timeout=PATIENCE_S) as page:
            text = page.read().decode()
        fields = [dict(_ATTRIBUTE.findall(tag)) for tag in _HIDDEN.findall(text)]
        form = {field["name"]: field.get("value", "") for field in fields}
        form["note"] = "I am on my way"
        origin = message.link.partition("/ack/")[0]
        asked = Request(  # noqa: S310 # our own console's, from our own inbox
            message.link, data=urlencode(form).encode(), headers={"Origin": origin}
        )
        browser.open(asked, timeout=PATIENCE_S).close()
    except (URLError, TimeoutError) as error:
        log.warning("%s was not acknowledged: %s", message.id, error)


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().split(b"\n") if line]
    except FileNotFoundError:
        return []


def _ledger(site: Site) -> Ledger:
    return Ledger(site.ledger_url, devices=[device.id for device in site.devices])
