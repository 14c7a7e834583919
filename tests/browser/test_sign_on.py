"""A real browser that comes in by a provider of identities on another site, over the console's TLS.

The cookies are what is tried here: which of them a browser sends along on the way back from there.
"""

import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from culturewatch.site import Site, load
from tests.browser.conftest import PHONE, SHOTS, Lab
from tests.integration.certificates import Authority
from tests.integration.laboratory import lay_out, program, rooms, until
from tests.unit.console.oidc_house import CLIENT, SECRET, House, standing

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
_TOKEN = re.compile(r"with the token  (\S+)")
CONSOLE = """
[console.tls]
certificate = "lab.pem"
key = "lab.key"

[console.oidc]
issuer = "{issuer}"
client_id = "{client}"
secret = {{ file = "secret" }}
people = {{ olga = "u-olga" }}
name = "the house"
"""


@pytest.fixture
def house() -> Iterator[House]:
    """The provider, by a name that is another site than the console's address."""
    with standing() as found:
        found.issuer = found.issuer.replace("127.0.0.1", "localhost")
        found.user = "u-olga"
        yield found


def laid_out(folder: Path, house: House) -> Site:
    site = lay_out(folder)
    _, key = Authority(folder).issue("lab", host="127.0.0.1")
    key.chmod(0o600)
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    with site.path.open("a", encoding="utf-8") as file:
        file.write(CONSOLE.format(issuer=house.issuer, client=CLIENT))
    return load(site.path)


def serves(site: Site) -> bool:
    trust = ssl.create_default_context(cafile=site.base / "ca.pem")
    port = site.file.console.port
    connection = HTTPSConnection("127.0.0.1", port, timeout=5, context=trust)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@asynccontextmanager
async def running(folder: Path, house: House) -> AsyncIterator[Lab]:
    site = laid_out(folder, house)
    async with rooms(site) as opened:
        with program("run", site.path, log=site.base / "run.log") as run:
            try:
                await until(lambda: serves(site), within_s=90.0, why=lambda: run.said)
                found = _TOKEN.search(run.said)
                assert found is not None, run.said
                lab = Lab(site, opened, found[1])
                lab.address = site.public_url
                yield lab
            finally:
                run.ask_to_end()
                await run.ended()


async def cookies_of(page: Page) -> dict[str, tuple[bool, str]]:
    found = await page.context.cookies()
    return {each["name"]: (each["secure"], each["sameSite"]) for each in found}


async def test_a_person_comes_in_by_the_provider_and_goes_out_there_too(
    tmp_path: Path, house: House, browser: Browser
) -> None:
    async with running(tmp_path / "site", house) as lab:
        lab.begin()
        lab.enter("olga", "operator")
        # The authority is known to the tests only, and a browser takes no file of it.
        context = await browser.new_context(viewport=PHONE, ignore_https_errors=True)
        page = await context.new_page()
        await page.goto(f"{lab.address}/alarms")
        await page.wait_for_url("**/login?next=%2Falarms")
        SHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SHOTS / "login-provider-390.png", full_page=True)
        await page.get_by_role("link", name="Log in through the house").click()
        await page.wait_for_url(f"{lab.address}/alarms")
        # The screen lives: its channel is let in by the session.
        await expect(page.get_by_role("button", name="Log out")).to_be_visible()
        cookies = await cookies_of(page)
        assert cookies["__Host-culturewatch"] == (True, "Strict")
        assert "__Host-culturewatch-oidc" not in cookies
        await page.get_by_role("button", name="Log out").click()
        await page.wait_for_url(f"{house.issuer}/goodbye?**")
        assert "__Host-culturewatch" not in await cookies_of(page)
        await page.goto(f"{lab.address}/alarms")
        await page.wait_for_url("**/login?next=%2Falarms")
        await context.close()
