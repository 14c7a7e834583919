"""A real site with its rooms and its console, and a real browser in front of it."""

import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

from batches.batch import Signed
from batches.enlisting import OneTime
from batches.ledger import Ledger
from batches.password import Passwords
from batches.people import People
from culturewatch import paths
from culturewatch.site import Site, load
from simulators.rooms import Rooms
from tests.integration.laboratory import lay_out, program, rooms, until
from tests.services import missing

PASSWORD, FIRST = "correct horse 1", "given by an admin 1"
WALL = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
SHOTS = Path("build") / "screens"
_SERIOUS = {"serious", "critical"}
_TOKEN = re.compile(r"with the token  (\S+)")


class Lab:
    """A running site: ``rooms`` are its hardware, ``address`` is where its console is."""

    def __init__(self, site: Site, opened: Rooms, token: str, pid: int = 0) -> None:
        """``pid`` is that of the program that watches core and console."""
        self.site, self.rooms, self.token, self.pid = site, opened, token, pid
        self.address = f"http://127.0.0.1:{site.file.console.port}"

    def begin(self) -> None:
        """Enter the first admin by the token, as the form does."""
        ledger = Ledger(self.site.ledger_url)
        people = People(ledger, Passwords(paths.passwords(self.site.data)))
        desk = OneTime(paths.bootstrap(self.site.data))
        people.begin(desk, self.token, "ada", name="Ada", password=PASSWORD, by="ada")

    def signal_console(self, what: signal.Signals) -> None:
        """Send the console's process a signal, as to freeze it."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        (console,) = [
            int(child)
            for child in children
            if b"\0console\0" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        os.kill(console, what)

    def enter(self, person: str, *roles: str) -> None:
        """Enter a person whom the admin has let in, and who has chosen a password."""
        ledger = Ledger(self.site.ledger_url)
        people = People(ledger, Passwords(paths.passwords(self.site.data)))
        act = Signed(by="ada")
        people.add(person, name=person.title(), roles=roles, password=FIRST, act=act)
        people.change_password(person, FIRST, PASSWORD)


@asynccontextmanager
async def running(folder: Path, *, more: str = "") -> AsyncIterator[Lab]:
    """A site that has just been started for the first time; ``more`` is added to its file."""
    site = lay_out(folder)
    if more:
        site.path.write_text(f"{site.path.read_text()}\n{more}")
        site = load(site.path)
    async with rooms(site) as opened:
        with program("run", site.path, log=site.base / "run.log") as run:
            try:
                await until(lambda: serves(site), within_s=90.0, why=lambda: run.said)
                found = _TOKEN.search(run.said)
                assert found is not None, run.said
                yield Lab(site, opened, found[1], run.pid)
            finally:
                run.ask_to_end()
                await run.ended()


def serves(site: Site) -> bool:
    connection = HTTPConnection("127.0.0.1", site.file.console.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with running(tmp_path / "site") as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium; the product brings none of its own."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium", "install Debian's package of that name")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            await opened.close()


class Visit:
    """A browser of one size; ``faults`` are what its page complained of, or fetched elsewhere."""

    def __init__(self, page: Page, context: BrowserContext, lab: Lab) -> None:
        self.page, self.context, self.lab = page, context, lab
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self._complain(said.type, said.text))
        page.on("request", lambda request: self._fetched(request.url))

    def _complain(self, kind: str, text: str) -> None:
        # Answers that refuse, such as a wrong password's, are no fault of the page.
        if kind == "error" and "status of 4" not in text:
            self.faults.append(text)

    def _fetched(self, url: str) -> None:
        here = self.lab.address.removeprefix("http")
        if not url.startswith((f"http{here}", f"ws{here}", "data:", "blob:")):
            self.faults.append(f"fetched from elsewhere: {url}")

    async def go(self, path: str) -> None:
        """Open a screen."""
        await self.page.goto(f"{self.lab.address}{path}")

    async def log_in(self, person: str, *, to: str = "/now") -> None:
        """Log in by the form, as a person does, and be where one wanted to go."""
        await self.go(to)
        await self.page.get_by_label("Your id").fill(person)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.wait_for_url(f"**{to}")

    async def shoot(self, name: str) -> None:
        """Keep a picture as a build output; nothing may stick out of the window's sides."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        assert size is not None
        await self.page.screenshot(path=SHOTS / f"{name}-{size['width']}.png", full_page=True)
        width = await self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name}: {width} px wide"

    async def is_sound(self, within: str = "html") -> None:
        """No serious barrier by axe-core (WCAG 2.2 A and AA), and no complaint of the page.

        ``within`` leaves out what lies dimmed behind a dialog.
        """
        found = await Axe().run(
            self.page,
            context=within,
            options={
                "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
            },
        )
        barriers = [
            (
                each["id"],
                [(node["html"][:200], node["failureSummary"]) for node in each["nodes"][:3]],
            )
            for each in found.response["violations"]
            if each["impact"] in _SERIOUS
        ]
        assert not barriers, "\n".join(map(str, barriers))
        assert self.faults == []


@asynccontextmanager
async def visit(
    browser: Browser,
    lab: Lab,
    size: ViewportSize,
    *,
    locale: str = "en-GB",
    scheme: Literal["light", "dark"] = "light",
) -> AsyncIterator[Visit]:
    """Somebody in front of the console."""
    context = await browser.new_context(
        viewport=size, locale=locale, reduced_motion="reduce", color_scheme=scheme
    )
    try:
        yield Visit(await context.new_page(), context, lab)
    finally:
        await context.close()
